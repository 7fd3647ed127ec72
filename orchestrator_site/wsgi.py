"""WSGI entry point; any WSGI server can run it."""

import os
from io import StringIO

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
_django = get_wsgi_application()

from django.conf import settings  # noqa: E402 (Django is set up above)
from django.core.management import call_command  # noqa: E402

from orchestrator_site.bulkhead import Bulkhead  # noqa: E402
from orchestrator_site.webhook_handler import WebhookHandler  # noqa: E402

# A WSGI server runs no system checks by itself; a wrong setting must stop it too (R12.5).
call_command("check", stdout=StringIO())
application = Bulkhead(_django, slots=settings.WEB_THREADS - settings.WEBHOOK_THREADS, webhook=WebhookHandler())
