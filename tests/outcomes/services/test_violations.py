"""Trades that break a rule of the comparison are marked by name, and their real money stays (R4.5)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from outcomes.models import RealOutcome, RealTrade, Recommendation, Violation
from outcomes.services import settle_due
from policies.models import Engine
from tests.database import execute
from tests.factories import api_client
from tests.outcomes.desk import (
    C70,
    C72_5_JULY,
    Desk,
    let_time_pass,
    make_desk,
    neutral_quote,
    plan,
    quote,
    violations,
)

pytestmark = pytest.mark.django_db

QUOTED = {"quotes": {C72_5_JULY: quote()}}


def close_pair(desk: Desk) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id, market_conditions=QUOTED)


def test_a_fair_pair_breaks_nothing() -> None:
    close_pair(make_desk())

    assert violations() == set()


@pytest.mark.parametrize("engine", ["A", "B"])
def test_an_engine_that_recommended_by_other_rules_than_it_had_registered_is_marked(engine: str) -> None:
    desk = make_desk(recommended=False)
    Engine.objects.filter(pk=engine).update(rules_hash="b" * 64)
    desk.a.recommend(desk.experiment)
    desk.b.recommend(desk.experiment, plan=plan({"instrument": C72_5_JULY, "side": "LONG", "ratio": 1}))

    close_pair(desk)

    assert violations() == {(engine, "RULES_HASH_DIFFERS")}


def test_rules_registered_after_the_answer_do_not_matter() -> None:
    desk = make_desk()
    Engine.objects.update(rules_hash="b" * 64)

    close_pair(desk)

    assert violations() == set()


def test_another_context_is_marked() -> None:
    desk = make_desk()
    execute("SET session_replication_role = replica")
    Recommendation.objects.filter(engine="B").update(context_hash="0" * 64)
    execute("SET session_replication_role = DEFAULT")

    close_pair(desk)

    assert violations() == {("B", "CONTEXT_HASH_DIFFERS")}


def test_a_real_trade_in_another_currency_is_marked_and_kept() -> None:
    desk = make_desk()

    trade_id = desk.open_real(currency="INR")
    desk.a.close(trade_id)

    assert violations() == {("A", "CURRENCY_DIFFERS")}
    assert (RealOutcome.objects.get().currency, RealOutcome.objects.get().pnl) == ("INR", Decimal(60))


def test_a_plan_in_another_currency_marks_the_real_trade_that_follows_it() -> None:
    make_desk(plan_a=plan(currency="INR")).open_real()

    assert violations() == {("A", "CURRENCY_DIFFERS")}


# Prices, held against the quotes around the fill.


@pytest.mark.parametrize(
    ("entry", "exit_price", "broken"),
    [
        ("1.30", "1.99", "entry: TWX   140621C00070000 bought below the lowest bid, 1.31, at 1.30"),
        ("1.31", "2.05", None),
        ("5.00", "0.01", None),
        ("1.39", "2.06", "exit: TWX   140621C00070000 sold above the highest ask, 2.05, at 2.06"),
    ],
)
@pytest.mark.parametrize("neutral", [True, False])
def test_nobody_buys_below_every_bid_or_sells_above_every_ask(
    entry: str, exit_price: str, broken: str | None, neutral: bool
) -> None:
    desk, entry_quote, exit_quote = make_desk(), quote("1.31", "1.41", "2014-06-05T14:00:00Z"), quote("1.93", "2.05")
    if neutral:
        neutral_quote(C70, "1.31", "1.41", "2014-06-05T14:00:59Z")
        neutral_quote(C70, "1.40", "1.45", "2014-06-05T13:59:01Z")
        neutral_quote(C70, "1.93", "2.05", "2014-06-05T18:00:59Z")
        entry_quote = exit_quote = quote("0.01", "99.00")

    trade_id = desk.open_real(legs=[{"instrument": C70, "side": "LONG", "entry_price": entry}],
                              entry_price=entry, entry_quotes={C70: entry_quote})  # fmt: skip
    desk.a.close(trade_id, exit_price=exit_price, market_conditions={"quotes": {C70: exit_quote}})

    assert violations() == ({("A", "PRICE_NOT_IN_QUOTES")} if broken else set())
    assert list(Violation.objects.values_list("detail", flat=True)) == ([broken] if broken else [])


def test_a_price_far_above_its_own_quote_is_no_snapshot_price() -> None:
    desk = make_desk()

    desk.a.close(
        desk.open_real(), exit_price="99.00", price_provenance="SAME_SNAPSHOT_QUOTE",
        market_conditions={"quotes": {C70: quote("12.80", "13.20")}},
    )  # fmt: skip

    assert violations() == {("A", "PRICE_NOT_IN_QUOTES")}


def test_without_quotes_around_it_a_price_is_not_borne_out_but_breaks_nothing() -> None:
    desk = make_desk()
    neutral_quote(C70, "0.01", "0.02", "2014-06-05T18:01:00.000001Z")

    desk.a.close(desk.open_real(), exit_price="99.00")

    assert violations() == set()


def test_with_a_feeder_prices_are_held_against_the_quotes_once_those_had_time_to_arrive() -> None:
    api_client("feeder")
    desk = make_desk(policy={"max_quote_age_seconds": 60})
    desk.a.close(desk.open_real(), exit_price="99.00")
    let_time_pass(seconds=64)
    settle_due()
    assert RealTrade.objects.get().prices_checked_at is None
    neutral_quote(C70, "1.93", "2.05", "2014-06-05T18:00:30Z")

    let_time_pass(seconds=2)
    settle_due()

    checked = RealTrade.objects.get()
    assert violations() == {("A", "PRICE_NOT_IN_QUOTES")}
    assert checked.prices_checked_at is not None
    assert checked.closed_at is not None
    assert checked.prices_checked_at - checked.closed_at > timedelta(seconds=65)
