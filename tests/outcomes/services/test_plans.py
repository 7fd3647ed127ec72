"""What an engine said before it knew its role is what its shadow opens, and what its real trade is held against."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from outcomes.models import RealOutcome, RealTrade, ShadowTrade
from tests.outcomes.desk import C70, C72_5_JULY, Answer, leg, make_desk, plan, quote, violations

pytestmark = pytest.mark.django_db

SPREAD = [leg(C70, entry_price="3.00"), leg(C72_5_JULY, "SHORT", "1.00", ratio=2)]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"quantity": "2"}, "/quantity"),
        ({"multiplier": "1000"}, "/multiplier"),
        ({"legs": [leg(entry_price="0.98")]}, "/legs"),
        ({"legs": [leg(C72_5_JULY, "SHORT", "0.98")]}, "/legs"),
        ({"legs": [leg(C72_5_JULY, entry_price="0.98", ratio=2)]}, "/legs"),
        ({"legs": [leg(C72_5_JULY, entry_price="0.98"), leg("TWX", entry_price="70")]}, "/legs"),
    ],
)
def test_a_shadow_opens_exactly_what_it_planned(change: dict[str, Any], pointer: str) -> None:
    desk = make_desk()
    opened = {"legs": [leg(C72_5_JULY, entry_price="0.98")]} | change

    answer = desk.b.open(desk.experiment, "SHADOW", **opened)

    assert (answer.status, answer.code, answer.body["errors"][0]["pointer"]) == (409, "plan_differs", pointer)
    assert not ShadowTrade.objects.exists()


def test_the_planned_contract_may_be_written_in_another_spelling() -> None:
    desk = make_desk(plan_b=plan(leg("O:TWX140719C00072500"), quantity="1.0"))
    legs = [leg("TWX140719C00072500", entry_price="0.98")]

    assert desk.b.open(desk.experiment, "SHADOW", legs=legs, quantity=1, multiplier="100.00").status == 201
    assert ShadowTrade.objects.get().legs[0]["instrument"] == C72_5_JULY


def test_a_plan_of_several_legs_is_kept_leg_by_leg() -> None:
    desk = make_desk(plan_b=plan(*SPREAD))

    turned = desk.b.open(desk.experiment, "SHADOW", legs=list(reversed(SPREAD)), entry_price="1.00")

    assert (turned.status, turned.body["entry_price"]) == (201, "1.00")


# A real trade is kept, whatever it is.


def one_fill(trade_id: str, *legs: tuple[str, str, str, str], ref: str = "f1") -> tuple[str, dict[str, Any]]:
    names = ("instrument", "effect", "quantity", "price")
    sent = [dict(zip(names, each, strict=True)) | {"side": "LONG"} for each in legs]
    return f"trades/{trade_id}/fills", {"fill_ref": ref, "time": "2014-06-05T15:00:00Z", "legs": sent}


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": "2"},
        {"multiplier": "1000"},
        {"multiplier": "10"},
        {"legs": [leg(C72_5_JULY)]},
        {"legs": [leg(side="SHORT")]},
        {"legs": [leg(), leg("TWX", entry_price="70")], "entry_price": "71.39"},
    ],
)
def test_a_real_trade_of_something_else_is_kept_and_breaks_the_rule(change: dict[str, Any]) -> None:
    desk = make_desk()

    desk.open_real(**change)

    assert violations() == {("A", "PLAN_DIFFERS")}


def test_a_real_trade_of_an_engine_that_had_declined_is_kept() -> None:
    desk = make_desk(recommended=False)
    desk.a.recommend(desk.experiment, action="DECLINE")

    desk.a.open(desk.experiment)

    assert violations() == {("A", "PLAN_DIFFERS"), ("A", "NOT_PERMITTED")}


def test_less_than_planned_is_a_partial_fill_which_stays_in() -> None:
    desk = make_desk(plan_a=plan(quantity="3"))
    trade_id = desk.open_real(quantity="2")

    desk.a.close(trade_id)

    assert violations() == set()
    assert "PARTIAL_FILL" in RealTrade.objects.get().flags
    assert RealOutcome.objects.get().pnl == Decimal(120)


def test_scaling_in_up_to_the_plan_breaks_nothing_and_beyond_it_does() -> None:
    desk = make_desk(plan_a=plan(quantity="2"))
    trade_id = desk.open_real()

    first = desk.a.post(*one_fill(trade_id, (C70, "OPEN", "1", "1.40")))
    before = violations()
    second = desk.a.post(*one_fill(trade_id, (C70, "OPEN", "1", "1.41"), ref="f2"))

    assert (first.status, before, first.body["flags"]) == (201, set(), ["RISK_DIFFERS"])
    assert (second.status, violations()) == (201, {("A", "PLAN_DIFFERS")})
    assert second.body["entry_price"] == "1.40"


def test_legging_in_is_judged_when_the_first_close_begins() -> None:
    planned = plan(leg(), leg(C72_5_JULY))
    whole, half = make_desk(plan_a=planned), make_desk(plan_a=planned)
    whole_id, half_id = whole.open_real(), half.open_real()
    assert violations() == set()

    whole.a.post(*one_fill(whole_id, (C72_5_JULY, "OPEN", "1", "0.98")))
    legs = [{"instrument": C70, "exit_price": "1.99"}, {"instrument": C72_5_JULY, "exit_price": "1.31"}]
    complete = whole.a.close(whole_id, legs=legs, exit_price="3.30")
    assert (complete.body["pnl"], violations()) == ("93.00", set())
    half.a.close(half_id)

    assert violations() == {("A", "PLAN_DIFFERS")}


def test_a_roll_ends_the_pair_and_what_comes_after_is_the_engines_own() -> None:
    desk = make_desk()
    real_id, _ = desk.open_real(), desk.open_shadow()
    roll = one_fill(real_id, (C70, "CLOSE", "1", "1.99"), ("TWX   140719C00070000", "OPEN", "5", "2.10"))
    roll[1]["market_conditions"] = {"quotes": {C72_5_JULY: quote(quote_time="2014-06-05T15:00:00Z")}}

    rolled = desk.a.post(*roll)
    shadow = ShadowTrade.objects.get()
    closed = desk.a.close(real_id, exit_price="2.50")

    assert (rolled.body["status"], shadow.status, shadow.exit_price) == ("OPEN", "CLOSED", Decimal("1.31"))
    outcome = RealOutcome.objects.get()
    assert (outcome.pnl, outcome.compared_pnl, outcome.risk_amount) == (Decimal(260), Decimal(60), Decimal(139))
    assert closed.body["flags"] == ["ROLLED"]
    assert violations() == set()
    assert desk.b.pending() == []


def test_what_the_engine_declares_of_its_risk_is_only_compared() -> None:
    equal, other = make_desk(), make_desk(plan_a=plan(risk_amount="500"))

    trades = [answer.body for answer in (opened(equal), opened(other), opened(make_desk(), risk_amount="140"))]

    assert [trade["risk_amount"] for trade in trades] == ["139.00"] * 3
    assert [trade["flags"] for trade in trades] == [[], ["RISK_DIFFERS"], ["RISK_DIFFERS"]]


def opened(desk: Any, **changes: Any) -> Answer:
    answer: Answer = desk.a.open(desk.experiment, **changes)
    return answer


@pytest.mark.parametrize(
    ("legs", "risk"),
    [
        ([leg(entry_price="1.39")], "139.00"),
        ([leg(side="SHORT", entry_price="1.39")], "7000.00"),
        ([leg("TWX", "SHORT", "70.50")], "7050.00"),
        ([leg(entry_price="3.00"), leg("TWX   140621C00072500", "SHORT", "1.00")], "200.00"),
        ([leg(entry_price="3.00"), leg(C72_5_JULY, "SHORT", "1.00")], "7550.00"),
    ],
)
def test_the_referee_computes_the_risk_from_the_opening_fills(legs: list[dict[str, Any]], risk: str) -> None:
    desk = make_desk(plan_a=plan(*legs))

    answer = desk.a.open(desk.experiment, legs=legs)

    assert (answer.status, answer.body["risk_amount"]) == (201, risk)
