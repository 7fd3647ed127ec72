"""Calls of the API on a shorter way through Django than pages: an engine calls many times a second.

Of the signals that Django sends around a request, only the look at the database's connection concerns a call; of the
middleware, what stands in front of `ApiMiddleware`. That nothing of an answer changes by it is held by
tests/orchestrator_site/web/test_calls.py, against Django's own way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware
from django.utils.log import log_response

from orchestrator_site.web.handling import ApiMiddleware, ClientAddressMiddleware, RequestIdMiddleware, is_call


class Content(list[bytes]):
    """What a call is answered with; WSGI closes it once it is sent."""

    def __init__(self, content: bytes, database: BaseDatabaseWrapper) -> None:
        super().__init__([content])
        self._database = database

    def close(self) -> None:
        """Look at the connection again, as Django does: it may have been left within a transaction."""
        self._database.close_if_unusable_or_obsolete()


class SiteHandler(WSGIHandler):
    """The site as a WSGI application."""

    def __init__(self) -> None:
        super().__init__()
        self._answer_call = call_chain()

    def __call__(  # type: ignore[override]  # WSGI asks for no more than parts
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a call of the API the short way, all else as Django does."""
        if not is_call(environ.get("PATH_INFO", "")):
            return super().__call__(environ, start_response)
        database = connections["default"]
        database.close_if_unusable_or_obsolete()
        # No call makes a URL, for which Django would note here below which path the site lies.
        request = self.request_class(environ)
        response = self._answer_call(request)
        if response.status_code >= 400:
            log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)
        cookies = [("Set-Cookie", cookie.output(header="")) for cookie in response.cookies.values()]
        start_response(f"{response.status_code} {response.reason_phrase}", [*response.items(), *cookies])
        # Nothing of a call is uploaded into files, so that the request itself has nothing to close.
        return response if response.streaming else Content(response.content, database)


def call_chain() -> Callable[[HttpRequest], HttpResponse]:
    """What stands in MIDDLEWARE down to `ApiMiddleware`, without what concerns probes and pages alone.

    An error becomes an answer where it does in Django: whatever a call raises gets the headers of every answer.
    """
    answered: Any = convert_exception_to_response
    secured: Any = SecurityMiddleware(answered(ApiMiddleware(_no_page)))
    return RequestIdMiddleware(answered(ClientAddressMiddleware(secured)))


def _no_page(request: HttpRequest) -> HttpResponse:
    raise AssertionError(f"{request.path_info} is no call of the API.")
