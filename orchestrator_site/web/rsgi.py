"""RSGI entry point, for granian."""

from django.conf import settings

from orchestrator_site.web.request_threads import RequestThreads
from orchestrator_site.wsgi import application as site

from orchestrator_site.web.webhook_handler import WebhookHandler  # isort: skip (Django is set up by then)

application = RequestThreads(
    site, WebhookHandler(), threads=settings.WEB_THREADS, webhook_threads=settings.WEBHOOK_THREADS
)
