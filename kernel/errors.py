"""The one error that the domain raises, and how it says what happened."""

from __future__ import annotations

from kernel.problems import PROBLEMS, Problem


class DomainError(Exception):
    """Something asked for cannot be done.

    ``code`` is for machines and stands in `kernel.problems` with its HTTP status and what to do about it;
    ``detail`` is one sentence for people; ``pointer`` is the JSON pointer of the field it is about, "" for none.
    """

    def __init__(self, code: str, detail: str, pointer: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        # An unknown code fails where it is raised, not where somebody looks for its status.
        self.problem: Problem = PROBLEMS[code]
        self.code = code
        self.detail = detail
        self.pointer = pointer


def gone(*rows: str) -> DomainError:
    """`history_incomplete` for rows that others need and that somebody deleted past all triggers, each in words."""
    return DomainError("history_incomplete", f"Deleted from the database: {', '.join(rows)}.")


class CanonicalFormError(DomainError):
    """A document holds something that canonical JSON cannot express; the caller must convert it first."""

    def __init__(self, detail: str) -> None:
        super().__init__("no_canonical_form", detail)
