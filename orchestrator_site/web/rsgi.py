"""RSGI entry point, for granian; any WSGI server runs `wsgi.py` instead."""

from django.conf import settings

from orchestrator_site.wsgi import application as site

from orchestrator_site.web.handling import RequestThreads, WebhookHandler  # isort: skip (Django is set up by then)

application = RequestThreads(
    site, WebhookHandler(), threads=settings.WEB_THREADS, webhook_threads=settings.WEBHOOK_THREADS
)
