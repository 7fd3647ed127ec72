"""What this app adds to the worker below it."""

from __future__ import annotations

from experiments.worker import pipeline, queue, supervisor
from outcomes.tasks import DAY_SECONDS, DAYS_ARE_DUE, WORK_IS_DUE
from policies.core.settings import GUARDRAILS


def test_every_guardrail_of_a_policy_is_measured() -> None:
    assert set(pipeline.MEASURES) == set(GUARDRAILS)


def test_what_falls_due_is_settled_by_the_worker() -> None:
    assert (WORK_IS_DUE, "outcomes.tasks.settle_due") in queue.DUE_WORK
    assert WORK_IS_DUE in [errand.is_due for errand in supervisor.ERRANDS]


def test_the_sums_of_a_large_day_hold_up_no_exit_and_are_not_taken_for_a_hang() -> None:
    assert (DAYS_ARE_DUE, "outcomes.tasks.rebuild_days") in queue.DUE_WORK
    assert {errand.is_due: errand.longest for errand in supervisor.ERRANDS}[DAYS_ARE_DUE] == DAY_SECONDS
