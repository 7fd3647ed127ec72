"""Errors of turning signals into decisions. The domain does not know HTTP; orchestrator_site/api_errors.py does."""

from __future__ import annotations


class ExperimentsError(Exception):
    """Something asked for cannot be done; `code` says what, `detail` what to do about it."""

    def __init__(self, code: str, detail: str, pointer: str = "") -> None:
        """Keep the machine code, one sentence for people and the JSON pointer of the field, if any."""
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.pointer = pointer
