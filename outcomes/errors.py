"""Reports that the rules forbid."""

from __future__ import annotations

from kernel.errors import DomainError


class RefusedReportError(DomainError):
    """A report that the rules forbid but that must not be lost; `incident_kind` says as what it is kept.

    An operator must look: the engine did, or says it did, what it was not allowed to do.
    """

    def __init__(self, code: str, detail: str, *, incident_kind: str) -> None:
        super().__init__(code, detail)
        self.incident_kind = incident_kind
