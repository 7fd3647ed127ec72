"""WSGI entry point; any WSGI server can run it."""

import gc
import os
from io import StringIO

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
application = get_wsgi_application()

# A WSGI server runs no system checks by itself; a wrong setting must stop it too (R12.5).
call_command("check", stdout=StringIO())

# What is loaded stays: each full collection would look at a million objects for nothing, a seventh of what calls cost.
gc.collect()
gc.freeze()
