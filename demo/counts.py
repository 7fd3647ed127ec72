"""How far the demo's signals have come."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from demo.accounts import SOURCE

# One statement, so that the numbers belong together.
COUNTS = """
WITH mine AS (
    SELECT e.experiment_id FROM signals s JOIN experiments e USING (signal_id) WHERE s.source = %(source)s
)
SELECT
    (SELECT count(*) FROM signals WHERE source = %(source)s),
    (SELECT count(*) FROM execution_policy JOIN mine USING (experiment_id)),
    (SELECT count(*) FROM recommendations JOIN mine USING (experiment_id) WHERE engine = 'A'),
    (SELECT count(*) FROM recommendations JOIN mine USING (experiment_id) WHERE engine = 'B'),
    (SELECT count(*) FROM recommendations JOIN mine USING (experiment_id) WHERE action = 'OPEN'),
    (SELECT count(*) FROM real_trades JOIN mine USING (experiment_id)),
    (SELECT count(*) FROM shadow_trades JOIN mine USING (experiment_id)),
    (SELECT count(*) FROM real_trades JOIN mine USING (experiment_id) WHERE status = 'OPEN'),
    (SELECT count(*) FROM shadow_trades JOIN mine USING (experiment_id) WHERE status = 'OPEN'),
    (SELECT count(*) FROM exit_directives JOIN mine USING (experiment_id) WHERE state = 'PENDING'),
    (SELECT count(*) FROM real_outcomes JOIN mine USING (experiment_id))
        + (SELECT count(*) FROM shadow_outcomes JOIN mine USING (experiment_id))
"""


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
    directives_pending: int
    outcomes: int

    @property
    def is_complete(self) -> bool:
        """Tell whether every flow that began has ended."""
        answered = self.signals == self.decisions == self.answers_a == self.answers_b
        traded = self.openings == self.real_trades + self.shadow_trades
        return answered and traded and not (self.real_open or self.shadow_open or self.directives_pending)


def count() -> Counts:
    """Return the numbers as of now."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, {"source": SOURCE})
        row = cursor.fetchone()
    assert row is not None
    return Counts(*row)
