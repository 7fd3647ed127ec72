"""What traders and brokers do, and what it must come to: small cases that books have got wrong, over the API."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from outcomes.models import ExitDirective, RealOutcome, ShadowOutcome, Violation
from tests.factories import api_client
from tests.outcomes.desk import C70, C72_5_JULY, EXIT_TIME, Desk, leg, make_desk, plan, quote

pytestmark = pytest.mark.django_db

# New York's 21st of June, the day that C70 ends on: the session of a later bar of the same replay.
EXPIRY_DAY = "2014-06-21T20:00:00.000000Z"
AFTER_EXPIRY = "2014-06-23T18:00:00.000000Z"
MONTH: dict[str, Any] = {"timeframe": "1M"}


def one_contract(**changes: Any) -> Desk:
    """Both engines plan the same call, which A trades for real."""
    changes.setdefault("policy", {"fee_per_contract": "0.65"})
    return make_desk(**{"plan_a": plan(), "plan_b": plan()} | changes)


def opened(desk: Desk, price: str = "1.00", *, quantity: str = "1") -> tuple[str, str]:
    """The real and the shadow trade, both in C70 at this price, at a broker who charges 0.65 a side."""
    legs = [leg(entry_price=price)]
    return (
        desk.open_real(legs=legs, fees="0.65", quantity=quantity),
        desk.open_shadow(legs=legs, quantity=quantity),
    )


def settled(price: str, kind: str, at: str = EXPIRY_DAY, underlying: str | None = None) -> dict[str, Any]:
    """Conditions that tell how C70 ended."""
    told = {"price": price, "settled_at": at, "kind": kind} | ({"underlying": underlying} if underlying else {})
    return {"settlements": {C70: told}}


def fill(desk: Desk, trade_id: str, ref: str, *legs: dict[str, Any], **changes: Any) -> dict[str, Any]:
    answer = desk.a.post(f"trades/{trade_id}/fills", {"fill_ref": ref, "time": EXIT_TIME, "legs": list(legs)} | changes)
    assert answer.status == 201, answer.body
    return dict(answer.body)


def executed(effect: str, price: str, *, instrument: str = C70, side: str = "LONG", quantity: str = "1") -> Any:
    return {"instrument": instrument, "effect": effect, "side": side, "quantity": quantity, "price": price}


def pnls() -> list[Decimal | None]:
    """Of the real and of the shadow trade."""
    return [RealOutcome.objects.get().pnl, ShadowOutcome.objects.get().pnl]


def test_the_same_contract_costs_a_shadow_what_it_costs_the_real_trade() -> None:
    desk = one_contract()
    real, _ = opened(desk)

    desk.a.close(real, exit_price="1.10", fees="0.65", market_conditions={"quotes": {C70: quote("1.10", "1.12")}})

    assert pnls() == [Decimal("8.70"), Decimal("8.70")]


def test_a_contract_that_ends_at_nothing_costs_both_their_premium() -> None:
    desk = one_contract(**MONTH)
    real, _ = opened(desk)

    # Nobody quotes it any more.
    seen = settled("0", "EXPIRED") | {"quotes": {C70: quote("0", "0", AFTER_EXPIRY)}}
    desk.a.close(real, exit_time=AFTER_EXPIRY, exit_price="0", exit_reason="EXPIRED", market_conditions=seen)

    assert pnls() == [Decimal("-101.30") + Decimal("0.65"), Decimal("-101.30")]  # the broker charged no exit
    assert ShadowOutcome.objects.get().price_provenance == "SETTLEMENT"


def test_a_bid_of_nothing_is_a_price_too() -> None:
    desk = one_contract()
    real, _ = opened(desk)

    desk.a.close(real, exit_price="0", fees="0.65", market_conditions={"quotes": {C70: quote("0", "0")}})

    assert pnls() == [Decimal("-101.30"), Decimal("-101.30")]


def test_a_shadow_whose_contract_ends_before_the_real_exit_is_settled_by_itself() -> None:
    desk = make_desk(plan_a=plan(leg(C72_5_JULY)), plan_b=plan(), **MONTH)
    real = desk.open_real(legs=[leg(C72_5_JULY, entry_price="0.98")])
    shadow = desk.open_shadow(legs=[leg(entry_price="1.39")])

    ended = desk.b.close(
        shadow,
        exit_time=EXPIRY_DAY,
        exit_price="1.51",
        exit_reason="CASH_SETTLED",
        market_conditions=settled("1.51", "CASH_SETTLED", underlying="71.51"),
    )
    desk.a.close(real, exit_time=AFTER_EXPIRY, exit_price="1.31")

    assert ended.status == 200, ended.body
    assert ShadowOutcome.objects.get().pnl == 12
    assert ExitDirective.objects.get().state == "ALREADY_CLOSED"
    assert not Violation.objects.exists()


def test_the_real_engine_cannot_end_a_contract_that_only_the_shadow_holds() -> None:
    desk = make_desk(plan_a=plan(leg(C72_5_JULY)), plan_b=plan(), **MONTH)
    real = desk.open_real(legs=[leg(C72_5_JULY, entry_price="0.98")])
    desk.open_shadow(legs=[leg(entry_price="1.39")])

    desk.a.close(real, exit_time=AFTER_EXPIRY, exit_price="1.31", market_conditions=settled("0", "EXPIRED"))

    assert not ShadowOutcome.objects.exists()
    (directive,) = desk.b.pending()
    ended = desk.b.report(directive["id"], **settled("1.51", "CASH_SETTLED", underlying="71.51"))
    assert ended.status == 200, ended.body
    assert ShadowOutcome.objects.get().pnl == 12


def test_engines_that_price_by_a_model_are_said_to_when_a_directive_closes_them() -> None:
    desk = make_desk()
    real = desk.open_real()
    desk.open_shadow(price_provenance="MODEL")

    desk.a.close(real)
    desk.b.report(desk.b.pending()[0]["id"], quotes={C72_5_JULY: quote()})

    assert ShadowOutcome.objects.get().price_provenance == "MODEL"


def test_a_rebate_of_the_broker_is_kept_and_a_shadow_pays_the_schedule() -> None:
    desk = one_contract()
    real = desk.open_real(legs=[leg(entry_price="1.00")], fees="-0.17")
    desk.open_shadow(legs=[leg(entry_price="1.00")])

    desk.a.close(real, exit_price="1.10", fees="-0.17", market_conditions={"quotes": {C70: quote("1.10", "1.12")}})

    assert pnls() == [Decimal("10.34"), Decimal("8.70")]
    assert RealOutcome.objects.get().compared_pnl == ShadowOutcome.objects.get().compared_pnl


def test_three_exits_are_added_up_and_never_averaged() -> None:
    desk = one_contract(policy={"fee_per_contract": "0"}, plan_a=plan(quantity="3"), plan_b=plan(quantity="3"))
    real = desk.open_real(legs=[leg(entry_price="1.00")], quantity="3")
    desk.open_shadow(legs=[leg(entry_price="1.00")], quantity="3")

    for number, price in enumerate(("1.10", "1.15", "1.16"), start=1):
        seen = {"quotes": {C70: quote(price, "1.20")}}
        fill(desk, real, f"exit-{number}", executed("CLOSE", price), market_conditions=seen)

    assert pnls() == [Decimal("41.00"), Decimal("41.00")]


@pytest.mark.parametrize(
    ("legs", "fills", "pnl"),
    [
        (
            [leg(entry_price="1.00")],
            [("more", [executed("OPEN", "1.20")]), ("out", [executed("CLOSE", "1.50", quantity="2")])],
            "80.00",
        ),
        (
            [leg(entry_price="1.00"), leg(C72_5_JULY, "SHORT", "0.40")],
            [
                ("long leg", [executed("CLOSE", "1.50")]),
                ("short leg", [executed("CLOSE", "0.10", instrument=C72_5_JULY, side="SHORT")]),
            ],
            "80.00",
        ),
        (
            [leg(entry_price="1.00"), leg(C72_5_JULY, "SHORT", "0.40")],
            [
                (
                    "bought in",
                    [executed("CLOSE", "0.90", instrument=C72_5_JULY, side="SHORT")],
                    {"reason": "LIQUIDATION"},
                ),
                ("rest", [executed("CLOSE", "1.50")], {"reason": "FORCED"}),
            ],
            "0.00",
        ),
        (
            [leg(entry_price="1.00")],
            [
                ("roll", [executed("CLOSE", "1.50"), executed("OPEN", "0.98", instrument=C72_5_JULY)]),
                ("out", [executed("CLOSE", "1.31", instrument=C72_5_JULY)]),
            ],
            "83.00",
        ),
    ],
    ids=["scaling in", "legging out", "a leg closed by the broker", "a roll"],
)
def test_whatever_a_broker_fills_is_booked(legs: list[Any], fills: list[Any], pnl: str) -> None:
    desk = make_desk(plan_a=plan(*legs, quantity="2"))
    real = desk.open_real(legs=legs)

    for ref, executions, *changes in fills:
        answer = fill(desk, real, ref, *executions, **(changes[0] if changes else {}))

    assert (answer["status"], answer["pnl"]) == ("CLOSED", pnl)


def test_a_roll_ends_the_pair_at_its_closing_leg() -> None:
    desk = one_contract(policy={"fee_per_contract": "0"})
    real, _ = opened(desk)

    seen = {"quotes": {C70: quote("1.50", "1.52")}}
    roll = [executed("CLOSE", "1.50"), executed("OPEN", "0.98", instrument=C72_5_JULY)]
    fill(desk, real, "roll", *roll, market_conditions=seen)
    fill(desk, real, "out", executed("CLOSE", "0.18", instrument=C72_5_JULY))

    assert RealOutcome.objects.get().gross_pnl == -30
    assert RealOutcome.objects.get().compared_pnl == ShadowOutcome.objects.get().compared_pnl == 50


@pytest.mark.parametrize(("price", "is_possible"), [("2.00", True), ("0", False), ("2.01", False)])
def test_an_assigned_option_is_worth_what_it_is_in_the_money(price: str, is_possible: bool) -> None:
    desk = make_desk(
        plan_a=plan(leg(side="SHORT"), risk_amount="7000"), plan_b=plan(leg(side="SHORT"), risk_amount="7000"), **MONTH
    )
    legs = [leg(side="SHORT", entry_price="1.39")]
    real, shadow = desk.open_real(legs=legs), desk.open_shadow(legs=legs)
    told = {
        "exit_time": EXPIRY_DAY,
        "exit_price": price,
        "exit_reason": "ASSIGNED",
        "market_conditions": settled(price, "ASSIGNED", underlying="72.00"),
    }

    of_the_shadow = desk.b.close(shadow, **told)
    of_the_real = desk.a.close(real, **told)

    assert of_the_real.status == 200
    assert of_the_shadow.status == 200 if is_possible else of_the_shadow.code == "settlement_impossible"
    assert Violation.objects.filter(engine="A", name="SETTLEMENT_IMPOSSIBLE").exists() == (not is_possible)


def real_totals(**filters: str) -> tuple[Any, int]:
    """What the report says that A has earned with real money, and in how many trades."""
    figures = api_client("analyst").get("/api/v1/performance", filters).json()["engines"]["A"]["real"]
    return figures["total_pnl"], figures["n"]


def test_a_real_loss_stays_in_its_engines_figures_whatever_its_shadow_did() -> None:
    unhappy = make_desk(policy={"entry_window_seconds": 1})
    lost = unhappy.open_real(legs=[leg(entry_price="60.00")])
    time.sleep(1.1)
    late = unhappy.b.open(unhappy.experiment, "SHADOW", legs=[leg(C72_5_JULY, entry_price="0.98")])
    unhappy.a.close(lost, exit_price="10.00", market_conditions={"quotes": {C70: quote("8.00", "9.00")}})
    happy = make_desk()
    happy.a.close(happy.open_real())

    assert late.code == "shadow_too_late"
    assert Violation.objects.filter(name="PRICE_NOT_IN_QUOTES").exists()
    assert real_totals() == ("-4940.00", 2)
