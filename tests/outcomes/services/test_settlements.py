"""Contracts end by settlement: worthless, in cash, exercised or assigned, at their intrinsic value and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from outcomes.models import ExitDirective, OwnExit, RealOutcome, ShadowOutcome, ShadowTrade, TradeFill
from tests.outcomes.desk import (
    C70,
    C72_5_JULY,
    EXIT_TIME,
    Answer,
    Desk,
    leg,
    make_desk,
    neutral_quote,
    plan,
    quote,
    violations,
)

pytestmark = pytest.mark.django_db

# C70 expires on 21 June 2014, a Saturday in OCC's symbols of the time; C72.5 on 19 July.
JUNE, JULY = "2014-06-21T20:00:00.000000Z", "2014-07-19T20:00:00.000000Z"


def settlement(kind: str, price: str, at: str = JULY, underlying: str | None = None) -> dict[str, str]:
    return {"kind": kind, "price": price, "settled_at": at} | ({"underlying": underlying} if underlying else {})


def settle_shadow(desk: Desk, shadow_id: str, settled: Any, *, at: str = JULY, side: str = "LONG") -> Answer:
    """B's contract ends before the real trade, told as a fill."""
    price = settled.get("price", "0") if isinstance(settled, dict) else "0"
    legs = [{"instrument": C72_5_JULY, "effect": "CLOSE", "side": side, "quantity": "1", "price": price}]
    conditions = {"settlements": {C72_5_JULY: settled}}
    body = {"fill_ref": "end", "time": at, "legs": legs, "reason": "EXPIRED", "market_conditions": conditions}
    return desk.b.post(f"trades/{shadow_id}/fills", body)


def close_real(desk: Desk, real_id: str, settled: dict[str, Any], **changes: Any) -> Answer:
    return desk.a.close(real_id, market_conditions={"settlements": settled}, **changes)


def test_when_both_contracts_expire_worthless_both_losses_are_whole() -> None:
    desk = make_desk(timeframe="1w", plan_b=plan(leg()))
    real_id, shadow_id = desk.open_real(), desk.open_shadow(legs=[leg()])

    conditions = {"settlements": {C70: settlement("EXPIRED", "0", JUNE)}}
    answer = desk.a.post(
        f"trades/{real_id}/exit", {"exit_time": JUNE, "exit_reason": "EXPIRED", "market_conditions": conditions}
    )

    assert (answer.status, answer.body["exit_price"], answer.body["exit_provenance"]) == (200, "0.00", "SETTLEMENT")
    shadow = ShadowTrade.objects.get(pk=shadow_id)
    assert (shadow.status, shadow.exit_provenance, shadow.exit_price) == ("CLOSED", "SETTLEMENT", Decimal(0))
    assert RealOutcome.objects.get().pnl == ShadowOutcome.objects.get().pnl == Decimal(-139)
    assert violations() == set()


def test_a_shadow_quoted_at_nothing_bid_and_nothing_asked_is_closed_worthless() -> None:
    desk = make_desk()
    real_id, _ = desk.open_real(), desk.open_shadow()

    desk.a.close(real_id, market_conditions={"quotes": {C72_5_JULY: quote("0", "0")}})

    assert (ShadowOutcome.objects.get().pnl, ShadowTrade.objects.get().exit_provenance) == (
        Decimal(-98), "SAME_SNAPSHOT_QUOTE",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "side", "price", "underlying", "pnl"),
    [
        ("EXPIRED", "LONG", "0", None, "-98.00"),
        ("EXPIRED", "LONG", "0", "72.50", "-98.00"),
        ("CASH_SETTLED", "LONG", "2.50", "75.00", "152.00"),
        ("EXERCISED", "LONG", "2.50", "75", "152.00"),
        ("ASSIGNED", "SHORT", "2.5", "75.00", "-152.00"),
        ("EXPIRED", "SHORT", "0", "70", "98.00"),
    ],
)
def test_a_shadow_whose_contract_ends_before_the_real_trade_says_so_at_once(
    kind: str, side: str, price: str, underlying: str | None, pnl: str
) -> None:
    desk = make_desk(plan_b=plan(leg(C72_5_JULY, side)))
    real_id, shadow_id = desk.open_real(), desk.open_shadow(legs=[leg(C72_5_JULY, side, "0.98")])
    neutral_quote("TWX", "69.00", "75.10", JULY)

    answer = settle_shadow(desk, shadow_id, settlement(kind, price, underlying=underlying), side=side)
    desk.a.close(real_id)

    assert (answer.status, answer.body["status"], answer.body["pnl"]) == (201, "CLOSED", pnl)
    assert (answer.body["exit_provenance"], answer.body["exit_time"]) == ("SETTLEMENT", JULY)
    assert ExitDirective.objects.get().state == "ALREADY_CLOSED"
    assert violations() == set()


