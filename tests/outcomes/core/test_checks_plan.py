"""Whether a trade is what its engine planned before it knew its role."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kernel.errors import DomainError
from outcomes.core.books import Fill, LegFill
from outcomes.core.checks import (
    Plan,
    PlannedLeg,
    judge_real_trade,
    refuse_other_than_planned,
)
from outcomes.core.trades import PairRule, TradeFlag

CALL, HIGHER = "TWX   140621C00070000", "TWX   140621C00075000"
SPREAD = (PlannedLeg(CALL, "LONG", 1), PlannedLeg(HIGHER, "SHORT", 2))

LEGS_DIFFER = f"The plan's legs are 1 LONG {CALL}, 2 SHORT {HIGHER}; open those."


def plan(legs: tuple[PlannedLeg, ...] = SPREAD, quantity: str = "3") -> Plan:
    return Plan(legs, Decimal(quantity), Decimal(100), "USD", Decimal(500))


def fill(*legs: tuple[str, str, str, str]) -> Fill:
    return Fill("fill", tuple(LegFill(name, effect, side, Decimal(n), Decimal(1)) for name, effect, side, n in legs))


CLOSED = fill((CALL, "CLOSE", "LONG", "1"))
LONG_THREE = (CALL, "OPEN", "LONG", "3")
SHORT_SIX = (HIGHER, "OPEN", "SHORT", "6")


def test_a_shadow_opens_exactly_its_plan_in_any_order_and_spelling() -> None:
    legs = (PlannedLeg(HIGHER, "SHORT", 2), PlannedLeg("O:TWX140621C00070000", "LONG", 1))

    refuse_other_than_planned(plan(), legs, Decimal("3.0"), Decimal(100))


@pytest.mark.parametrize(
    ("legs", "quantity", "multiplier", "pointer", "detail"),
    [
        (SPREAD, "4", "100", "/quantity", "The plan's quantity is 3.00, not 4.00."),
        (SPREAD, "3", "10", "/multiplier", "The plan's multiplier is 100.00, not 10.00."),
        (SPREAD[:1], "3", "100", "/legs", LEGS_DIFFER),
        ((PlannedLeg(CALL, "SHORT", 1), SPREAD[1]), "3", "100", "/legs", LEGS_DIFFER),
        ((PlannedLeg(CALL, "LONG", 2), SPREAD[1]), "3", "100", "/legs", LEGS_DIFFER),
        ((PlannedLeg("TWX", "LONG", 1), SPREAD[1]), "3", "100", "/legs", LEGS_DIFFER),
    ],
)
def test_a_shadow_of_another_contract_side_or_size_is_refused(
    legs: tuple[PlannedLeg, ...], quantity: str, multiplier: str, pointer: str, detail: str
) -> None:
    with pytest.raises(DomainError) as caught:
        refuse_other_than_planned(plan(), legs, Decimal(quantity), Decimal(multiplier))

    error = caught.value
    assert (error.code, error.pointer, error.detail) == ("plan_differs", pointer, detail)


def test_legs_of_one_contract_and_side_are_added_up() -> None:
    twice = (PlannedLeg(CALL, "LONG", 1), PlannedLeg("O:TWX140621C00070000", "LONG", 2), PlannedLeg(CALL, "SHORT", 1))

    assert plan(twice).quantities() == {(CALL, "LONG"): 9, (CALL, "SHORT"): 3}


@pytest.mark.parametrize(
    ("fills", "judged"),
    [
        ([fill(LONG_THREE, SHORT_SIX), CLOSED], None),
        # Legging in, and scaling in by thirds.
        ([fill(LONG_THREE), fill(SHORT_SIX), CLOSED], None),
        ([fill((CALL, "OPEN", "LONG", "1")), fill((CALL, "OPEN", "LONG", "2"), SHORT_SIX), CLOSED], None),
        # Still being built: nothing is broken yet.
        ([fill(LONG_THREE)], None),
        ([], None),
        # A third of the order was filled.
        ([fill((CALL, "OPEN", "LONG", "1"), (HIGHER, "OPEN", "SHORT", "2")), CLOSED], TradeFlag.PARTIAL_FILL),
        # It began with a close.
        ([CLOSED], PairRule.PLAN_DIFFERS),
        # One leg never came, or came in another proportion.
        ([fill(LONG_THREE), CLOSED], PairRule.PLAN_DIFFERS),
        ([fill(LONG_THREE, (HIGHER, "OPEN", "SHORT", "3")), CLOSED], PairRule.PLAN_DIFFERS),
        ([fill(LONG_THREE, (HIGHER, "OPEN", "LONG", "6")), CLOSED], PairRule.PLAN_DIFFERS),
        ([fill(LONG_THREE, ("TWX", "OPEN", "SHORT", "6")), CLOSED], PairRule.PLAN_DIFFERS),
        # More than planned is a breach at once.
        ([fill((CALL, "OPEN", "LONG", "4"))], PairRule.PLAN_DIFFERS),
        ([fill(("TWX", "OPEN", "LONG", "1"))], PairRule.PLAN_DIFFERS),
    ],
)
def test_a_real_trade_is_judged_when_its_first_close_begins(fills: list[Fill], judged: str | None) -> None:
    assert judge_real_trade(plan(), fills, Decimal("100.0")) == judged


def test_a_real_trade_of_another_multiplier_is_another_trade() -> None:
    assert judge_real_trade(plan(), [fill(LONG_THREE, SHORT_SIX)], Decimal(10)) == PairRule.PLAN_DIFFERS


def test_what_a_roll_opens_and_what_is_closed_later_is_not_held_against_the_plan() -> None:
    roll = fill((CALL, "CLOSE", "LONG", "3"), ("TWX", "OPEN", "LONG", "9"))

    assert judge_real_trade(plan(), [fill(LONG_THREE, SHORT_SIX), roll], Decimal(100)) is None


def test_a_plan_is_stored_with_its_numbers_as_text_and_comes_back() -> None:
    document = plan(quantity="3.0000").document()

    assert document == {
        "legs": [
            {"instrument": CALL, "side": "LONG", "ratio": 1},
            {"instrument": HIGHER, "side": "SHORT", "ratio": 2},
        ],
        "quantity": "3",
        "multiplier": "100",
        "currency": "USD",
        "risk_amount": "500",
    }
    assert Plan.from_document(document) == plan()
