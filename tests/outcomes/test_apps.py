"""What this app adds to the worker below it."""

from __future__ import annotations

from experiments.worker import pipeline, queue, supervisor
from outcomes.tasks import WORK_IS_DUE
from policies.core.settings import GUARDRAILS


def test_every_guardrail_of_a_policy_is_measured() -> None:
    assert set(pipeline.MEASURES) == set(GUARDRAILS)


def test_what_falls_due_is_settled_by_the_worker() -> None:
    assert (WORK_IS_DUE, "outcomes.tasks.settle_due") in queue.DUE_WORK
    assert WORK_IS_DUE in [errand.is_due for errand in supervisor.ERRANDS]
