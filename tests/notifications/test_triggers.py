"""What happens once is an event of its own transaction, whoever wrote the row."""

from __future__ import annotations

import pytest
from django.db.models.functions import Now

from notifications.models import Event
from outcomes.evaluations import judging
from outcomes.evaluations.lifecycle import finish_evaluation
from outcomes.models import Incident
from tests.factories import make_experiment
from tests.outcomes.evaluations.hall import ANN, Hall, make_phase, started

pytestmark = pytest.mark.django_db


def texts(kind: str) -> list[str]:
    return list(Event.objects.filter(kind=kind).order_by("pk").values_list("text", flat=True))


def test_an_incident_is_told_by_its_engine_and_why() -> None:
    Incident.objects.create(
        experiment=make_experiment("A"), engine="B", kind="double_execution_prevented", report={}, report_hash="0" * 64,
        detail="Engine B reported a real trade, but engine A executes.", occurred_at=Now(),
    )  # fmt: skip

    assert texts("incident") == ["Incident of engine B: Engine B reported a real trade, but engine A executes."]
    assert Event.objects.get(kind="incident").urgent


def test_a_verdict_is_told_when_it_is_reached_and_when_the_evaluation_ends() -> None:
    make_phase()
    hall = Hall()
    started(worst_block="2")
    for day in range(16):
        hall.play(day, a="2.78", b="0.98")  # A is better by 1 R each day
    judging.judge_due()
    reached = texts("verdict")

    finish_evaluation(ANN, "spring", reason="It is clear.")

    (first,) = reached
    assert first.startswith("Evaluation spring: A is better after block ")
    (_, ended) = texts("verdict")
    assert ended.startswith("The evaluation spring has ended: ")
