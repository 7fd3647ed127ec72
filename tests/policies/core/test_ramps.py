"""A ramp's next move follows from its plan and from what the present step has brought."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import DomainError
from policies.core.ramps import Move, RampPlan, StepFacts, next_move, planned, step_settings
from policies.core.settings import PolicySettings
from tests.factories import policy_settings

PLAN = RampPlan((Decimal(0), Decimal(5), Decimal(50)), hold_hours=24, min_trades=20, max_loss=Decimal(500))


def facts(hours: str = "24", trades: int = 20, pnl: str = "0", *, braked: bool = False) -> StepFacts:
    return StepFacts(Decimal(hours), trades, Decimal(pnl), braked)


def plan(shares: str = "0, 5, 50", **changes: Any) -> RampPlan:
    conditions: dict[str, Any] = {"hold_hours": 24, "min_trades": 20, "max_loss": Decimal(500)}
    return planned(shares, **conditions | changes)


@pytest.mark.parametrize(("brought", "move", "why"), [
    (facts(), Move.ADVANCE, "20 real trades of engine B closed in 24.0 hours"),
    (facts(hours="23.99"), Move.WAIT, "23.9 of 24 hours have passed"),
    (facts(trades=19), Move.WAIT, "19 of 20 real trades of engine B are closed"),
    (facts(braked=True), Move.WAIT, "trading is halted"),
    (facts(pnl="-499.99"), Move.ADVANCE, "20 real trades of engine B closed in 24.0 hours"),
    (facts(pnl="-500"), Move.STOP, "engine B has lost 500 at this step, limit 500"),
    (facts(hours="0", trades=1, pnl="-500", braked=True), Move.STOP, "engine B has lost 500 at this step, limit 500"),
])  # fmt: skip
def test_a_step_waits_for_all_of_its_conditions_and_a_loss_waits_for_none(
    brought: StepFacts, move: Move, why: str
) -> None:
    assert next_move(PLAN, brought) == (move, why)


@pytest.mark.parametrize("shares", ["", "x", "5, 5", "10, 5", "-1, 5", "5, 101", "1.234", "NaN", "5, NaN", "Infinity",
                                    "1,2,3,4,5,6,7,8,9,10,11"])  # fmt: skip
def test_shares_that_do_not_rise_within_the_limits_are_refused(shares: str) -> None:
    with pytest.raises(DomainError) as refused:
        plan(shares)

    assert (refused.value.code, refused.value.pointer) == ("setting_invalid", "/shares")


@pytest.mark.parametrize(("name", "value"), [
    ("hold_hours", -1), ("hold_hours", 8761), ("min_trades", -1), ("min_trades", 100_001), ("max_loss", Decimal(0)),
    ("max_loss", Decimal("NaN")), ("max_loss", Decimal("Infinity")), ("max_loss", Decimal("0.001")),
])  # fmt: skip
def test_conditions_beyond_the_limits_are_refused(name: str, value: Any) -> None:
    with pytest.raises(DomainError) as refused:
        plan(**{name: value})

    assert refused.value.pointer == f"/{name}"


def test_a_step_changes_mode_and_split_alone() -> None:
    base = policy_settings(max_engine_flaps=4, split_percentage="70")

    step = PolicySettings(**step_settings(base, Decimal(5)))  # type: ignore[arg-type]

    assert (step.configured_mode, str(step.split_percentage)) == ("SPLIT_CAPITAL", "95")
    assert step.max_engine_flaps == 4


def test_what_is_approved_is_the_plan_and_the_settings_it_keeps() -> None:
    base, other = policy_settings(), policy_settings(max_engine_flaps=4)

    hashes = {plan().content_hash(base), plan().content_hash(other), plan("0, 5").content_hash(base),
              plan(min_trades=21).content_hash(base), plan(max_loss=Decimal(501)).content_hash(base)}  # fmt: skip

    assert len(hashes) == 5
    assert plan(" 0,5 , 50").content_hash(base) == plan().content_hash(base)


@given(st.decimals(0, 100, places=1), st.integers(0, 100), st.decimals(-1000, 1000, places=2), st.booleans())
def test_no_move_goes_forward_in_a_halt_or_before_its_time(
    hours: Decimal, trades: int, pnl: Decimal, braked: bool
) -> None:
    move, why = next_move(PLAN, StepFacts(hours, trades, pnl, braked))

    assert why
    assert (move is Move.STOP) == (-pnl >= 500)
    if move is Move.ADVANCE:
        assert (braked, hours >= 24, trades >= 20) == (False, True, True)
