"""What one signal says about which engine is better, and that nothing is gained by silence."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.core.books import Schedule
from outcomes.core.checks import Plan, PlannedLeg
from outcomes.core.values import (
    MISSING,
    VALUED,
    WORTH_ZERO,
    Part,
    Record,
    Side,
    count_standings,
    difference,
    judge_part,
)

NOTHING = Record()


def valued(pnl: str, risk: str = "100") -> Side:
    return Side(VALUED, Decimal(pnl), Decimal(risk))


def missing(risk: str | None = None, *, declared: str = "100", fees: str = "1.30") -> Side:
    return Side(MISSING, None, Decimal(risk) if risk else None, Decimal(declared), Decimal(fees))


def bounds(
    a: Side, b: Side, metric: str = "R", *, record_a: Record = NOTHING, record_b: Record = NOTHING
) -> list[Decimal]:
    """The least and the most that A minus B can be."""
    found = difference(a, b, metric=metric, record_a=record_a, record_b=record_b)
    return [found.low, found.high]


def test_two_priced_sides_differ_by_their_return_on_risk() -> None:
    assert bounds(valued("60", "120"), valued("33", "66")) == [0, 0]
    assert bounds(valued("60", "120"), valued("-33", "66")) == [1, 1]
    assert bounds(valued("60"), valued("33"), "CURRENCY") == [27, 27]


@pytest.mark.parametrize("standing", WORTH_ZERO)
def test_what_was_decided_but_not_traded_is_worth_zero(standing: str) -> None:
    assert bounds(Side(standing), valued("-50")) == [Decimal("0.5"), Decimal("0.5")]


def test_a_missing_side_is_taken_at_its_worst_for_each() -> None:
    assert bounds(missing(), valued("0")) == [Decimal("-1.013"), 1]
    assert bounds(valued("0"), missing()) == [-1, Decimal("1.013")]
    assert bounds(missing(), missing()) == [Decimal("-2.013"), Decimal("2.013")]


def test_a_missing_side_may_have_been_as_good_as_its_best_before() -> None:
    assert bounds(valued("0"), missing(), record_b=Record(best=Decimal(4)))[0] == -4
    assert bounds(valued("0"), missing(), record_b=Record(best=Decimal("0.3")))[0] == -1
    assert bounds(valued("0"), missing(), "CURRENCY", record_b=Record(best=Decimal(400)))[0] == -400


def test_what_is_missing_without_any_risk_is_taken_at_one_r_and_pays_no_fees_in_it() -> None:
    unknown = missing(declared="0")

    assert bounds(unknown, valued("0")) == [-1, 1]
    assert bounds(unknown, valued("0"), "CURRENCY") == [Decimal("-1.30"), 0]


def test_only_a_difference_without_a_range_is_complete() -> None:
    assert difference(valued("60"), valued("33"), metric="R", record_a=NOTHING, record_b=NOTHING).is_complete
    assert not difference(missing(), valued("33"), metric="R", record_a=NOTHING, record_b=NOTHING).is_complete


def test_one_r_of_a_missing_side_is_what_it_opened_else_the_larger_of_plan_and_record() -> None:
    record = Record(largest_risk=Decimal(500))

    assert bounds(missing("130"), valued("0"), "CURRENCY", record_a=record) == [Decimal("-131.30"), 130]
    assert bounds(missing(declared="100"), valued("0"), "CURRENCY", record_a=record) == [Decimal("-501.30"), 500]
    assert bounds(missing(declared="900"), valued("0"), "CURRENCY", record_a=record) == [Decimal("-901.30"), 900]


def test_a_trade_without_risk_has_no_return_on_risk() -> None:
    free = valued("10", "0")

    assert count_standings([free], "R") == {MISSING: 1}
    assert count_standings([free], "CURRENCY") == {VALUED: 1}
    assert bounds(free, valued("0")) == [-1, 1]


def test_what_is_missing_was_nobodys_best() -> None:
    assert NOTHING.after(missing("300"), "R") == Record(Decimal(0), Decimal(300))
    assert NOTHING.after(Side(VALUED, Decimal(5)), "R") == NOTHING
    assert NOTHING.after(valued("150"), "R") == Record(Decimal("1.5"), Decimal(100))


amounts = st.decimals("-1000", "1000", places=2)
sides = st.one_of(
    st.sampled_from([Side(name) for name in WORTH_ZERO]),
    st.builds(lambda pnl, risk: valued(str(pnl), str(risk)), amounts, st.decimals("1", "1000", places=2)),
    st.builds(lambda declared: missing(declared=str(declared)), st.decimals("1", "1000", places=2)),
)
metrics = st.sampled_from(["R", "CURRENCY"])


@given(sides, sides, metrics)
def test_swapping_the_engines_swaps_the_sign(a: Side, b: Side, metric: str) -> None:
    low, high = bounds(a, b, metric)

    assert bounds(b, a, metric) == [high.copy_negate(), low.copy_negate()]
    assert low <= high


@given(st.decimals("-100", "0", places=2), sides, metrics)
def test_silence_about_a_loser_never_raises_the_least_that_can_be_true(pnl: Decimal, b: Side, metric: str) -> None:
    told = Side(VALUED, pnl, Decimal(100), Decimal(100), Decimal("1.30"))
    silent = Side(MISSING, None, Decimal(100), Decimal(100), Decimal("1.30"))

    assert bounds(silent, b, metric)[0] <= bounds(told, b, metric)[0]


@given(sides, st.integers(1, 1000))
def test_the_size_of_a_trade_does_not_matter_in_r(b: Side, times: int) -> None:
    one, many = valued("60", "120"), valued(str(60 * times), str(120 * times))

    assert bounds(one, b) == bounds(many, b)


SCHEDULE = Schedule(per_contract=Decimal("0.65"), per_order=Decimal("1.00"))
# Six option contracts and a hundred shares, which pay no fee per contract.
PLAN = Plan(
    (PlannedLeg("TWX   140621C00070000", "LONG", 2), PlannedLeg("TWX", "SHORT", 1)),
    quantity=Decimal(3),
    multiplier=Decimal(100),
    currency="USD",
    risk_amount=Decimal(417),
)
OPENED: dict[str, Any] = {"action": "OPEN", "has_trade": True, "pnl": Decimal(60), "risk_amount": Decimal(400)}


@pytest.mark.parametrize(
    ("part", "standing"),
    [
        (Part(**OPENED), "VALUED"),
        (Part(**OPENED, is_real=True), "VALUED"),
        (Part(None), "NO_ANSWER"),
        (Part(None, has_trade=True, pnl=Decimal(60)), "NO_ANSWER"),
        (Part("DECLINE"), "DECLINED"),
        (Part("OPEN", is_real=True), "NOT_FILLED"),
        (Part("OPEN", is_late=True), "OVERTAKEN"),
        (Part(**OPENED, is_late=True), "OVERTAKEN"),
        (Part("OPEN"), "MISSING"),
        (Part("OPEN", has_trade=True, risk_amount=Decimal(400)), "MISSING"),
        (Part(**OPENED, breaks_a_rule=True), "MISSING"),
        (Part("OPEN", is_late=True, breaks_a_rule=True), "MISSING"),
        (Part("DECLINE", is_real=True, breaks_a_rule=True), "MISSING"),
    ],
)
def test_a_part_stands_where_the_first_thing_that_holds_puts_it(part: Part, standing: str) -> None:
    side = judge_part(part, SCHEDULE, overtakes=True)

    assert side.standing == standing
    assert side.pnl == (60 if standing == "VALUED" else None)


def test_nobody_is_overtaken_where_each_sides_own_exit_is_compared() -> None:
    assert judge_part(Part(**OPENED, is_late=True), SCHEDULE, overtakes=False).standing == "VALUED"
    assert judge_part(Part("OPEN", is_late=True), SCHEDULE, overtakes=False).standing == "MISSING"


def test_a_side_knows_what_its_plan_would_have_risked_and_paid() -> None:
    side = judge_part(Part("OPEN", plan=PLAN), SCHEDULE, overtakes=True)

    # Six contracts at 0.65 and an order at 1.00, in and out.
    assert (side.risk_amount, side.declared_risk, side.round_trip_fees) == (None, Decimal(417), Decimal("9.80"))


@pytest.mark.parametrize("plan", [None, PLAN])
def test_what_was_opened_tells_the_risk_of_a_side(plan: Plan | None) -> None:
    assert judge_part(Part(**OPENED, plan=plan), SCHEDULE, overtakes=True).risk_amount == 400


def test_who_breaks_a_rule_on_a_loss_beyond_its_risk_keeps_the_loss() -> None:
    plan = Plan((PlannedLeg("XYZ", "SHORT", 1),), Decimal(1), Decimal(100), "USD", Decimal(100))
    broken: dict[str, Any] = {
        "action": "OPEN",
        "breaks_a_rule": True,
        "has_trade": True,
        "risk_amount": Decimal(100),
        "plan": plan,
    }
    free = Schedule(Decimal(0), Decimal(0))

    ruined = judge_part(Part(pnl=Decimal(-250), **broken), free, overtakes=True)
    lucky = judge_part(Part(pnl=Decimal(900), **broken), free, overtakes=True)

    assert bounds(ruined, valued("0")) == [Decimal("-2.5"), 1]
    assert bounds(lucky, valued("0")) == [-1, 1]
    for gained in ("0", "0.5"):
        assert judge_part(Part(pnl=Decimal(gained), **broken), free, overtakes=True).pnl is None
