"""How far the demo's signals have come, in numbers and as a line of progress."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from demo.accounts import SOURCE
from kernel.progress import bar
from kernel.sql import load

COUNTS = load(__file__, "counts.sql")
# A terminal of 80 columns shows the whole line.
BAR_WIDTH = 14


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of the demo's own signals."""

    signals: int
    decisions: int
    answers_a: int
    answers_b: int
    openings: int
    real_trades: int
    shadow_trades: int
    real_open: int
    shadow_open: int
    own_exits_missing: int
    directives_pending: int
    outcomes: int

    @property
    def is_complete(self) -> bool:
        """Whether every flow that began has ended."""
        # Both engines answer every signal, also by declining it; only openings are followed by trades.
        answered = self.signals == self.decisions == self.answers_a == self.answers_b
        traded = self.openings == self.real_trades + self.shadow_trades
        waiting = self.real_open or self.shadow_open or self.own_exits_missing or self.directives_pending
        return answered and traded and not waiting

    def progress(self, *, sent: int, to_send: int, rate: float) -> str:
        """One line of 79 characters at most, with a thousand alerts: their rate, and how far their flows have come."""
        # More may be there than was sent: an earlier run on the same database.
        done = sent + min(self.answers_a, to_send) + min(self.answers_b, to_send)
        answers = self.answers_a + self.answers_b
        return (
            f"{bar(done, 3 * to_send, BAR_WIDTH)} {sent}/{to_send} alerts {rate:.0f}/s, {self.decisions} decided,"
            f" {answers} answers, {self.outcomes} outcomes"
        )


def count() -> Counts:
    """The numbers as of now."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, {"source": SOURCE})
        row = cursor.fetchone()
    assert row is not None
    return Counts(*row)
