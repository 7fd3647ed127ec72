"""What an example engine remembers across restarts: the work it took and the trades it knows closed.

One JSON document a line, only ever appended to. Everything else follows from it, because the engines'
decisions are functions of the assignments and every call of the API may be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class Journal:
    """An append-only file of assignments and closed experiments; without a path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file = None
        self._kept: list[dict[str, Any]] = []
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+", encoding="utf-8")
            self._file.seek(0)
            self._kept = list(_complete_lines(self._file))

    def assignments(self) -> list[dict[str, Any]]:
        """Return the assignments of earlier runs, in the order they came."""
        return [line["assignment"] for line in self._kept if "assignment" in line]

    def closed(self) -> set[str]:
        """Return the experiments whose trade had been closed when the last run ended."""
        return {line["closed"] for line in self._kept if "closed" in line}

    def note_assignment(self, assignment: dict[str, Any]) -> None:
        """Remember an assignment; call it before answering, so that no opened trade is forgotten."""
        self._append({"assignment": assignment})

    def note_closed(self, experiment_id: str) -> None:
        """Remember that nothing is left to do for this experiment's trade."""
        self._append({"closed": experiment_id})

    def _append(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()


def _complete_lines(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.endswith("\n"):  # a line cut off by a kill was not answered either
            yield json.loads(line)
