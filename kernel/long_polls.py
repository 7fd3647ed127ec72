"""Calls that wait until there is something to answer."""

from __future__ import annotations

from collections.abc import Callable
from threading import BoundedSemaphore
from time import monotonic, sleep
from typing import TypeVar

from django.conf import settings

from kernel.errors import DomainError

T = TypeVar("T")

MAX_WAIT_SECONDS = 25
# How often a waiting call looks again. The work of a desk comes in minutes, not in milliseconds.
LOOK_AGAIN_SECONDS = 0.25
# A waiting call holds a thread of the web server; only so many may wait at a time.
_waiting = BoundedSemaphore(max(settings.LONG_POLLS, 1))


class TooManyPollsError(DomainError):
    """As many calls wait already as may."""

    wait = 0.0  # seconds; Retry-After is the next whole one

    def __init__(self) -> None:
        super().__init__("too_many_polls", "Too many calls are waiting; try again, or send wait_seconds 0.")


def wait_for(look: Callable[[], list[T]], wait_seconds: float) -> list[T]:
    """What `look` finds; look again for up to `wait_seconds` while it finds nothing.

    Raise `too_many_polls` when as many calls wait already as may: an empty answer before its time would have a
    client that trusts the wait ask again at once, for ever.
    """
    found = look()
    if found or not wait_seconds:
        return found
    if not settings.LONG_POLLS or not _waiting.acquire(blocking=False):
        raise TooManyPollsError
    try:
        deadline = monotonic() + wait_seconds
        while not found and monotonic() < deadline:
            sleep(LOOK_AGAIN_SECONDS)
            found = look()
        return found
    finally:
        _waiting.release()
