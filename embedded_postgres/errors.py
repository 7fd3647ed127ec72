"""The one error of the embedded PostgreSQL, and its form between processes."""

from __future__ import annotations

import errno
import json
import os


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL cannot run; whoever starts the program follows `advice`.

    `code` is a stable word for programs, `problem` says what happened, `advice` what to do.
    """

    def __init__(self, code: str, problem: str, advice: str) -> None:
        super().__init__(f"{problem} {advice}")
        self.code = code
        self.problem = problem
        self.advice = advice

    def __reduce__(self) -> tuple[type[EmbeddedPostgresError], tuple[str, str, str]]:
        return type(self), (self.code, self.problem, self.advice)

    def to_json(self) -> str:
        """One line of JSON for `from_json`."""
        return json.dumps({"code": self.code, "problem": self.problem, "advice": self.advice})

    @classmethod
    def from_json(cls, line: str) -> EmbeddedPostgresError:
        """Rebuild an error from `to_json`; raise ValueError for any other text."""
        fields = json.loads(line)
        if not isinstance(fields, dict) or not {"code", "problem", "advice"} <= fields.keys():
            raise ValueError(f"not an embedded PostgreSQL error: {line!r}")
        return cls(fields["code"], fields["problem"], fields["advice"])


CODES_BY_ERRNO = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_full",
    errno.EACCES: "not_writable",
    errno.EPERM: "not_writable",
    errno.EROFS: "not_writable",
}


def from_os_error(error: OSError, doing: str) -> EmbeddedPostgresError:
    """Translate a failed file operation; `doing` completes "cannot ..."."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    where = f" ({os.fsdecode(error.filename)})" if error.filename else ""
    return EmbeddedPostgresError(
        CODES_BY_ERRNO.get(error.errno or 0, "not_usable"),
        f"The embedded PostgreSQL cannot {doing}: {reason}{where}.",
        "Make the directory writable for this user and free some disk space, "
        "or set DATABASE_URL to a PostgreSQL server.",
    )
