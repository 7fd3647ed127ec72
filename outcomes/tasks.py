"""What the worker runs for this app."""

from __future__ import annotations

from outcomes import services
from outcomes.evaluations.judging import judge_due
from outcomes.performance.due_days import DUE_DAYS, rebuild_due_days
from outcomes.performance.months import add_up_months
from outcomes.services.due import DUE

# Whether anything waits for the clock: each part is answered by a partial index that holds little else.
WORK_IS_DUE = f"SELECT EXISTS ({DUE})"
DAYS_ARE_DUE = f"SELECT EXISTS ({DUE_DAYS})"
# The sums of a day are one transaction, and fifty thousand trades take half a minute. Nobody waits for them: until they
# are made, reports read the rows of that day.
DAY_SECONDS = 600.0


def settle_due() -> int:
    """Settle what is due; the number of items that moved."""
    return services.settle_due()


# So that the worker comes back to its signals in time; what is left is judged a minute later.
MOST_SECONDS = 2.0


def rebuild_days() -> int:
    """Make the sums of the report's days that are out of date; the number of days."""
    return rebuild_due_days(seconds=MOST_SECONDS)


def judge_evaluations() -> int:
    """Judge the blocks that have closed; the number of rows that it wrote."""
    return judge_due(seconds=MOST_SECONDS)


def add_up_finished_months() -> int:
    """Make the sums of the report's months that are over; the number of months."""
    return add_up_months(seconds=MOST_SECONDS)
