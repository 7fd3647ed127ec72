"""The sentence that says why an experiment was executed as it was (R5.5)."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from experiments.core.explanation import EngineFacts, Standing, explain, walk_rules
from policies.core.rules import (
    RULES,
    RULES_BY_VERSION,
    RULES_VERSION,
    PolicyInputs,
    engine_a_primary,
    halted,
    resolve_policy,
)
from policies.core.settings import CONFIGURED_MODES

TRADED_REAL = EngineFacts(action="OPEN", role="REAL", role_reason="CONFIGURED", traded=True)
SHADOWED = EngineFacts(action="OPEN", role="SHADOW", role_reason="CONFIGURED", traded=True)
DECLINED = EngineFacts(action="DECLINE", role="SHADOW", role_reason="CONFIGURED")


def policy_inputs(**changes: Any) -> dict[str, Any]:
    return {
        "app_mode": "PAPER",
        "configured_mode": "ENGINE_A_PRIMARY",
        "live_enabled": False,
        "split_percentage": "50.00",
        "policy_version": 7,
        "variant": "A",
        "engine_a_available": True,
        "engine_b_available": True,
        "halted": False,
    } | changes


def explained(inputs: dict[str, Any], **engines: EngineFacts) -> str:
    """Explain the decision that the real rules make from these inputs."""
    decision = resolve_policy(PolicyInputs(**inputs))
    return explain(
        executed_engine=decision.executed_engine,
        inputs=inputs,
        rules_version=RULES_VERSION,
        engines=engines,
    )


def test_it_names_policy_mode_and_availability_of_the_engine_that_traded() -> None:
    sentence = explained(policy_inputs(), A=TRADED_REAL, B=SHADOWED)

    assert sentence == (
        "Engine A recommended the trade and traded for real because policy v7 is ENGINE_A_PRIMARY, "
        "the site is in PAPER mode and engine A was available; engine B recommended the trade and shadowed."
    )


def test_a_split_is_explained_by_the_variant_of_the_signal() -> None:
    inputs = policy_inputs(configured_mode="SPLIT_CAPITAL", split_percentage="30.00", variant="B")

    sentence = explained(inputs, A=DECLINED, B=TRADED_REAL)

    assert sentence == (
        "Engine B recommended the trade and traded for real because policy v7 is SPLIT_CAPITAL with 30% for "
        "engine A, the signal's hash makes it variant B, the site is in PAPER mode and both engines were available; "
        "engine A declined."
    )


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"halted": True}, "the kill switch was on"),
        ({"configured_mode": "SHADOW_ONLY"}, "policy v7 is SHADOW_ONLY"),
        (
            {"guardrail": {"name": "max_daily_real_loss", "value": "512.00", "limit": "500.00"}},
            "a guardrail had tripped: max_daily_real_loss was 512.00, limit 500.00",
        ),
        ({"engine_a_available": False}, "engine A was not available"),
        ({"app_mode": "LIVE"}, "the site is in LIVE mode and policy v7 does not enable live trading"),
        (
            {"app_mode": "LIVE", "live_enabled": True, "configured_mode": "AUTO"},
            "the site is in LIVE mode and policy v7 is AUTO, which never trades live",
        ),
        (
            {"configured_mode": "ENGINE_B_PRIMARY", "engine_b_available": False},
            "policy v7 is ENGINE_B_PRIMARY, it was engine B's turn, and engine B was not available",
        ),
    ],
)
def test_it_says_why_nobody_trades_for_real(changes: dict[str, Any], because: str) -> None:
    sentence = explained(policy_inputs(**changes), A=SHADOWED, B=SHADOWED)

    assert sentence.startswith(f"Nobody trades for real because {because}")
    assert sentence.endswith(
        "; engine A recommended the trade and shadowed; engine B recommended the trade and shadowed."
    )


def test_an_engine_that_has_not_answered_is_not_said_to_have_traded() -> None:
    sentence = explained(policy_inputs())

    assert sentence.startswith("Engine A may trade for real because")
    assert "but has not answered yet; engine B is to shadow and has not answered yet." in sentence


def test_a_chosen_engine_that_declined_did_not_trade() -> None:
    declined = EngineFacts(action="DECLINE", role="REAL", role_reason="CONFIGURED")

    assert ", but declined; " in explained(policy_inputs(), A=declined)


def test_a_recommendation_without_a_trade_is_said_to_be_one() -> None:
    waiting = EngineFacts(action="OPEN", role="REAL", role_reason="CONFIGURED")
    late = EngineFacts(action="OPEN", role="SHADOW", role_reason="CONFIGURED")

    sentence = explained(policy_inputs(), A=waiting, B=late)

    assert "but has reported no trade yet; engine B recommended the trade and has reported no shadow" in sentence


def test_a_role_taken_back_by_the_kill_switch_is_told() -> None:
    halted = EngineFacts(action="OPEN", role="SHADOW", role_reason="HALTED", traded=True)

    sentence = explained(policy_inputs(), A=halted)

    assert "but only shadowed, as the kill switch was on when its role was revealed" in sentence


@pytest.mark.parametrize("mode", CONFIGURED_MODES)
def test_every_decision_the_rules_can_make_is_one_sentence(mode: str) -> None:
    for app_mode, live, variant, a, b, is_halted in product(
        ("PAPER", "LIVE"), (True, False), "AB", (True, False), (True, False), (True, False)
    ):
        inputs = policy_inputs(
            configured_mode=mode,
            app_mode=app_mode,
            live_enabled=live,
            variant=variant,
            engine_a_available=a,
            engine_b_available=b,
            halted=is_halted,
        )

        sentence = explained(inputs, A=TRADED_REAL, B=SHADOWED)

        assert sentence.endswith(".")
        assert "because" in sentence
        executed = resolve_policy(PolicyInputs(**inputs)).executed_engine
        assert sentence.startswith(f"Engine {executed} " if executed else "Nobody ")


def test_the_walk_says_of_every_rule_whether_it_applied() -> None:
    steps = walk_rules(policy_inputs(engine_a_available=False), RULES_VERSION)

    assert [step.name for step in steps] == [rule.name for rule in RULES]
    (decided,) = [step for step in steps if step.standing is Standing.APPLIES]
    assert (decided.name, decided.because[:28]) == ("engine_a_unavailable", "engine A was not available, ")
    before, after = steps[: steps.index(decided)], steps[steps.index(decided) + 1 :]
    assert {step.standing for step in before} == {Standing.DOES_NOT_APPLY}
    # Without the rule before it, engine A would have traded: its mode alone is looked at.
    assert [step.name for step in after if step.standing is Standing.OUTRANKED] == ["engine_a_primary"]
    assert "Without engine A" in decided.meaning


def test_the_walk_names_the_inputs_that_each_rule_looked_at() -> None:
    guardrail = {"name": "max_daily_loss", "value": "510", "limit": "500"}
    steps = {step.name: dict(step.inputs) for step in walk_rules(policy_inputs(guardrail=guardrail), RULES_VERSION)}

    assert steps["halted"] == {"halted": False}
    assert steps["guardrail_tripped"] == {"guardrail": guardrail}
    assert steps["engine_a_unavailable"] == {"engine_a_available": True}
    # APP_MODE is PAPER: whether live trading is enabled was no question.
    assert steps["live_not_enabled"] == {"app_mode": "PAPER"}
    assert steps["engine_b_unavailable"] == {"configured_mode": "ENGINE_A_PRIMARY"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"engine_a_available": False}, "because engine A was silent for 73 s, limit 60 s, and nothing trades"),
        (
            {"configured_mode": "ENGINE_B_PRIMARY", "engine_b_available": False},
            "it was engine B's turn, and engine B was silent for 73 s, limit 60 s;",
        ),
        ({"configured_mode": "SHADOW_ONLY", "engine_a_available": False}, "policy v7 is SHADOW_ONLY;"),
    ],
)
def test_what_is_known_of_an_absence_is_said_where_it_decided(changes: dict[str, Any], said: str) -> None:
    inputs = policy_inputs(**changes)
    known = "silent for 73 s, limit 60 s"

    sentence = explain(
        executed_engine=None, inputs=inputs, rules_version=RULES_VERSION, engines={}, absences={"A": known, "B": known}
    )

    assert said in sentence
    assert "was not available" not in sentence


def test_rules_of_an_unknown_version_cannot_be_walked() -> None:
    assert walk_rules(policy_inputs(), 999) == []


WHY = "policy v7 is ENGINE_A_PRIMARY, the site is in PAPER mode and engine A was available"


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (EngineFacts(), f"Engine A may trade for real because {WHY}, but has not answered yet"),
        (
            EngineFacts(action="DECLINE", role="REAL", role_reason="CONFIGURED"),
            f"Engine A was to trade for real because {WHY}, but declined",
        ),
        # Real money is booked whoever says that there is none.
        (
            EngineFacts(action="DECLINE", role="REAL", role_reason="CONFIGURED", traded=True),
            f"Engine A traded for real although it had declined; it was chosen because {WHY}",
        ),
        (
            EngineFacts(action="OPEN", role="SHADOW", role_reason="STALE_ANSWER"),
            (
                f"Engine A recommended the trade and was chosen because {WHY}, "
                "but may only shadow, as it had answered too late"
            ),
        ),
        (
            EngineFacts(action="OPEN", role="SHADOW", role_reason="HALTED"),
            (
                f"Engine A recommended the trade and was chosen because {WHY}, "
                "but may only shadow, as the kill switch was on when its role was revealed"
            ),
        ),
        (
            EngineFacts(action="OPEN", role="SHADOW", role_reason="HALTED", traded=True),
            (
                f"Engine A recommended the trade and was chosen because {WHY}, "
                "but only shadowed, as the kill switch was on when its role was revealed"
            ),
        ),
        (
            EngineFacts(action="OPEN", role="SHADOW", role_reason="GUARDRAIL", traded=True),
            (
                f"Engine A recommended the trade and was chosen because {WHY}, "
                "but only shadowed, as the reason was GUARDRAIL when its role was revealed"
            ),
        ),
        (
            EngineFacts(action="OPEN", role="REAL", role_reason="CONFIGURED"),
            f"Engine A recommended the trade and may trade for real because {WHY}, but has reported no trade yet",
        ),
        (TRADED_REAL, f"Engine A recommended the trade and traded for real because {WHY}"),
    ],
)
def test_the_chosen_engine_is_said_to_have_done_what_it_did(facts: EngineFacts, sentence: str) -> None:
    assert explained(policy_inputs(), A=facts, B=DECLINED) == f"{sentence}; engine B declined."


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (EngineFacts(), "engine B is to shadow and has not answered yet"),
        (DECLINED, "engine B declined"),
        (SHADOWED, "engine B recommended the trade and shadowed"),
        (
            EngineFacts(action="OPEN", role="SHADOW", role_reason="CONFIGURED"),
            "engine B recommended the trade and has reported no shadow trade yet",
        ),
    ],
)
def test_the_other_engine_is_said_to_have_done_what_it_did(facts: EngineFacts, sentence: str) -> None:
    assert explained(policy_inputs(), A=TRADED_REAL, B=facts).endswith(f" because {WHY}; {sentence}.")


def test_where_nobody_trades_each_engine_has_its_own_clause() -> None:
    sentence = explained(policy_inputs(halted=True), A=SHADOWED)

    assert sentence == (
        "Nobody trades for real because the kill switch was on; engine A recommended the trade and shadowed; "
        "engine B is to shadow and has not answered yet."
    )


def test_only_the_rule_that_decided_says_why() -> None:
    steps = walk_rules(policy_inputs(engine_a_available=False), RULES_VERSION)

    assert [step.because for step in steps if step.because] == [
        "engine A was not available, and nothing trades for real without it"
    ]
    assert [(step.name, step.meaning) for step in steps] == [(rule.name, rule.meaning) for rule in RULES]


def test_the_rule_that_decided_says_why_from_the_inputs() -> None:
    steps = walk_rules(policy_inputs(), RULES_VERSION)

    assert [step.because for step in steps if step.because] == [WHY]


def test_an_old_decision_is_explained_by_the_rules_of_its_own_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES_BY_VERSION, 0, (engine_a_primary, halted))
    inputs = policy_inputs(halted=True)

    sentence = explain(executed_engine="A", inputs=inputs, rules_version=0, engines={"A": TRADED_REAL, "B": DECLINED})

    assert sentence == f"Engine A recommended the trade and traded for real because {WHY}; engine B declined."
    assert [step.standing for step in walk_rules(inputs, 0)] == [Standing.APPLIES, Standing.OUTRANKED]
