"""What the worker runs for this app."""

from __future__ import annotations

from outcomes import services
from outcomes.evaluations.judging import judge_due
from outcomes.performance.months import add_up_months
from outcomes.services.due import DUE

# Whether anything waits for the clock: each part is answered by a partial index that holds little else.
WORK_IS_DUE = f"SELECT EXISTS ({DUE})"


def settle_due() -> int:
    """Settle what is due; the number of items that moved."""
    return services.settle_due()


# So that the worker comes back to its signals in time; what is left is judged a minute later.
MOST_SECONDS = 2.0


def judge_evaluations() -> int:
    """Judge the blocks that have closed; the number of rows that it wrote."""
    return judge_due(seconds=MOST_SECONDS)


def add_up_finished_months() -> int:
    """Make the sums of the report's months that are over; the number of months."""
    return add_up_months(seconds=MOST_SECONDS)
