"""Errors of what the engines report. The domain does not know HTTP; orchestrator_site/api_errors.py does."""

from __future__ import annotations


class OutcomesError(Exception):
    """Something asked for cannot be done; `code` says what, `detail` what to do about it."""

    def __init__(self, code: str, detail: str, pointer: str = "") -> None:
        """Keep the machine code, one sentence for people and the JSON pointer of the field, if any."""
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.pointer = pointer


class RefusedReportError(OutcomesError):
    """A report that the rules forbid but that must not be lost; `incident_kind` says as what it is kept.

    An operator must look: the engine did, or says it did, what it was not allowed to do.
    """

    def __init__(self, code: str, detail: str, *, incident_kind: str) -> None:
        """Keep the error and the kind of the incident it leaves."""
        super().__init__(code, detail)
        self.incident_kind = incident_kind
