"""What this app adds to the worker below it."""

from __future__ import annotations

from experiments.worker import pipeline, schedules
from policies.core.settings import GUARDRAILS


def test_every_guardrail_of_a_policy_is_measured() -> None:
    assert set(pipeline.MEASURES) == set(GUARDRAILS)


def test_exit_directives_expire_by_a_schedule() -> None:
    assert schedules.EVERY_MINUTE["expire exit directives"] == "outcomes.tasks.expire_directives"
