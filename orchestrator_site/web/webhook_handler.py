"""The webhook's own way through Django: the same view, with the middleware it needs and no other.

Sessions, messages, static files and forms are nothing to it.
"""

from __future__ import annotations

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.module_loading import import_string

# The id for logs and answers; HTTPS only, where the settings say so.
MIDDLEWARE = ("orchestrator_site.web.middleware.RequestIdMiddleware", "django.middleware.security.SecurityMiddleware")


class WebhookHandler(WSGIHandler):
    """Django's WSGI handler with a shorter chain; errors of the database are answered by the view itself."""

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002 (Django's signature)
        """Build the chain, as Django does from its settings."""
        # django-stubs know none of these.
        self._view_middleware: list[object] = []
        self._template_response_middleware: list[object] = []
        self._exception_middleware: list[object] = []
        chain = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]
        for path in reversed(MIDDLEWARE):
            chain = convert_exception_to_response(import_string(path)(chain))
        # Last, because it says that the handler is complete.
        self._middleware_chain = chain

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with a length, as Django's CommonMiddleware does: without one the answer goes out in chunks."""
        response = super().get_response(request)
        if isinstance(response, HttpResponse):
            response["Content-Length"] = str(len(response.content))
        return response
