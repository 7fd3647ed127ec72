"""A shadow closes the share that each closing fill of the real trade closes, and the books are exact over all fills."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from outcomes.models import ExitDirective, Incident, RealOutcome, RealTrade, ShadowOutcome, ShadowTrade, TradeFill
from tests.database import execute
from tests.outcomes.desk import C70, C72_5_JULY, Answer, Desk, leg, make_desk, plan, quote, violations

pytestmark = pytest.mark.django_db


def execution(
    quantity: str, price: str, instrument: str = C70, effect: str = "CLOSE", side: str = "LONG"
) -> dict[str, Any]:
    return {"instrument": instrument, "effect": effect, "side": side, "quantity": quantity, "price": price}


def fill(desk: Desk, ref: str, *legs: dict[str, Any], hour: int = 15, bid: str | None = "1.31", **more: Any) -> Answer:
    """A fill of the real trade; its conditions quote the shadow unless there is no bid."""
    moment = f"2014-06-05T{hour}:00:00.000000Z"
    quotes = {C72_5_JULY: quote(bid, bid, moment)} if bid else {}
    body = {"fill_ref": ref, "time": moment, "legs": list(legs), "market_conditions": {"quotes": quotes}}
    return desk.a.post(f"trades/{RealTrade.objects.get().pk}/fills", body | more)


def both_hold(real: str, shadow: str) -> Desk:
    desk = make_desk(plan_a=plan(quantity=real), plan_b=plan(leg(C72_5_JULY), quantity=shadow))
    desk.open_real(quantity=real)
    desk.open_shadow(quantity=shadow)
    return desk


def closed_by_the_shadow() -> list[str]:
    return [row.legs[0]["quantity"] for row in TradeFill.objects.filter(engine="B", number__gt=1).order_by("number")]


def test_three_exits_of_one_contract_each_come_to_the_known_answer() -> None:
    desk = make_desk(plan_a=plan(quantity="3"))
    desk.open_real(quantity="3", legs=[leg(entry_price="1.00")])

    answers = [fill(desk, f"f{price}", execution("1", price)) for price in ("1.10", "1.15", "1.16")]

    outcome = RealOutcome.objects.get()
    assert [answer.body["status"] for answer in answers] == ["OPEN", "OPEN", "CLOSED"]
    assert (outcome.pnl, outcome.exit_price) == (Decimal(41), Decimal("1.136666666667"))
    assert answers[2].body["pnl"] == "41.00"


def test_the_shadow_closes_the_same_share_rounded_half_even_to_eight_decimals_and_at_last_all_that_is_left() -> None:
    desk = both_hold("3", "1")

    for number, bid in enumerate(("1.10", "1.20", "1.30"), start=1):
        fill(desk, f"f{number}", execution("1", "1.50"), hour=14 + number, bid=bid)

    assert closed_by_the_shadow() == ["0.33333333", "0.33333334", "0.33333333"]
    # 100 x (0.33333333 x 1.10 + 0.33333334 x 1.20 + 0.33333333 x 1.30) - 98
    assert ShadowOutcome.objects.get().pnl == Decimal("22.00000000")
    assert ShadowTrade.objects.get().status == "CLOSED"
    assert violations() == set()


def test_a_share_that_lies_half_way_goes_to_the_even_digit() -> None:
    desk = both_hold("2", "0.00000005")

    fill(desk, "f1", execution("1", "1.50"))

    assert closed_by_the_shadow() == ["0.00000002"]


def test_each_closing_fill_writes_a_directive_with_its_own_share_time_and_conditions() -> None:
    desk = both_hold("4", "4")

    fill(desk, "f1", execution("1", "1.50"), hour=15)
    fill(desk, "f2", execution("2", "1.50"), hour=16)
    desk.a.close(RealTrade.objects.get().pk)

    written = ExitDirective.objects.order_by("number")
    assert [(each.closed_quantity, each.open_quantity, each.is_last) for each in written] == [
        (Decimal(1), Decimal(4), False), (Decimal(2), Decimal(3), False), (Decimal(1), Decimal(1), True),
    ]  # fmt: skip
    assert [each.exit_time.hour for each in written] == [15, 16, 18]
    assert [each.state for each in written] == ["DONE", "DONE", "PENDING"]
    for row in TradeFill.objects.filter(engine="B", number__gt=1):
        real = TradeFill.objects.get(engine="A", number=row.number)
        assert (row.time, row.conditions_hash, row.reason) == (real.time, real.conditions_hash, "SYNCHRONISED")


def test_the_share_is_that_of_the_leg_that_closes_most() -> None:
    legs = [leg(), leg("TWX", entry_price="70.00")]
    desk = make_desk(plan_a=plan(*legs, quantity="4"), plan_b=plan(leg(C72_5_JULY), quantity="4"))
    desk.open_real(legs=legs, entry_price="71.39", quantity="4")
    desk.open_shadow(quantity="4")

    fill(desk, "f1", execution("1", "1.50"), execution("3", "71.00", "TWX"))

    assert closed_by_the_shadow() == ["3"]


def test_what_the_shadow_engine_prices_later_is_the_share_that_was_left_for_it() -> None:
    desk = both_hold("2", "3")
    fill(desk, "f1", execution("1", "1.50"), bid=None)
    desk.a.close(RealTrade.objects.get().pk)

    first, last = desk.b.pending()
    assert [each["legs"][0]["quantity"] for each in (first, last)] == ["1.5", "1.5"]
    desk.b.report(last["id"], quotes={C72_5_JULY: quote()})
    answer = desk.b.report(first["id"], quotes={C72_5_JULY: quote("1.20", "1.25", "2014-06-05T15:00:00Z")})

    assert (answer.body["trade"]["status"], answer.body["trade"]["pnl"]) == ("CLOSED", "82.50")


def test_closing_fills_before_the_shadows_entry_do_not_concern_it() -> None:
    desk = make_desk(plan_a=plan(quantity="2"))
    desk.open_real(quantity="2")
    fill(desk, "f1", execution("1", "1.50"), hour=15)

    desk.open_shadow(entry_time="2014-06-05T16:00:00Z")
    desk.a.close(RealTrade.objects.get().pk, market_conditions={"quotes": {C72_5_JULY: quote()}})

    assert [each.state for each in ExitDirective.objects.order_by("number")] == ["NO_SHADOW", "DONE"]
    assert (closed_by_the_shadow(), ShadowTrade.objects.get().flags) == (["1"], ["RISK_DIFFERS"])


def test_a_replayed_shadow_told_later_follows_all_closing_fills_after_its_entry() -> None:
    desk = make_desk(plan_a=plan(quantity="2"), plan_b=plan(leg(C72_5_JULY), quantity="2"))
    desk.open_real(quantity="2")
    fill(desk, "f1", execution("1", "1.50"), hour=15)
    desk.a.close(RealTrade.objects.get().pk, market_conditions={"quotes": {C72_5_JULY: quote()}})

    desk.open_shadow(quantity="2")

    assert closed_by_the_shadow() == ["1", "1"]
    assert ShadowOutcome.objects.get().pnl == Decimal(66)


def test_legging_out_writes_a_directive_for_each_leg() -> None:
    legs = [leg(), leg("TWX", entry_price="70.00")]
    desk = make_desk(plan_a=plan(*legs))
    desk.open_real(legs=legs, entry_price="71.39")
    desk.open_shadow()

    fill(desk, "f1", execution("1", "1.50"))
    closed = fill(desk, "f2", execution("1", "71.00", "TWX"), hour=16)

    assert (closed.body["status"], closed.body["pnl"], closed.body["exit_price"]) == ("CLOSED", "111.00", "72.50")
    # The first leg was wholly closed, so the shadow left with it and the second finds nothing.
    assert [each.state for each in ExitDirective.objects.order_by("number")] == ["DONE", "ALREADY_CLOSED"]
    assert violations() == set()


# What a fill must be.


def test_a_repeat_is_the_first_answer_and_another_fill_of_that_name_is_kept_as_an_incident() -> None:
    desk = both_hold("3", "3")
    fill(desk, "f1", execution("1", "1.50"))

    again = fill(desk, "f1", execution("1.0", "1.500"), fees="0")
    other = fill(desk, "f1", execution("2", "1.50"))

    assert (again.status, len(again.body["fills"])) == (200, 2)
    assert (other.status, other.code, Incident.objects.get().kind) == (409, "conflict", "conflicting_report")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"legs": [execution("4", "1.50")]}, 400, "closes_more_than_open"),
        ({"legs": [execution("1", "1.50", "TWX")]}, 400, "closes_more_than_open"),
        ({"legs": [execution("1", "1.50", side="SHORT")]}, 400, "closes_more_than_open"),
        ({"legs": [execution("99999999999999", "1.50", effect="OPEN")]}, 400, "max_value"),
    ],
)
def test_a_fill_that_cannot_be_booked_is_kept_as_an_incident(change: dict[str, Any], status: int, code: str) -> None:
    desk = both_hold("3", "3")

    answer = fill(desk, "f1", **change)

    assert (answer.status, answer.code) == (status, code)
    assert (Incident.objects.get().kind, TradeFill.objects.filter(engine="A").count()) == ("unbookable_report", 1)


def test_a_trade_whose_entry_was_deleted_says_so_to_whoever_closes_or_amends_it() -> None:
    desk = both_hold("3", "3")
    execute("SET session_replication_role = replica")
    execute("DELETE FROM trade_fills WHERE engine = 'A'")
    execute("SET session_replication_role = DEFAULT")
    bust = {"kind": "BUST", "of": "entry", "reason": "A notice.", "evidence": "The broker's."}

    answers = [
        fill(desk, "f1", execution("1", "1.50")),
        desk.a.post(f"trades/{RealTrade.objects.get().pk}/amendments", bust),
    ]

    assert [(answer.status, answer.body["detail"]) for answer in answers] == [
        (409, "Deleted from the database: the entry of engine A.")
    ] * 2


def test_a_fill_of_a_closed_trade_is_kept_as_an_incident() -> None:
    desk = both_hold("1", "1")
    desk.a.close(RealTrade.objects.get().pk)

    answer = fill(desk, "f1", execution("1", "1.50"))

    assert (answer.status, answer.code, Incident.objects.get().kind) == (409, "already_closed", "unbookable_report")


@pytest.mark.parametrize("ref", ["entry", "exit", "directive-1"])
def test_the_references_that_the_orchestrator_gives_are_reserved(ref: str) -> None:
    answer = fill(both_hold("1", "1"), ref, execution("1", "1.50"))

    assert (answer.status, answer.code, answer.body["errors"][0]["pointer"]) == (400, "fill_ref_reserved", "/fill_ref")


def test_a_shadow_has_no_fills_of_its_own() -> None:
    desk = both_hold("1", "1")
    body = {"fill_ref": "f1", "time": "2014-06-05T15:00:00Z", "legs": [execution("1", "1.31", C72_5_JULY)]}

    answer = desk.b.post(f"trades/{ShadowTrade.objects.get().pk}/fills", body)

    assert (answer.status, answer.code) == (409, "shadow_follows_real")


def test_a_shadow_that_followed_a_trade_which_scaled_in_after_a_partial_exit_broke_nothing() -> None:
    desk = both_hold("2", "2")

    fill(desk, "out", execution("1", "1.50"))
    fill(desk, "in", execution("1", "1.40", effect="OPEN"), hour=16)
    fill(desk, "rest", execution("2", "1.60"), hour=17)

    assert closed_by_the_shadow() == ["1", "1"]
    assert violations() == set()
