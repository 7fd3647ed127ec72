"""What is answered to too many who sign in at once, and to one who fails too often."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from orchestrator_site.sign_in.hashing import TooManyPasswordsError

# What waits for an identity provider takes a thread that could serve the kill switch.
AT_THE_PROVIDER = 3
OIDC = "/admin/account/oidc/"


class CrowdMiddleware:
    """Let few sign in by the identity provider at once, and tell whom the hasher has turned away."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._places = threading.BoundedSemaphore(AT_THE_PROVIDER)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass it on, or answer 429."""
        if not request.path_info.startswith(OIDC):
            return self.get_response(request)
        if not self._places.acquire(blocking=False):
            return _busy()
        try:
            return self.get_response(request)
        finally:
            self._places.release()

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """429 where too many passwords are hashed already, on whichever page; other exceptions pass."""
        return _busy() if isinstance(exception, TooManyPasswordsError) else None


def locked_out(request: HttpRequest, credentials: dict[str, Any], *_: object, **__: object) -> HttpResponse:
    """Answer somebody who has tried too often."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    return _too_many("Too many failed attempts", f"Try again in {minutes} minutes.", seconds=minutes * 60)


def _busy() -> HttpResponse:
    text = "Nothing was changed. Go back and try again in a few seconds."
    return _too_many("Too many people are signing in at once", text, seconds=2)


def _too_many(title: str, text: str, *, seconds: int) -> HttpResponse:
    page = render_to_string("429.html", {"title": title, "text": text})
    return HttpResponse(page, status=429, headers={"Retry-After": str(seconds)})
