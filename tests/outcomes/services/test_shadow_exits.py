"""A shadow leaves when the real trade does: which directive it follows, and what its engine reports on it (R4.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from outcomes.models import ExitDirective, RealTrade, ShadowOutcome, ShadowTrade, TradeFill, Violation
from tests.outcomes.desk import (
    C72_5_JULY,
    EXIT_TIME,
    Desk,
    leg,
    make_desk,
    plan,
    quote,
)

pytestmark = pytest.mark.django_db

QUOTED = {"quotes": {C72_5_JULY: quote()}}
SOLD = [leg("LOW", "SHORT", "2.00"), leg("HIGH", "LONG", "0.50")]


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def test_a_shadow_that_the_conditions_quote_is_closed_with_the_real_exit(desk: Desk) -> None:
    real_id, shadow_id = desk.open_real(), desk.open_shadow()

    desk.a.close(real_id, market_conditions=QUOTED)

    shadow, directive = ShadowTrade.objects.get(), ExitDirective.objects.get()
    real = RealTrade.objects.get()
    assert (shadow.status, shadow.exit_price, shadow.exit_reason) == ("CLOSED", Decimal("1.31"), "SYNCHRONISED")
    assert (shadow.exit_time, shadow.conditions_hash) == (real.exit_time, real.conditions_hash)
    outcome = ShadowOutcome.objects.get()
    assert (shadow.exit_provenance, outcome.pnl) == ("SAME_SNAPSHOT_QUOTE", Decimal(33))
    assert (directive.state, directive.shadow_trade_id) == ("DONE", shadow.pk)
    assert (directive.exit_time, directive.market_conditions) == (real.exit_time, QUOTED)
    assert desk.b.get(f"trades/{shadow_id}").body["pnl"] == "33.00"
    assert desk.b.pending() == []
    assert not Violation.objects.exists()


def test_what_was_sold_is_bought_back_at_the_ask() -> None:
    desk = make_desk(plan_b=plan(*SOLD))
    real_id = desk.open_real()
    desk.open_shadow(legs=SOLD, entry_price="-1.50")

    desk.a.close(real_id, market_conditions={"quotes": {"LOW": quote("1.00", "1.10"), "HIGH": quote("0.20", "0.30")}})

    outcome = ShadowOutcome.objects.get()
    assert (outcome.exit_price, outcome.pnl) == (Decimal("-0.90"), Decimal(60))


def test_a_report_names_the_net_price_for_each_unit_of_the_quantity() -> None:
    twice = [each | {"ratio": 2} for each in SOLD]
    desk = make_desk(plan_b=plan(*twice))
    real_id = desk.open_real()
    desk.open_shadow(legs=twice, entry_price="-3.00")
    desk.a.close(real_id)

    quotes = {"LOW": quote("1.00", "1.10"), "HIGH": quote("0.20", "0.30")}
    answer = desk.b.report(desk.b.pending()[0]["id"], quotes=quotes, exit_price="-1.80")

    assert (answer.status, ShadowOutcome.objects.get().exit_price) == (200, Decimal("-1.80"))


def test_the_real_price_is_never_applied_to_another_contract(desk: Desk) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow()

    desk.a.close(real_id, market_conditions={"underlying": {"last": "71.51"}})

    assert ShadowTrade.objects.get().status == "OPEN"
    assert not ShadowOutcome.objects.exists()


def test_the_shadow_engine_is_told_what_to_price_and_prices_it_from_its_own_feed(desk: Desk) -> None:
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id, market_conditions={"underlying": {"last": 71.51}})

    [pending] = desk.b.pending()
    answer = desk.b.report(pending["id"], quotes={C72_5_JULY: quote()})

    real = RealTrade.objects.get()
    assert (pending["trade_id"], pending["instruments"]) == (shadow_id, [C72_5_JULY])
    assert pending["legs"] == [{"instrument": C72_5_JULY, "side": "LONG", "quantity": "1"}]
    assert (pending["exit_time"], pending["market_conditions"]) == (EXIT_TIME, {"underlying": {"last": 71.51}})
    assert (answer.status, answer.body["state"]) == (200, "DONE")
    trade = answer.body["trade"]
    assert (trade["pnl"], trade["exit_provenance"]) == ("33.00", "OWN_FEED_QUOTE")
    assert (trade["exit_time"], trade["conditions_hash"]) == (EXIT_TIME, real.conditions_hash)
    known = {"source": "OWN_FEED_QUOTE", "bid": "1.31", "ask": "1.37", "quote_time": EXIT_TIME}
    assert TradeFill.objects.get(fill_ref="directive-1").legs[0]["quote"] == known
    assert desk.b.pending() == []
    assert not Violation.objects.exists()


def test_a_directive_is_seen_by_its_own_engine_only(desk: Desk) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id)
    directive_id = desk.b.pending()[0]["id"]

    answers = [desk.a.report(directive_id, quotes={}), desk.a.report(f"{desk.experiment.pk}.9999", quotes={})]

    assert desk.a.pending() == []
    assert [(answer.status, answer.code) for answer in answers] == [(404, "not_found")] * 2


def test_a_directive_without_an_open_shadow_is_not_listed_and_cannot_be_answered(desk: Desk) -> None:
    desk.a.close(desk.open_real())

    answer = desk.b.report(ExitDirective.objects.get().name, quotes={C72_5_JULY: quote()})

    assert desk.b.pending() == []
    assert (answer.status, answer.code) == (409, "shadow_not_opened")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "quote_missing"),
        ({"quotes": {C72_5_JULY: quote(quote_time="2014-06-05T18:00:00.000001Z")}}, "lookahead"),
        ({"quotes": {C72_5_JULY: quote(bid="1.38")}}, "crossed_quote"),
        ({"quotes": {C72_5_JULY: quote()}, "exit_price": "1.30"}, "price_mismatch"),
        ({"quotes": {C72_5_JULY: quote()}, "exit_price": "1.34"}, "price_not_marketable"),
        ({"quotes": {C72_5_JULY: quote(quote_time="2014-06-05T17:58:59Z")}}, "stale_quote"),
        ({"quotes": {C72_5_JULY: quote()}, "exit_time": "2014-06-05T18:00:01Z"}, "exit_time_differs"),
        ({"quotes": {C72_5_JULY: quote()}, "legs": [{"instrument": "X"}]}, "unknown_leg"),
        ({"quotes": {C72_5_JULY: quote()}, "market_conditions": QUOTED}, "quotes_twice"),
        ({"quotes": []}, "invalid"),
        ({"mid": "1.34"}, "invalid"),
    ],
)
def test_a_report_that_cannot_be_is_refused_and_may_be_corrected(desk: Desk, body: dict[str, Any], code: str) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id)
    directive_id = desk.b.pending()[0]["id"]

    refused = desk.b.report(directive_id, **body)
    corrected = desk.b.report(directive_id, market_conditions=QUOTED, exit_time=EXIT_TIME, exit_price="1.31")

    assert (refused.status, refused.code) == (400, code)
    assert corrected.status == 200


def test_a_repeated_report_is_the_first_answer_and_another_one_is_refused(desk: Desk) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id)
    directive_id = desk.b.pending()[0]["id"]
    first = desk.b.report(directive_id, quotes={C72_5_JULY: quote()})

    again = desk.b.report(directive_id, quotes={C72_5_JULY: quote()})
    other = desk.b.report(directive_id, quotes={C72_5_JULY: quote(bid="1.30")})

    assert (again.status, again.body) == (200, first.body)
    assert (other.status, other.code) == (409, "conflict")
    assert ShadowOutcome.objects.get().pnl == 33


def test_the_list_of_pending_exits_costs_the_same_however_long_it_is(django_assert_num_queries: Any) -> None:
    desks = [make_desk() for _ in range(3)]
    for each in desks:
        real_id, _ = each.open_real(), each.open_shadow()
        each.a.close(real_id)
    desks[0].b.pending()

    # The database's clock, the directives with their trades; the key is remembered.
    with django_assert_num_queries(2):
        assert len(desks[0].b.pending()) == 3
