"""Errors of signals_app; attributes carry the facts, so that nobody parses a message."""

from __future__ import annotations


class SignalsAppError(Exception):
    """Something in signals_app could not be done.

    ``code`` is for machines, ``detail`` one sentence for people, ``pointer`` the JSON pointer of the
    field it is about, if any.
    """

    code = "invalid"
    pointer = ""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class AlertError(SignalsAppError):
    """The alert cannot become a signal; whoever wrote the alert message must change it.

    ``code`` is one of the public codes, ``detail`` one sentence for people that never holds a
    secret, ``field`` the member it is about ("" when it is about the whole body).
    """

    def __init__(self, code: str, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.field = field
        self.pointer = f"/{field.replace('.', '/')}" if field else ""


class CanonicalFormError(SignalsAppError):
    """A document holds something that canonical JSON cannot say; the caller must convert it first."""


class UnauthorizedError(SignalsAppError):
    """Token, sender or secret is not what the source expects; the answer never says which."""

    code = "unauthorized"

    def __init__(self) -> None:
        super().__init__("The webhook URL or the secret is not valid.")


class RateLimitedError(SignalsAppError):
    """The source has sent as much as it may in a minute; ``wait`` is in seconds."""

    code = "rate_limited"

    def __init__(self, limit: int, wait: float) -> None:
        super().__init__(f"This source may send {limit} alerts a minute; send again later.")
        self.wait = wait


class SourceError(SignalsAppError):
    """A webhook source cannot be made or changed as asked; the operator must ask differently."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class MarketDataConflictError(SignalsAppError):
    """Other data stand for this symbol, instant and feeder; the first stand."""

    code = "conflict"