@pytest.mark.parametrize(
    ("settled", "at", "side"),
    [
        (settlement("EXPIRED", "0", "2014-07-18T20:00:00Z"), "2014-07-18T20:00:00Z", "LONG"),
        (settlement("CASH_SETTLED", "2.50", "2014-07-18T20:00:00Z", "75"), "2014-07-18T20:00:00Z", "LONG"),
        (settlement("EXPIRED", "0", "2014-07-19T03:59:59Z"), "2014-07-19T03:59:59Z", "LONG"),
        (settlement("ASSIGNED", "2.50", underlying="75"), JULY, "LONG"),
        (settlement("EXERCISED", "2.50", underlying="75"), JULY, "SHORT"),
        (settlement("EXERCISED", "9.00", underlying="75"), JULY, "LONG"),
        (settlement("CASH_SETTLED", "2.49", underlying="75"), JULY, "LONG"),
        (settlement("CASH_SETTLED", "2.50"), JULY, "LONG"),
        (settlement("EXPIRED", "0"), JULY, "SHORT"),
        (settlement("EXPIRED", "-1"), JULY, "LONG"),
        (settlement("VANISHED", "0"), JULY, "LONG"),
        ({"price": "0", "kind": "EXPIRED"}, JULY, "LONG"),
        (settlement("EXPIRED", "0"), "2014-07-19T19:59:59Z", "LONG"),
    ],
)
def test_a_settlement_that_cannot_be_is_refused_of_a_shadow(settled: dict[str, str], at: str, side: str) -> None:
    desk = make_desk(plan_b=plan(leg(C72_5_JULY, side)))
    shadow_id = desk.open_shadow(legs=[leg(C72_5_JULY, side, "0.98")])

    answer = settle_shadow(desk, shadow_id, settled, at=at, side=side)

    pointer = f"/settlements/{C72_5_JULY}"
    assert (answer.status, answer.code, answer.body["errors"][0]["pointer"]) == (400, "settlement_impossible", pointer)
    assert ShadowTrade.objects.get().status == "OPEN"


def test_a_shadow_cannot_choose_its_exit_by_exercising_before_expiry() -> None:
    """A real holder may exercise early; a simulated one would do so at the best moment."""
    desk = make_desk()
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    early = settlement("EXERCISED", "7.50", "2014-06-05T17:00:00Z", "80")

    as_fill = settle_shadow(desk, shadow_id, early, at="2014-06-05T17:00:00Z")
    conditions = {"settlements": {C72_5_JULY: early}}
    as_exit = desk.b.close(shadow_id, exit_time="2014-06-05T17:00:00Z", exit_price="7.50", market_conditions=conditions)
    desk.a.close(real_id, market_conditions={"quotes": {C72_5_JULY: quote()}})

    assert (as_fill.status, as_fill.code) == (409, "shadow_follows_real")
    assert (as_exit.status, as_exit.code) == (400, "settlement_impossible")
    assert ShadowOutcome.objects.get().pnl == Decimal(33)


