"""Errors of signals_app; attributes carry the facts, so that nobody parses a message."""

from __future__ import annotations


class SignalsAppError(Exception):
    """Something in signals_app could not be done."""


class AlertError(SignalsAppError):
    """The alert cannot become a signal; whoever wrote the alert message must change it.

    ``code`` is one of the public codes, ``detail`` one sentence for people that never holds a
    secret, ``field`` the member it is about ("" when it is about the whole body).
    """

    def __init__(self, code: str, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field


class CanonicalFormError(SignalsAppError):
    """A document holds something that canonical JSON cannot say; the caller must convert it first."""
