"""The policy rules: each one alone, their order, and what holds for every combination."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.core import rules
from policies.core.rules import PolicyInputs, Resolution, resolve_policy
from policies.core.settings import APP_MODES, CONFIGURED_MODES
from tests.factories import inputs_of
from tests.golden.policy_truth_table import (
    DECISION,
    INPUTS,
    PATH,
    SPECIFICATION,
    golden_rows,
    place_of,
    table_text,
)

# An AUTO policy on paper with both engines there: the tests say what differs.
NORMAL = PolicyInputs(
    app_mode="PAPER",
    configured_mode="AUTO",
    live_enabled=False,
    split_percentage="50.00",
    policy_version=1,
    variant="A",
    engine_a_available=True,
    engine_b_available=True,
    halted=False,
)
any_inputs = st.builds(
    PolicyInputs,
    app_mode=st.sampled_from(APP_MODES),
    configured_mode=st.sampled_from(CONFIGURED_MODES),
    live_enabled=st.booleans(),
    split_percentage=st.integers(0, 10_000).map(lambda points: f"{points // 100}.{points % 100:02}"),
    policy_version=st.integers(1, 10_000),
    variant=st.sampled_from("AB"),
    engine_a_available=st.booleans(),
    engine_b_available=st.booleans(),
    halted=st.booleans(),
)


def nobody(reason: str) -> Resolution:
    return Resolution("SHADOW_ONLY", None, reason)


# The truth table


def test_the_rules_decide_as_the_golden_table_says() -> None:
    for row in golden_rows():
        decided = {name: word or "none" for name, word in resolve_policy(inputs_of(row)).document().items()}

        assert decided == {name: row[name] for name in DECISION}, row


def test_the_golden_table_says_what_the_specification_says() -> None:
    assert PATH.read_text() == table_text(), "run `python -m tests.golden.policy_truth_table` and review the rows"


def test_the_golden_table_has_every_combination_of_the_product_once() -> None:
    rows = golden_rows()

    assert (
        len({tuple(row[name] for name in INPUTS) for row in rows}) == len(rows) == math.prod(map(len, INPUTS.values()))
    )
    assert (set(INPUTS["app_mode"]), set(INPUTS["configured_mode"])) == (set(APP_MODES), set(CONFIGURED_MODES))


def test_every_row_of_the_specification_decides_something_and_has_its_rule() -> None:
    assert {place_of(row) for row in golden_rows()} == set(range(len(SPECIFICATION)))
    assert len(rules.RULES) == len(SPECIFICATION)


# Each rule alone: what it decides, and what it leaves to the next.


def test_a_halt_decides_and_no_halt_passes() -> None:
    assert rules.halted(replace(NORMAL, halted=True)) == nobody("HALTED")
    assert rules.halted(NORMAL) is None


def test_configured_shadow_only_lets_nobody_trade() -> None:
    assert rules.configured_shadow_only(replace(NORMAL, configured_mode="SHADOW_ONLY")) == nobody("CONFIGURED")
    assert rules.configured_shadow_only(NORMAL) is None


@pytest.mark.parametrize("mode", CONFIGURED_MODES)
def test_without_engine_a_nobody_trades_in_any_mode(mode: str) -> None:
    inputs = replace(NORMAL, configured_mode=mode)

    assert rules.engine_a_unavailable(replace(inputs, engine_a_available=False)) == nobody("ENGINE_A_UNAVAILABLE")
    assert rules.engine_a_unavailable(inputs) is None


@pytest.mark.parametrize(
    ("mode", "live_enabled", "decides"),
    [
        ("ENGINE_A_PRIMARY", False, True),
        ("ENGINE_A_PRIMARY", True, False),
        ("SPLIT_CAPITAL", False, True),
        ("SPLIT_CAPITAL", True, False),
        ("AUTO", False, True),
        ("AUTO", True, True),
    ],
)
def test_live_needs_to_be_enabled_and_is_never_automatic(mode: str, live_enabled: bool, decides: bool) -> None:
    live = replace(NORMAL, app_mode="LIVE", configured_mode=mode, live_enabled=live_enabled)

    assert rules.live_not_enabled(live) == (nobody("LIVE_NOT_ENABLED") if decides else None)
    assert rules.live_not_enabled(replace(live, app_mode="PAPER")) is None


def test_auto_gives_the_trade_to_engine_a() -> None:
    assert rules.paper_default(NORMAL) == Resolution("ENGINE_A_PRIMARY", "A", "PAPER_DEFAULT")
    assert rules.paper_default(replace(NORMAL, configured_mode="ENGINE_A_PRIMARY")) is None


def test_engine_a_primary_gives_the_trade_to_engine_a() -> None:
    configured = replace(NORMAL, configured_mode="ENGINE_A_PRIMARY")

    assert rules.engine_a_primary(configured) == Resolution("ENGINE_A_PRIMARY", "A", "CONFIGURED")
    assert rules.engine_a_primary(NORMAL) is None


@pytest.mark.parametrize(
    ("mode", "variant", "decides"),
    [
        ("ENGINE_B_PRIMARY", "A", True),
        ("ENGINE_B_PRIMARY", "B", True),
        ("SPLIT_CAPITAL", "A", False),
        ("SPLIT_CAPITAL", "B", True),
        ("ENGINE_A_PRIMARY", "B", False),
        ("AUTO", "B", False),
    ],
)
def test_nobody_trades_when_it_is_the_turn_of_an_absent_engine_b(mode: str, variant: str, decides: bool) -> None:
    without_b = replace(NORMAL, configured_mode=mode, variant=variant, engine_b_available=False)

    assert rules.engine_b_unavailable(without_b) == (nobody("ENGINE_B_UNAVAILABLE") if decides else None)
    assert rules.engine_b_unavailable(replace(without_b, engine_b_available=True)) is None


def test_engine_b_primary_gives_the_trade_to_engine_b() -> None:
    configured = replace(NORMAL, configured_mode="ENGINE_B_PRIMARY")

    assert rules.engine_b_primary(configured) == Resolution("ENGINE_B_PRIMARY", "B", "CONFIGURED")
    assert rules.engine_b_primary(NORMAL) is None


@pytest.mark.parametrize("variant", ["A", "B"])
def test_split_capital_gives_the_trade_to_the_variant(variant: str) -> None:
    split = replace(NORMAL, configured_mode="SPLIT_CAPITAL", variant=variant)

    assert rules.split_capital(split) == Resolution("SPLIT_CAPITAL", variant, "SPLIT")
    assert rules.split_capital(replace(NORMAL, variant=variant)) is None


# Their order


def test_the_rule_of_a_decision_stands_where_the_specification_has_it() -> None:
    for row in golden_rows():
        assert rules.RULES.index(rules.deciding_rule(inputs_of(row))) == place_of(row), row


def test_the_rules_of_every_version_are_kept_for_replay() -> None:
    assert list(rules.RULES_BY_VERSION) == list(range(1, rules.RULES_VERSION + 1))
    assert rules.RULES_BY_VERSION[rules.RULES_VERSION] is rules.RULES


def test_the_first_rule_that_decides_wins() -> None:
    inputs = PolicyInputs("LIVE", "SHADOW_ONLY", False, "50.00", 1, "B", False, False, True)

    assert resolve_policy(inputs).reason == "HALTED"
    for skipped, next_reason in (
        (rules.halted, "CONFIGURED"),
        (rules.configured_shadow_only, "ENGINE_A_UNAVAILABLE"),
        (rules.engine_a_unavailable, "LIVE_NOT_ENABLED"),
    ):
        assert resolve_policy(inputs, rules.RULES[rules.RULES.index(skipped) + 1 :]).reason == next_reason


def test_a_mode_that_no_rule_knows_is_an_error() -> None:
    with pytest.raises(ValueError, match="no rule decides configured_mode 'BOTH_PRIMARY'"):
        resolve_policy(replace(NORMAL, configured_mode="BOTH_PRIMARY"))


def test_every_rule_says_in_one_sentence_what_it_does() -> None:
    for rule in rules.RULES:
        assert (inspect.getdoc(rule) or "").endswith((".", ")."))


# What holds for every combination


@given(any_inputs)
def test_never_do_two_engines_execute(inputs: PolicyInputs) -> None:
    decision = resolve_policy(inputs)

    assert decision.executed_engine in {"A", "B", None}
    assert decision.executed_engine != decision.shadow_engine


@given(any_inputs)
def test_the_shadow_complements_the_executed_engine(inputs: PolicyInputs) -> None:
    decision = resolve_policy(inputs)

    assert (decision.executed_engine, decision.shadow_engine) in {("A", "B"), ("B", "A"), (None, "BOTH")}
    assert (decision.execution_mode == "SHADOW_ONLY") == (decision.executed_engine is None)


@given(any_inputs)
def test_while_halted_nobody_ever_trades(inputs: PolicyInputs) -> None:
    assert resolve_policy(replace(inputs, halted=True)) == nobody("HALTED")


@given(any_inputs)
def test_without_engine_a_nobody_ever_trades(inputs: PolicyInputs) -> None:
    assert resolve_policy(replace(inputs, engine_a_available=False)).executed_engine is None


@given(any_inputs)
def test_the_executed_engine_is_always_available(inputs: PolicyInputs) -> None:
    available = {"A": inputs.engine_a_available, "B": inputs.engine_b_available, None: True}

    assert available[resolve_policy(inputs).executed_engine]


@given(any_inputs)
def test_nothing_trades_live_unless_the_policy_enables_it(inputs: PolicyInputs) -> None:
    assert resolve_policy(replace(inputs, app_mode="LIVE", live_enabled=False)).executed_engine is None


@given(any_inputs)
def test_losing_an_engine_or_halting_never_starts_a_trade(inputs: PolicyInputs) -> None:
    before = resolve_policy(inputs).executed_engine

    for worse in (
        replace(inputs, engine_a_available=False),
        replace(inputs, engine_b_available=False),
        replace(inputs, halted=True),
    ):
        assert resolve_policy(worse).executed_engine in {before, None}


@given(any_inputs)
def test_the_same_inputs_always_give_the_same_decision(inputs: PolicyInputs) -> None:
    assert resolve_policy(inputs).document() == resolve_policy(replace(inputs)).document()


def test_an_absent_engine_is_null_in_the_decision_document() -> None:
    assert resolve_policy(replace(NORMAL, halted=True)).document() == {
        "execution_mode": "SHADOW_ONLY",
        "executed_engine": None,
        "shadow_engine": "BOTH",
        "reason": "HALTED",
    }


def test_the_inputs_document_has_the_agreed_members() -> None:
    assert set(NORMAL.document()) == {
        "app_mode", "configured_mode", "live_enabled", "split_percentage", "policy_version", "variant",
        "engine_a_available", "engine_b_available", "halted",
    }  # fmt: skip


def test_a_tripped_guardrail_takes_real_trading_away_and_is_stored_with_the_inputs() -> None:
    trip = {"name": "max_daily_real_loss", "value": "510.00", "limit": "500.00"}
    inputs = PolicyInputs("PAPER", "ENGINE_A_PRIMARY", True, "50.00", 1, "A", True, True, False, trip)

    resolution = resolve_policy(inputs)

    assert (resolution.execution_mode, resolution.executed_engine, resolution.reason) == (
        "SHADOW_ONLY",
        None,
        "GUARDRAIL",
    )
    assert inputs.document()["guardrail"] == trip


def test_without_a_guardrail_the_inputs_have_no_such_member() -> None:
    assert "guardrail" not in PolicyInputs("PAPER", "AUTO", True, "50.00", 1, "A", True, True, False).document()