def test_a_settlement_from_the_future_is_refused() -> None:
    desk, later = make_desk(), "2100-01-01T00:00:00Z"

    answer = settle_shadow(desk, desk.open_shadow(), settlement("EXPIRED", "0", later), at=later)

    assert (answer.status, answer.code, answer.body["errors"][0]["pointer"]) == (400, "time_in_future", "/time")


@pytest.mark.parametrize(
    ("stood", "provenance"),
    [(("74.90", "75.10"), "SETTLEMENT"), (("70.00", "74.99"), "OWN_FEED_QUOTE"), (None, "OWN_FEED_QUOTE")],
)
def test_the_underlying_price_is_borne_out_by_the_neutral_feed_or_it_is_the_engines_word(
    stood: tuple[str, str] | None, provenance: str
) -> None:
    desk = make_desk()
    shadow_id = desk.open_shadow()
    if stood:
        neutral_quote("TWX", *stood, "2014-07-19T19:59:30Z")

    answer = settle_shadow(desk, shadow_id, settlement("CASH_SETTLED", "2.50", underlying="75"))

    assert (answer.status, answer.body["exit_provenance"]) == (201, provenance)


def test_a_shadow_may_tell_its_settlement_as_its_exit() -> None:
    desk = make_desk()
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    conditions = {"settlements": {C72_5_JULY: settlement("EXPIRED", "0")}}

    answer = desk.b.post(
        f"trades/{shadow_id}/exit", {"exit_time": JULY, "exit_reason": "EXPIRED", "market_conditions": conditions}
    )
    desk.a.close(real_id)

    assert (answer.status, answer.body["status"], answer.body["exit_reason"]) == (200, "CLOSED", "EXPIRED")
    assert answer.body["pnl"] == "-98.00"
    assert (OwnExit.objects.get().pnl, OwnExit.objects.get().price_provenance) == (Decimal(-98), "SETTLEMENT")
    assert ExitDirective.objects.get().state == "ALREADY_CLOSED"


