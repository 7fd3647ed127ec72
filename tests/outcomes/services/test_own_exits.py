"""When a shadow leaves by its own rules, beside the synchronised exit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kernel.canonical import document_hash
from outcomes.models import Incident, OwnExit, ShadowOutcome
from outcomes.services import settle_due
from tests.factories import api_client
from tests.outcomes.desk import (
    C70,
    C72_5_JULY,
    EXIT_TIME,
    OWN_TIME,
    leg,
    let_time_pass,
    make_desk,
    neutral_quote,
    plan,
    quote,
    violations,
)
from tests.outcomes.evaluations.hall import started

pytestmark = pytest.mark.django_db


def test_it_is_kept_beside_the_synchronised_exit_which_stays_the_official_one() -> None:
    desk = make_desk(policy={"fee_per_contract": "0.65"})
    real_id, shadow_id = desk.open_real(), desk.open_shadow()

    answer = desk.leave_by_its_own_rules(shadow_id)
    desk.a.close(real_id, market_conditions={"quotes": {C72_5_JULY: quote()}})

    assert (answer.status, answer.code, answer.body["status"]) == (202, "own_exit_kept", "OPEN")
    own, outcome = OwnExit.objects.get(), ShadowOutcome.objects.get()
    assert (own.pnl, own.fees, own.price_provenance, own.state) == (
        Decimal("20.70"), Decimal("1.30"), "OWN_FEED_QUOTE", "DONE",
    )  # fmt: skip
    assert own.legs[0]["quote"] == {
        "source": "OWN_FEED_QUOTE", "bid": "1.20", "ask": "1.26", "quote_time": OWN_TIME,
    }  # fmt: skip
    assert own.conditions_hash == document_hash(own.market_conditions)
    assert (outcome.pnl, outcome.exit_reason) == (Decimal("31.70"), "SYNCHRONISED")
    assert desk.b.get(f"trades/{shadow_id}").body["own_exit"]["state"] == "DONE"
    assert violations() == set()


def test_it_may_come_after_the_synchronised_close() -> None:
    desk = make_desk()
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id, market_conditions={"quotes": {C72_5_JULY: quote()}})

    answer = desk.leave_by_its_own_rules(shadow_id)

    assert (answer.status, answer.code, OwnExit.objects.get().pnl) == (202, "own_exit_kept", Decimal(22))
    assert ShadowOutcome.objects.get().pnl == Decimal(33)


def test_it_is_over_the_whole_opened_quantity_whatever_the_real_trade_has_closed() -> None:
    desk = make_desk(plan_a=plan(quantity="2"), plan_b=plan(leg(C72_5_JULY), quantity="2"))
    real_id, shadow_id = desk.open_real(quantity="2"), desk.open_shadow(quantity="2")
    half = [{"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1.50"}]
    body = {"fill_ref": "half", "time": EXIT_TIME, "legs": half, "market_conditions": {"quotes": {C72_5_JULY: quote()}}}
    assert desk.a.post(f"trades/{real_id}/fills", body).status == 201

    desk.leave_by_its_own_rules(shadow_id)

    assert OwnExit.objects.get().legs[0]["quantity"] == "2"
    assert OwnExit.objects.get().pnl == Decimal(44)


def test_a_neutral_quote_prices_it_before_its_own() -> None:
    desk = make_desk()
    desk.open_real()
    neutral_quote(C72_5_JULY, "1.19", "1.25", "2014-06-05T16:59:30Z")

    desk.leave_by_its_own_rules(desk.open_shadow())

    own = OwnExit.objects.get()
    assert (own.price_provenance, own.pnl) == ("NEUTRAL_QUOTE", Decimal(21))
    assert isinstance(own.legs[0]["quote"]["quote_id"], int)


def test_with_a_feeder_it_is_priced_five_seconds_later() -> None:
    desk = make_desk()
    shadow_id = desk.open_shadow()
    api_client("feeder")

    assert desk.leave_by_its_own_rules(shadow_id).body["own_exit"]["state"] == "PENDING"
    settle_due()
    waiting = OwnExit.objects.get().state
    neutral_quote(C72_5_JULY, "1.19", "1.25", OWN_TIME)
    let_time_pass(seconds=5)
    settle_due()

    own = OwnExit.objects.get()
    assert (waiting, own.state, own.price_provenance) == ("PENDING", "DONE", "NEUTRAL_QUOTE")


def test_nobody_leaves_before_the_quote_at_which_he_entered() -> None:
    desk = make_desk()
    api_client("feeder")
    shadow_id, left = desk.open_shadow(), "2014-06-05T14:00:10.000000Z"
    seen = {"quotes": {C72_5_JULY: quote("1.20", "1.26", left)}}
    desk.leave_by_its_own_rules(shadow_id, exit_time=left, market_conditions=seen)

    neutral_quote(C72_5_JULY, "0.49", "0.50", "2014-06-05T14:00:30.000000Z")
    let_time_pass(seconds=5)
    settle_due()
    settle_due()

    own = OwnExit.objects.get()
    assert (own.trade.entry_price, own.state, own.pnl) == (Decimal("0.50"), "UNPRICED", None)


@pytest.mark.parametrize(
    ("claims", "provenance"),
    [(("MODEL", None), "MODEL"), (("OWN_FEED_QUOTE", "MODEL"), "MODEL"), (("OWN_FEED_QUOTE", None), "OWN_FEED_QUOTE")],
)
def test_a_model_stays_a_model(claims: tuple[str, str | None], provenance: str) -> None:
    desk = make_desk()
    shadow_id = desk.open_shadow(price_provenance=claims[0])

    desk.leave_by_its_own_rules(shadow_id, **({"price_provenance": claims[1]} if claims[1] else {}))

    assert OwnExit.objects.get().price_provenance == provenance


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"market_conditions": {}}, "quote_missing"),
        ({"market_conditions": {"quotes": {C72_5_JULY: quote("1.20", "1.26")}}}, "lookahead"),
        ({"market_conditions": {"quotes": {C72_5_JULY: quote("1.27", "1.26", OWN_TIME)}}}, "crossed_quote"),
        ({"market_conditions": {"quotes": {C72_5_JULY: quote("1.20", "1.26", "2014-06-05T16:58:59Z")}}}, "stale_quote"),
        ({"exit_price": "1.21"}, "price_not_marketable"),
        ({"exit_price": "1.19"}, "price_mismatch"),
        ({"exit_price": "-1.20"}, "negative_price"),
        ({"exit_time": "2014-06-05T13:59:59Z"}, "exit_before_entry"),
        ({"exit_time": "2014-06-08T14:00:00Z"}, "time_in_future"),
        ({"legs": [{"instrument": "X"}]}, "unknown_leg"),
        ({"price_provenance": "BROKER_FILL"}, "provenance_not_allowed"),
    ],
)
def test_one_that_cannot_have_happened_is_refused_by_name(change: dict[str, Any], code: str) -> None:
    desk = make_desk()

    answer = desk.leave_by_its_own_rules(desk.open_shadow(), **change)

    assert (answer.status, answer.code) == (400, code)
    assert not OwnExit.objects.exists()


def test_it_is_taken_for_seven_days_after_the_entry() -> None:
    desk = make_desk()
    desk.open_real()
    shadow_id = desk.open_shadow()
    let_time_pass(seconds=7 * 86400)

    answer = desk.leave_by_its_own_rules(shadow_id)

    assert (answer.status, answer.code) == (409, "own_exit_too_late")


@pytest.mark.parametrize(("days", "status"), [(9, 202), (11, 409)])
def test_an_evaluation_says_for_how_long_it_is_taken(days: int, status: int) -> None:
    desk = make_desk()
    started(clock="WALL", block_days=20, max_hold_days=10)
    desk.open_real()
    shadow_id = desk.open_shadow()
    let_time_pass(seconds=days * 86400)

    assert desk.leave_by_its_own_rules(shadow_id).status == status


def test_a_repeat_is_the_first_answer_and_another_own_exit_is_kept_as_an_incident() -> None:
    desk = make_desk()
    shadow_id = desk.open_shadow()
    first = desk.leave_by_its_own_rules(shadow_id)

    again, other = (
        desk.leave_by_its_own_rules(shadow_id, exit_price="1.200"),
        desk.leave_by_its_own_rules(shadow_id, exit_reason="MANUAL"),
    )

    assert (again.status, again.body) == (202, first.body)
    assert (other.status, other.code, Incident.objects.get().kind) == (409, "conflict", "conflicting_report")
