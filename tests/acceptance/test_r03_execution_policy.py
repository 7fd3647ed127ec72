"""R3: who trades for real is decided by rules, and it is never both."""

from __future__ import annotations

import pytest
from django.test import override_settings

from experiments.models import ExecutionDecision, Experiment
from experiments.worker.pipeline import drain
from kernel.actors import Actor
from policies.core.rules import resolve_policy
from policies.core.settings import CONFIGURED_MODES
from policies.services import set_engine_enabled
from tests.database import execute, refusal_of_row, row_of, value
from tests.factories import api_client, inputs_of, make_available, make_experiment, make_policy, make_signal
from tests.golden.policy_truth_table import combinations

pytestmark = pytest.mark.django_db
HEARTBEAT = {"engine_version": "1", "rules_hash": "ab" * 32}


def decide() -> ExecutionDecision:
    signal = make_signal()
    drain()
    return Experiment.objects.get(signal=signal).decision


def roles(decision: ExecutionDecision) -> tuple[str, str | None, str]:
    return decision.execution_mode, decision.executed_engine, decision.shadow_engine


def test_r3_1_on_paper_with_engine_a_available_engine_a_is_primary() -> None:
    api_client("engine-a").post("/api/v1/heartbeat", HEARTBEAT)

    decision = decide()

    assert decision.execution_mode == "ENGINE_A_PRIMARY"
    assert decision.reason == "PAPER_DEFAULT"


def test_r3_2_engine_a_primary_lets_a_trade_and_makes_b_shadow() -> None:
    make_available("A", "B")
    make_policy(configured_mode="ENGINE_A_PRIMARY")

    assert roles(decide()) == ("ENGINE_A_PRIMARY", "A", "B")


@pytest.mark.parametrize("mode", CONFIGURED_MODES)
@pytest.mark.parametrize("absence", ["never called", "silent for too long", "switched off"])
def test_r3_3_without_engine_a_the_mode_is_shadow_only_whatever_is_configured(mode: str, absence: str) -> None:
    make_available("A", "B")
    make_policy(configured_mode=mode)
    if absence == "never called":
        make_available("B")
    elif absence == "silent for too long":
        execute("UPDATE engines SET last_heartbeat_at = now() - interval '60 seconds' WHERE name = 'A'")
    else:
        set_engine_enabled(Actor("ada"), "A", enabled=False, reason="maintenance")

    assert roles(decide()) == ("SHADOW_ONLY", None, "BOTH")


def test_r3_4_in_shadow_only_neither_engine_executes() -> None:
    make_available("A", "B")
    make_policy(configured_mode="SHADOW_ONLY")

    assert roles(decide()) == ("SHADOW_ONLY", None, "BOTH")


def test_r3_5_no_combination_of_inputs_lets_both_engines_execute() -> None:
    decisions = [resolve_policy(inputs_of(row)) for row in combinations()]

    assert {(one.executed_engine, one.shadow_engine) for one in decisions} == {("A", "B"), ("B", "A"), (None, "BOTH")}


def test_r3_5_the_database_takes_one_decision_per_experiment() -> None:
    experiment = make_experiment("A")
    inputs = value("SELECT inputs::text FROM execution_policy")

    second = row_of("execution_policy", experiment_id=experiment.pk) | {"inputs": inputs}

    assert refusal_of_row("execution_policy", second) == "execution_policy_pkey"


def test_r3_5_live_trading_needs_more_than_a_default() -> None:
    make_available("A", "B")

    with override_settings(APP_MODE="LIVE"):
        assert decide().reason == "LIVE_NOT_ENABLED"
        make_policy(configured_mode="ENGINE_A_PRIMARY", live_enabled=True)
        assert roles(decide()) == ("ENGINE_A_PRIMARY", "A", "B")


def test_r3_6_the_decision_is_stored_with_its_reason_and_policy_version() -> None:
    experiment = make_experiment("B")

    row = row_of("execution_policy", experiment_id=experiment.pk)

    names = ("execution_mode", "executed_engine", "shadow_engine", "reason", "policy_version")
    assert [row[name] for name in names] == ["ENGINE_B_PRIMARY", "B", "A", "CONFIGURED", experiment.policy_version_id]