def test_a_contract_that_ends_after_the_real_exit_does_not_keep_the_shadow_from_following() -> None:
    desk = make_desk(timeframe="1M", plan_b=plan(leg()))
    real_id, shadow_id = desk.open_real(), desk.open_shadow(legs=[leg()])
    desk.a.close(real_id)
    conditions = {"settlements": {C70: settlement("EXPIRED", "0", JUNE)}}
    executed = {"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "0"}

    filled = desk.b.post(
        f"trades/{shadow_id}/fills",
        {"fill_ref": "end", "time": JUNE, "legs": [executed], "market_conditions": conditions},
    )
    kept = desk.b.post(
        f"trades/{shadow_id}/exit", {"exit_time": JUNE, "exit_reason": "EXPIRED", "market_conditions": conditions}
    )
    (pending,) = desk.b.pending()
    desk.b.report(pending["id"], quotes={C70: quote("1.99", "2.05")})

    assert (filled.status, filled.code) == (409, "shadow_follows_real")
    assert (kept.status, kept.body["code"]) == (202, "own_exit_kept")
    assert (ShadowOutcome.objects.get().pnl, OwnExit.objects.get().pnl) == (Decimal(60), Decimal(-139))


def test_an_exit_before_the_entry_is_refused_of_a_contract_that_ended_too() -> None:
    desk = make_desk()
    shadow_id = desk.open_shadow()
    conditions = {"settlements": {C72_5_JULY: settlement("EXPIRED", "0")}}

    answer = desk.b.post(
        f"trades/{shadow_id}/exit",
        {"exit_time": "2014-06-05T13:59:59Z", "exit_reason": "EXPIRED", "market_conditions": conditions},
    )

    assert (answer.status, answer.code) == (400, "exit_before_entry")


def test_a_settlement_may_answer_a_directive() -> None:
    desk = make_desk(timeframe="1w", plan_b=plan(leg()))
    real_id, _ = desk.open_real(), desk.open_shadow(legs=[leg()])
    desk.a.close(real_id, exit_time="2014-06-23T14:00:00Z", exit_price="0")
    (pending,) = desk.b.pending()

    early = desk.b.report(pending["id"], settlements={C70: settlement("EXPIRED", "0", "2014-06-23T14:00:01Z")})
    answer = desk.b.report(pending["id"], settlements={C70: settlement("EXPIRED", "0", JUNE)})

    assert (early.status, early.code) == (400, "settlement_impossible")
    assert (answer.status, answer.body["trade"]["exit_provenance"]) == (200, "SETTLEMENT")
    assert ShadowOutcome.objects.get().pnl == Decimal(-139)
    stored = TradeFill.objects.get(engine="B", number=2).legs[0]["settlement"]
    assert stored == {"kind": "EXPIRED", "price": "0.00", "settled_at": JUNE}


def test_one_leg_that_ends_early_leaves_the_others_to_the_real_exit() -> None:
    legs = [leg(C72_5_JULY, entry_price="0.98"), leg("TWX", entry_price="70.00")]
    desk = make_desk(timeframe="1w", plan_b=plan(*legs))
    real_id, shadow_id = desk.open_real(), desk.open_shadow(legs=legs, entry_price="70.98")
    settled = settle_shadow(desk, shadow_id, settlement("EXPIRED", "0"))
    assert (settled.status, settled.body["status"]) == (201, "OPEN")

    desk.a.close(real_id, market_conditions={"quotes": {"TWX": quote("71.00", "71.01")}})

    assert ExitDirective.objects.get().state == "DONE"
    assert ShadowOutcome.objects.get().pnl == Decimal(2)


def test_the_long_side_does_not_take_the_assignment_that_the_real_short_side_reports() -> None:
    desk = make_desk(plan_a=plan(leg(side="SHORT")), plan_b=plan(leg()))
    real_id, _ = desk.open_real(legs=[leg(side="SHORT")]), desk.open_shadow(legs=[leg()])

    close_real(desk, real_id, {C70: settlement("ASSIGNED", "1.50", JUNE, "71.50")}, exit_time=JUNE)

    assert ShadowTrade.objects.get().status == "OPEN"
    assert RealOutcome.objects.get().pnl == Decimal(-11)


@pytest.mark.parametrize(("stood", "settled"), [(("70.90", "71.10"), True), (("80.00", "80.10"), False), (None, False)])
def test_what_the_real_engine_says_of_its_rivals_contract_counts_where_the_neutral_feed_says_the_same(
    stood: tuple[str, str] | None, settled: bool
) -> None:
    desk = make_desk(timeframe="1M")
    real_id, _ = desk.open_real(), desk.open_shadow()
    if stood:
        neutral_quote("TWX", *stood, JULY)

    said = {C72_5_JULY: settlement("EXPIRED", "0", underlying="71.00")}
    close_real(desk, real_id, said, exit_time=JULY)

    assert ShadowTrade.objects.get().status == ("CLOSED" if settled else "OPEN")


@pytest.mark.parametrize(
    ("name", "price", "underlying"),
    [("XYZ", "0", None), ("XYZ", "900.00", "71.50")],
    ids=["at nothing", "at a fortune"],
)
def test_what_is_no_option_is_worth_what_the_feed_says_and_not_what_its_engine_does(
    name: str, price: str, underlying: str | None
) -> None:
    held = leg(name, entry_price="71.52")
    desk = make_desk(None, plan_b=plan(held))
    neutral_quote(name, "71.49", "71.51")
    shadow_id = desk.open_shadow(legs=[held])
    ended = settlement("CASH_SETTLED", price, EXIT_TIME, underlying)

    told = {"exit_price": price, "market_conditions": {"settlements": {name: ended}}}
    answer = desk.b.close(shadow_id, exit_time=EXIT_TIME, **told)

    assert answer.status == 200, answer.body
    assert ShadowOutcome.objects.get().pnl == Decimal("-3.00")
