"""WSGI entry point; any WSGI server can run it."""

import gc
import os
from io import StringIO

import django
from django.core.management import call_command
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
django.setup(set_prefix=False)
# By its name: it can be imported only now that the apps are there.
application = import_string("orchestrator_site.web.calls.SiteHandler")()

# A WSGI server runs no system checks by itself; a wrong setting must stop it too (R12.5).
call_command("check", stdout=StringIO())

# What is loaded stays: each full collection would look at a million objects for nothing, a seventh of what calls cost.
gc.collect()
gc.freeze()
