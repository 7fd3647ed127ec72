"""What an example engine remembers across restarts: work it took, real orders it sent, trades it knows closed.

One JSON document a line, only ever appended to. Everything else follows from it, because the engines'
decisions are functions of the assignments and every call of the API may be repeated.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Journal:
    """An append-only file of assignments and closed experiments; without a path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        """Read what is there; cut off a last line that a kill left unfinished: it was not acted upon."""
        self._file = None
        self._kept: list[dict[str, Any]] = []
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab+")
            self._file.seek(0)
            content = self._file.read()
            complete = content[: content.rfind(b"\n") + 1]
            self._file.truncate(len(complete))
            self._kept = [json.loads(line) for line in complete.splitlines()]

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def assignments(self) -> list[dict[str, Any]]:
        """The assignments of earlier runs, in the order they came."""
        return [line["assignment"] for line in self._kept if "assignment" in line]

    def closed(self) -> set[str]:
        """The experiments whose trade had been closed when the last run ended."""
        return {line["closed"] for line in self._kept if "closed" in line}

    def ordered(self) -> set[str]:
        """The experiments whose real order may have gone out when the last run ended."""
        return {line["ordered"] for line in self._kept if "ordered" in line}

    def note_assignment(self, assignment: dict[str, Any]) -> None:
        """Remember an assignment; call it before answering, so that no opened trade is forgotten."""
        self._append({"assignment": assignment})

    def note_ordered(self, experiment_id: str) -> None:
        """Remember that a real order goes out now; call it before sending the order."""
        self._append({"ordered": experiment_id})

    def note_closed(self, experiment_id: str) -> None:
        """Remember that nothing is left to do for this experiment's trade."""
        self._append({"closed": experiment_id})

    def _append(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()
