"""What must hold of stored rows: named statements that list the rows which break a rule.

A file of them is read by `read_invariants`. Each statement begins with three kinds of comment lines::

    -- invariant: decided_once
    -- once: traded                   (only where the rule does not hold at every moment, see Invariant.once)
    -- Every signal has one decision. (what it says, in one sentence or more)
    SELECT ...;
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from kernel.sql import load

Progress = Callable[[int, int], None]
Row = Mapping[str, Any]
MARK, ONCE = "-- invariant: ", "-- once: "


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule that stored rows must keep.

    `find` lists what breaks it: as SQL, in which `%(source)s` is the webhook source to look at (null for all), or as a
    function that is given a way to show its progress. Some rules hold only `once` all signals are decided ("decided"),
    or once all trades have been closed, too ("traded"); "" holds at every moment.
    """

    name: str
    says: str
    find: str | Callable[[Progress | None], Iterable[Row]]
    once: str = ""

    def violations(self, source: str | None = None, progress: Progress | None = None) -> Iterable[Row]:
        """The rows that break the rule; none when it holds."""
        if not isinstance(self.find, str):
            return self.find(progress)
        with connection.cursor() as cursor:
            cursor.execute(self.find, {"source": source})
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def read_invariants(module_file: str, name: str) -> tuple[Invariant, ...]:
    """The invariants of the ``.sql`` file beside a module, in its order."""
    invariants = []
    for part in load(module_file, name).split(MARK)[1:]:
        title, *lines = part.splitlines()
        comments = [line for line in lines if line.startswith("-- ")]
        once = "".join(line.removeprefix(ONCE) for line in comments if line.startswith(ONCE))
        says = " ".join(line.removeprefix("-- ") for line in comments if not line.startswith(ONCE))
        statement = "\n".join(line for line in lines if not line.startswith("-- ")).strip().removesuffix(";")
        invariants.append(Invariant(title, says, statement, once))
    return tuple(invariants)
