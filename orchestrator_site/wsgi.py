"""WSGI entry point; any WSGI server can run it."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
_django = get_wsgi_application()

from django.conf import settings  # noqa: E402 (Django is set up above)

from orchestrator_site.bulkhead import Bulkhead  # noqa: E402

application = Bulkhead(_django, slots=settings.WEB_THREADS - settings.WEBHOOK_THREADS)
