"""Why an alert, a sender or a source is refused."""

from __future__ import annotations

from kernel.errors import DomainError


class AlertError(DomainError):
    """The alert cannot become a signal; whoever wrote the alert message must change it.

    ``code`` is one of the public codes, ``detail`` one sentence for people that never holds a
    secret, ``field`` the member it is about ("" when it is about the whole body).
    """

    def __init__(self, code: str, detail: str, field: str = "") -> None:
        super().__init__(code, detail, f"/{field.replace('.', '/')}" if field else "")
        self.field = field


class UnauthorizedError(DomainError):
    """Token, sender or secret is not what the source expects; the answer never says which."""

    def __init__(self) -> None:
        super().__init__("unauthorized", "The webhook URL or the secret is not valid.")


class RateLimitedError(DomainError):
    """The source has sent as much as it may in a minute; ``wait`` is in seconds."""

    def __init__(self, limit: int, wait: float) -> None:
        super().__init__("rate_limited", f"This source may send {limit} alerts a minute; send again later.")
        self.wait = wait


class SourceError(DomainError):
    """A webhook source cannot be created or changed as asked; the operator must ask differently."""


class MarketDataConflictError(DomainError):
    """Different data is already stored for this symbol, instant and feeder, and was kept."""

    def __init__(self, detail: str) -> None:
        super().__init__("conflict", detail)
