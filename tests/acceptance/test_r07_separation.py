"""R7: the orchestrator coordinates and makes no trading decision."""

from __future__ import annotations

import json

import pytest

from experiments.worker.pipeline import drain
from outcomes.models import Recommendation
from signals_app.models import Signal
from tests.factories import api_client, make_experiment, make_source
from tests.outcomes.desk import plan
from tests.signals_app.webhook.webhook import alert, send


@pytest.mark.django_db
def test_r7_1_no_market_data_are_fetched_for_an_alert(calls_to_others: list[str]) -> None:
    make_source()
    send(alert(symbol="TWX"))

    drain()

    assert Signal.objects.get().market_context.context["market_data"] is None
    assert calls_to_others == []


@pytest.mark.django_db
def test_r7_1_the_context_holds_what_the_alert_said_and_nothing_else() -> None:
    experiment = make_experiment("A")
    context = experiment.signal.market_context.context

    assert context["prices"] == {"close": "568.25"}
    assert (context["volume"], context["indicators"], context["market_data"]) == (None, {}, None)


@pytest.mark.django_db
def test_r7_2_no_call_changes_an_engines_rules() -> None:
    experiment = make_experiment("A")
    assignment = api_client("engine-a").get(f"/api/v1/assignments/{experiment.pk}").json()

    assert set(assignment) == {
        "experiment_id", "signal", "market_context", "context_hash", "distributed_at", "answer_by",
        "lease_expires_at",
    }  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("criterion", ["r7_3", "r7_4", "r7_5"])
def test_r7_3_r7_4_r7_5_a_recommendation_is_recorded_byte_for_byte(criterion: str) -> None:
    """Strike, size and exit rule are the engine's: they are kept as written, whatever they say."""
    text = (
        '{"strike":  575.50, "contracts": 3, "exit": {"stop": -0.30}, "why": "caf\\u00e9 ☕", "is": "'
        + criterion
        + '"}'
    )
    experiment = make_experiment("A")
    body = {
        "experiment_id": str(experiment.pk),
        "context_hash": experiment.signal.market_context.context_hash,
        "action": "OPEN",
        "strategy_version": "1",
        "rules_hash": "a" * 64,
        "plan": plan(),
    }
    raw = json.dumps(body)[:-1] + f', "recommendation": {text}}}'

    answer = api_client("engine-b").generic("POST", "/api/v1/recommendations", raw, content_type="application/json")

    assert answer.status_code == 201, answer.json()
    assert Recommendation.objects.get().recommendation == text
