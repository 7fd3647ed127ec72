"""Deciding stored decisions again: nothing changes under their own settings, and every change is counted."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from experiments.core.decision import rule
from experiments.core.what_if import (
    ExecutedShare,
    StoredDecision,
    SymbolChange,
    Tally,
    Transition,
    Verdict,
    decide_again,
)
from policies.core.rules import RULES_VERSION, PolicyState, Trip
from policies.core.settings import CONFIGURED_MODES, PolicySettings
from tests.factories import policy_settings, policy_state

A_PRIMARY = Verdict("ENGINE_A_PRIMARY", "A", "PAPER_DEFAULT")
SHADOW = Verdict("SHADOW_ONLY", None, "CONFIGURED")
STATE = policy_state()
AUTO = policy_settings()

splits = st.integers(0, 10_000).map(lambda points: Decimal(points) / 100)
settings = st.builds(
    policy_settings,
    configured_mode=st.sampled_from(CONFIGURED_MODES),
    split_percentage=splits,
    live_enabled=st.booleans(),
)
states = st.builds(
    policy_state,
    app_mode=st.sampled_from(["PAPER", "LIVE"]),
    version=st.integers(1, 9),
    configured_mode=st.sampled_from(CONFIGURED_MODES),
    split_percentage=splits,
    live_enabled=st.booleans(),
    engine_a_available=st.booleans(),
    engine_b_available=st.booleans(),
    halted=st.booleans(),
    guardrail=st.none() | st.just(Trip("max_engine_flaps", "3", "3")),
)


def stored(state: PolicyState = STATE, bucket: int = 0, *, symbol: str = "SPY", number: int = 0) -> StoredDecision:
    """Return what the pipeline stores for a signal with this bucket under this state."""
    variant = "A" if bucket < int(state.settings.split_percentage * 100) else "B"
    ruling = rule(state, variant)
    resolution = ruling.resolution
    verdict = Verdict(resolution.execution_mode, resolution.executed_engine, resolution.reason)
    return StoredDecision(str(number), symbol, bucket, ruling.inputs, RULES_VERSION, verdict)


@given(states, st.integers(0, 9999))
def test_under_its_own_settings_every_decision_stays_what_it_is(state: PolicyState, bucket: int) -> None:
    (one,) = decide_again([stored(state, bucket)], state.settings)

    assert one.after == one.before


@given(states, settings, st.integers(0, 9999))
def test_a_decision_comes_to_what_the_pipeline_would_decide_under_the_settings(
    state: PolicyState, new: PolicySettings, bucket: int
) -> None:
    (one,) = decide_again([stored(state, bucket)], new)

    changed = replace(state, settings=new)
    assert one.after == stored(changed, bucket).verdict


@given(states, settings, st.integers(0, 9999))
def test_halts_guardrails_and_absence_stay_as_stored(state: PolicyState, new: PolicySettings, bucket: int) -> None:
    assume(state.halted or state.guardrail or not state.engine_a_available)

    (one,) = decide_again([stored(state, bucket)], new)

    assert one.after is not None
    assert one.after.executed_engine is None


def test_a_ramp_moves_only_the_buckets_between_the_two_splits() -> None:
    split = policy_state(configured_mode="SPLIT_CAPITAL")
    rows = [stored(split, bucket, number=bucket) for bucket in range(0, 10_000, 100)]

    changed = [one for one in decide_again(rows, replace(split.settings, split_percentage=Decimal("60.00")))
               if one.is_changed]  # fmt: skip

    assert [int(one.experiment_id) for one in changed] == list(range(5000, 6000, 100))
    assert {(one.before.executed_engine, one.after and one.after.executed_engine) for one in changed} == {("B", "A")}


@pytest.mark.parametrize(
    ("inputs", "rules_version"),
    [
        ("{}", 1), ("[]", 1), ("null", 1), ("no json", 1), (stored().inputs.replace("}", ',"x":1}'), 1),
        (stored().inputs, 99),
    ],
)  # fmt: skip
def test_inputs_that_cannot_be_read_are_counted_apart(inputs: str, rules_version: int) -> None:
    tally = Tally()
    unreadable = stored()._replace(inputs=inputs, rules_version=rules_version)
    for one in decide_again([unreadable, stored(), unreadable], AUTO):
        tally.add(one)

    result = tally.result()
    assert (result.considered, result.unreadable, result.changed) == (3, 2, 0)
    assert result.executed_before == ExecutedShare(engine_a=1, engine_b=0, nobody=0)


def test_changes_are_counted_by_verdict_by_symbol_and_by_who_trades() -> None:
    rows = [
        stored(symbol="SPY"), stored(symbol="SPY"), stored(symbol="QQQ"), stored(replace(STATE, halted=True)),
        stored(policy_state(configured_mode="SHADOW_ONLY")),
    ]  # fmt: skip
    tally = Tally()
    for one in decide_again(rows, replace(AUTO, configured_mode="SHADOW_ONLY")):
        tally.add(one)

    result = tally.result()

    halted = Verdict("SHADOW_ONLY", None, "HALTED")
    assert (result.considered, result.changed) == (5, 3)
    assert result.transitions == (Transition(A_PRIMARY, SHADOW, 3), Transition(SHADOW, SHADOW, 1),
                                  Transition(halted, halted, 1))  # fmt: skip
    assert result.by_symbol == (
        SymbolChange("SPY", "PAPER_DEFAULT", "CONFIGURED", 2), SymbolChange("QQQ", "PAPER_DEFAULT", "CONFIGURED", 1),
    )  # fmt: skip
    assert result.executed_before == ExecutedShare(engine_a=3, engine_b=0, nobody=2)
    assert result.executed_after == ExecutedShare(engine_a=0, engine_b=0, nobody=5)


def test_each_engine_has_its_share() -> None:
    tally = Tally()
    for one in decide_again([stored(policy_state(configured_mode="ENGINE_B_PRIMARY"))], AUTO):
        tally.add(one)

    assert tally.result().executed_before == ExecutedShare(engine_a=0, engine_b=1, nobody=0)
    assert tally.result().executed_after == ExecutedShare(engine_a=1, engine_b=0, nobody=0)


def test_nothing_selected_is_a_preview_of_nothing() -> None:
    result = Tally().result()

    assert (result.considered, result.changed, result.transitions, result.by_symbol) == (0, 0, (), ())


def test_what_is_equally_frequent_is_in_the_order_of_its_text() -> None:
    rows = [stored(symbol=symbol, state=replace(STATE, halted=halted)) for symbol in ("SPY", "IWM", "QQQ")
            for halted in (False, True)]  # fmt: skip
    tally = Tally()
    for one in decide_again(rows, replace(AUTO, configured_mode="SHADOW_ONLY")):
        tally.add(one)

    result = tally.result()

    assert [change.symbol for change in result.by_symbol] == ["IWM", "QQQ", "SPY"]
    assert [(one.before.reason, one.count) for one in result.transitions] == [("PAPER_DEFAULT", 3), ("HALTED", 3)]


def test_each_decision_keeps_its_own_id_symbol_and_verdict() -> None:
    split = policy_state(configured_mode="SPLIT_CAPITAL")
    rows = [stored(split, 0, symbol="SPY", number=1), stored(split, 9999, symbol="QQQ", number=2)]

    again = list(decide_again(rows, split.settings))

    assert [(one.experiment_id, one.symbol, one.before.executed_engine, one.after) for one in again] == [
        ("1", "SPY", "A", rows[0].verdict),
        ("2", "QQQ", "B", rows[1].verdict),
    ]
    assert not any(one.is_changed for one in again)
