"""A shadow leaves at the neutral quote, else at the real trade's own conditions, else at its engine's quotes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from outcomes.models import ExitDirective, ShadowOutcome, ShadowTrade, TradeFill
from outcomes.services import settle_due
from tests.factories import api_client
from tests.outcomes.desk import (
    C72_5_JULY,
    EXIT_TIME,
    Desk,
    leg,
    let_time_pass,
    live_desk,
    make_desk,
    neutral_quote,
    now,
    plan,
    quote,
)

pytestmark = pytest.mark.django_db

SNAPSHOT = {"quotes": {C72_5_JULY: quote("1.31", "1.37")}}


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def leave_together(desk: Desk, conditions: dict[str, Any]) -> ShadowTrade:
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    assert desk.a.close(real_id, market_conditions=conditions).status == 200
    return ShadowTrade.objects.get(pk=shadow_id)


def test_the_neutral_feed_goes_before_the_real_trades_own_conditions(desk: Desk) -> None:
    neutral_quote(C72_5_JULY, "1.29", "1.35", "2014-06-05T17:59:58Z")
    neutral_quote(C72_5_JULY, "1.30", "1.36", "2014-06-05T17:59:59Z")
    neutral_quote(C72_5_JULY, "1.40", "1.46", "2014-06-05T18:00:00.000001Z")

    shadow = leave_together(desk, SNAPSHOT)

    assert (shadow.exit_price, shadow.exit_provenance) == (Decimal("1.30"), "NEUTRAL_QUOTE")
    assert isinstance(TradeFill.objects.get(fill_ref="directive-1").legs[0]["quote"]["quote_id"], int)


@pytest.mark.parametrize("quote_time", ["2014-06-05T17:58:59.999999Z", "2014-06-05T18:00:00.000001Z"])
def test_a_neutral_quote_too_old_or_from_after_the_exit_prices_nothing(desk: Desk, quote_time: str) -> None:
    neutral_quote(C72_5_JULY, "1.29", "1.35", quote_time)

    assert leave_together(desk, SNAPSHOT).exit_provenance == "SAME_SNAPSHOT_QUOTE"


def test_a_neutral_quote_from_before_the_entry_prices_no_exit(desk: Desk) -> None:
    neutral_quote(C72_5_JULY, "1.29", "1.35", "2014-06-05T17:59:30Z")
    real_id, shadow_id = desk.open_real(), desk.open_shadow(entry_time="2014-06-05T17:59:31Z")

    desk.a.close(real_id, market_conditions=SNAPSHOT)

    assert ShadowTrade.objects.get(pk=shadow_id).exit_provenance == "SAME_SNAPSHOT_QUOTE"


def test_the_real_trades_conditions_go_before_its_engines_own_quotes(desk: Desk) -> None:
    assert leave_together(desk, SNAPSHOT).exit_provenance == "SAME_SNAPSHOT_QUOTE"
    assert desk.b.pending() == []


@pytest.mark.parametrize(
    ("raw", "flag"),
    [
        (quote(quote_time="2014-06-05T18:00:00.000001Z"), "LOOKAHEAD"),
        (quote(quote_time="2014-06-05T17:58:59.999999Z"), "STALE"),
        (quote(quote_time="2013-05-01T18:00:00Z"), "STALE"),
        (quote(bid="2"), "CROSSED"),
        (quote(bid=None), "ONE_SIDED"),
        (quote("0.10", "0"), "ONE_SIDED"),
        (quote(quote_time=""), "NO_TIME"),
        ("1.31", "NOT_A_QUOTE"),
    ],
)
def test_a_bad_quote_of_the_snapshot_prices_nothing_and_is_flagged(desk: Desk, raw: Any, flag: str) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow()

    answer = desk.a.close(real_id, market_conditions={"quotes": {C72_5_JULY: raw}})

    assert (answer.status, answer.body["quote_flags"]) == (200, {C72_5_JULY: flag})
    assert (ExitDirective.objects.get().state, ShadowTrade.objects.get().status) == ("PENDING", "OPEN")


def test_a_quote_from_before_the_entry_prices_no_exit_and_is_flagged(desk: Desk) -> None:
    desk = make_desk(policy={"max_quote_age_seconds": 86400})
    conditions = {"quotes": {C72_5_JULY: quote(quote_time="2014-06-05T13:59:59Z")}}

    assert leave_together(desk, conditions).status == "OPEN"
    assert ExitDirective.objects.get().state == "PENDING"


def test_a_snapshot_that_lacks_one_leg_prices_none() -> None:
    legs = [leg(C72_5_JULY, entry_price="0.98"), leg("TWX", "SHORT", "0.10")]
    desk = make_desk(plan_b=plan(*legs))
    real_id, _ = desk.open_real(), desk.open_shadow(legs=legs, entry_price="0.88")

    desk.a.close(real_id, market_conditions=SNAPSHOT)

    assert ExitDirective.objects.get().state == "PENDING"


def test_each_leg_takes_its_own_source_and_the_trade_is_called_by_the_weakest() -> None:
    legs = [leg(C72_5_JULY, entry_price="0.98"), leg("TWX", "SHORT", "70.00"), leg("X", entry_price="1.00")]
    desk = make_desk(plan_b=plan(*legs))
    real_id, _ = desk.open_real(), desk.open_shadow(legs=legs, entry_price="-68.02")
    neutral_quote("TWX", "69.00", "69.50")
    desk.a.close(real_id, market_conditions=SNAPSHOT)
    (pending,) = desk.b.pending()

    own = {C72_5_JULY: quote("1.40", "1.45"), "TWX": quote("60.00", "60.10"), "X": quote("1.10", "1.20")}
    answer = desk.b.report(
        pending["id"], quotes=own, legs=[{"instrument": "TWX", "exit_price": "60.10"}], exit_price="-57.60"
    )

    assert (answer.status, answer.body["trade"]["exit_provenance"]) == (200, "OWN_FEED_QUOTE")
    stored = TradeFill.objects.get(fill_ref="directive-1").legs
    assert [each["quote"]["source"] for each in stored] == ["SAME_SNAPSHOT_QUOTE", "NEUTRAL_QUOTE", "OWN_FEED_QUOTE"]
    assert [each["price"] for each in stored] == ["1.31", "69.50", "1.10"]


def test_an_engine_that_prices_by_a_model_is_closed_by_one() -> None:
    desk = make_desk()
    real_id, _ = desk.open_real(), desk.open_shadow(price_provenance="MODEL")
    desk.a.close(real_id)

    answer = desk.b.report(desk.b.pending()[0]["id"], quotes={C72_5_JULY: quote()})

    assert answer.body["trade"]["exit_provenance"] == "MODEL"


def test_the_snapshot_may_name_the_contract_in_another_spelling(desk: Desk) -> None:
    assert leave_together(desk, {"quotes": {"TWX140719C00072500": quote()}}).exit_price == Decimal("1.31")


# While a feeder is active, neutral quotes have five seconds to arrive.


def test_with_a_feeder_a_directive_is_priced_five_seconds_after_the_exit(desk: Desk) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow()
    api_client("feeder")
    desk.a.close(real_id, market_conditions=SNAPSHOT)
    let_time_pass(seconds=4)
    assert (settle_due(), desk.b.pending(), ShadowTrade.objects.get().status) == (0, [], "OPEN")

    let_time_pass(seconds=1)

    assert settle_due() == 1
    assert ShadowTrade.objects.get().exit_provenance == "SAME_SNAPSHOT_QUOTE"


def test_with_a_neutral_quote_at_exactly_the_exit_time_it_is_priced_at_once(desk: Desk) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow()
    api_client("feeder")
    neutral_quote(C72_5_JULY, "1.30", "1.36", EXIT_TIME)

    desk.a.close(real_id, market_conditions=SNAPSHOT)

    assert ShadowTrade.objects.get().exit_provenance == "NEUTRAL_QUOTE"


def test_a_neutral_quote_a_moment_before_it_waits_for_a_later_one(desk: Desk) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow()
    api_client("feeder")
    neutral_quote(C72_5_JULY, "1.20", "1.36", "2014-06-05T17:59:59.999999Z")
    desk.a.close(real_id, market_conditions=SNAPSHOT)
    assert ShadowTrade.objects.get().status == "OPEN"

    neutral_quote(C72_5_JULY, "1.30", "1.36", EXIT_TIME)
    let_time_pass(seconds=5)
    settle_due()

    assert ShadowOutcome.objects.get().pnl == Decimal(32)


@pytest.mark.parametrize(("seconds", "provenance"), [(4, "NEUTRAL_QUOTE"), (6, "SAME_SNAPSHOT_QUOTE")])
def test_of_a_live_exit_a_neutral_quote_counts_that_arrived_within_five_seconds(seconds: int, provenance: str) -> None:
    desk = live_desk()
    real_id, _ = desk.open_real(entry_time=now(-1)), desk.open_shadow(entry_time=now(-1))
    api_client("feeder")
    left = now()
    desk.a.close(real_id, exit_time=left, market_conditions={"quotes": {C72_5_JULY: quote(quote_time=left)}})
    let_time_pass(seconds=seconds)

    neutral_quote(C72_5_JULY, "1.30", "1.36", left)
    let_time_pass(seconds=5)
    settle_due()

    assert ShadowTrade.objects.get().exit_provenance == provenance
