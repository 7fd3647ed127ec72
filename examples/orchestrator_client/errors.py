"""What can go wrong, as one exception."""

from __future__ import annotations

from typing import Any


class OrchestratorError(Exception):
    """The orchestrator rejected a call, or could not be reached.

    `status` is the HTTP status, 0 when there was no answer. `code` is the stable name to branch on
    (`conflict`, `double_execution_prevented`, ...), `unreachable` when there was no answer. `errors`
    lists the offending fields as `{pointer, code, detail}`; `request_id` finds the request in the
    server's log.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(f"{status} {code}: {detail}" + (f" (request {request_id})" if request_id else ""))
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors or []
        self.request_id = request_id

    @classmethod
    def from_answer(cls, status: int, document: Any) -> OrchestratorError:
        """The error of an answer with status 400 or above (RFC 9457)."""
        if not isinstance(document, dict):
            return cls(status, "not_a_problem_document", "The answer is an error without a problem document.")
        return cls(
            status,
            str(document.get("code", "unknown")),
            str(document.get("detail", "")),
            errors=document.get("errors"),
            request_id=str(document.get("request_id", "")),
        )


class ContextHashError(ValueError):
    """An assignment's market context does not have the hash it came with: do not trade on it."""
