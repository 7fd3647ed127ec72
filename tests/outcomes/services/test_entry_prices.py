"""A shadow enters at the touch: of the first neutral quote after its report, else of its own feed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from outcomes.models import ShadowTrade, TradeFill
from outcomes.services import settle_due
from tests.factories import api_client
from tests.outcomes.desk import (
    C70,
    C72_5_JULY,
    ENTRY_TIME,
    Answer,
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

PLANNED = [leg(C72_5_JULY, entry_price="0.98")]


def open_shadow(desk: Desk, **changes: Any) -> Answer:
    return desk.b.open(desk.experiment, "SHADOW", **({"legs": PLANNED} | changes))


# Its own quotes.


@pytest.mark.parametrize(
    ("quotes", "code"),
    [
        ({}, "quote_missing"),
        ({C70: quote(quote_time=ENTRY_TIME)}, "quote_missing"),
        ({C72_5_JULY: "0.98"}, "not_a_quote"),
        ({C72_5_JULY: quote("0.94", "0.98", "2014-06-05T14:00:00.000001Z")}, "lookahead"),
        ({C72_5_JULY: quote("0.94", "0.98", "2014-06-05T13:58:59.999999Z")}, "stale_quote"),
        ({C72_5_JULY: quote("0.99", "0.98", ENTRY_TIME)}, "crossed_quote"),
        ({C72_5_JULY: quote("0.94", None, ENTRY_TIME)}, "one_sided_quote"),
        ({C72_5_JULY: quote("0", "0", ENTRY_TIME)}, "one_sided_quote"),
        ({C72_5_JULY: {"bid": "0.94", "ask": "0.98"}}, "quote_time_missing"),
        ({C72_5_JULY: quote("0.95", "0.99", ENTRY_TIME)}, "price_not_marketable"),
        ({C72_5_JULY: quote("0.93", "0.97", ENTRY_TIME)}, "price_mismatch"),
    ],
)
def test_a_shadow_names_a_quote_for_each_leg_that_its_price_is_the_touch_of(quotes: Any, code: str) -> None:
    answer = open_shadow(make_desk(), entry_quotes=quotes)

    assert (answer.status, answer.code) == (400, code)
    assert not ShadowTrade.objects.exists()


@pytest.mark.parametrize(
    "known",
    [
        quote("0.94", "0.98", "2014-06-05T13:59:00Z"),
        quote("0.94", "0.980", "2014-06-05T10:00:00-04:00"),
        {"bid": 0.94, "ask": 0.98, "quote_time": 1401976800},
        {"bid": "9.4e-1", "ask": "0.98", "quote_time": 1401976800000},
    ],
)
@pytest.mark.parametrize("spelling", [C72_5_JULY, "TWX140719C00072500", "O:TWX140719C00072500"])
def test_the_quote_may_be_written_in_the_feeds_own_way(known: Any, spelling: str) -> None:
    answer = open_shadow(make_desk(), entry_quotes={spelling: known})

    assert (answer.status, answer.body["entry_price"], answer.body["entry_provenance"]) == (
        201, "0.98", "OWN_FEED_QUOTE",
    )  # fmt: skip


def test_a_shadow_buys_at_the_ask_and_sells_at_the_bid_whether_it_names_prices_or_not() -> None:
    legs = [{"instrument": C72_5_JULY, "side": "LONG"}, {"instrument": C70, "side": "SHORT"}]
    desk = make_desk(plan_b=plan(leg(C72_5_JULY), leg(C70, "SHORT")))
    body = {
        "legs": legs, "entry_price": "-0.39",
        "entry_quotes": {C72_5_JULY: quote("0.94", "0.98", ENTRY_TIME), C70: quote("1.37", "1.39", ENTRY_TIME)},
    }  # fmt: skip

    answer = open_shadow(desk, **body)

    assert (answer.status, answer.body["entry_price"]) == (201, "-0.39")
    assert [each["price"] for each in TradeFill.objects.get().legs] == ["0.98", "1.37"]


def test_a_sale_above_the_bid_is_not_marketable() -> None:
    desk = make_desk(plan_b=plan(leg(C72_5_JULY, "SHORT")))

    answer = open_shadow(
        desk, legs=[leg(C72_5_JULY, "SHORT", "0.98")], entry_quotes={C72_5_JULY: quote("0.94", "0.98", ENTRY_TIME)}
    )

    assert (answer.status, answer.code, answer.body["errors"][0]["pointer"]) == (400, "price_not_marketable", "/legs")


def test_a_model_stays_a_model() -> None:
    answer = open_shadow(make_desk(), price_provenance="MODEL")

    assert answer.body["entry_provenance"] == "MODEL"


def test_the_quote_that_priced_it_is_kept_with_the_fill() -> None:
    open_shadow(make_desk())

    (stored,) = TradeFill.objects.get().legs
    assert stored["quote"] == {"source": "OWN_FEED_QUOTE", "bid": "0.98", "ask": "0.98", "quote_time": ENTRY_TIME}


# The neutral feed.


def test_the_first_neutral_quote_from_the_entry_on_goes_before_its_own() -> None:
    for second, ask in ((1, "1.01"), (2, "1.02")):
        neutral_quote(C72_5_JULY, "0.97", ask, f"2014-06-05T14:00:0{second}Z")
    neutral_quote(C72_5_JULY, "0.90", "0.91", "2014-06-05T13:59:59Z")

    answer = open_shadow(make_desk())

    (stored,) = TradeFill.objects.get().legs
    assert (answer.body["entry_price"], answer.body["entry_provenance"]) == ("1.01", "NEUTRAL_QUOTE")
    assert isinstance(stored["quote"]["quote_id"], int)


def test_a_neutral_quote_beyond_the_limit_prices_nothing() -> None:
    neutral_quote(C72_5_JULY, "0.97", "1.01", "2014-06-05T14:01:00.000001Z")

    assert open_shadow(make_desk()).body["entry_provenance"] == "OWN_FEED_QUOTE"


def test_all_legs_are_priced_by_the_neutral_feed_or_none_is() -> None:
    legs = [leg(C72_5_JULY, entry_price="0.98"), leg(C70, "SHORT", "1.39")]
    neutral_quote(C70, "1.36", "1.39", ENTRY_TIME)

    answer = open_shadow(make_desk(plan_b=plan(*legs)), legs=legs)

    assert (answer.body["entry_provenance"], answer.body["entry_price"]) == ("OWN_FEED_QUOTE", "-0.41")


def test_while_a_feeder_may_send_one_the_shadow_is_opening_and_then_it_is_open() -> None:
    feeder = api_client("feeder")
    desk = live_desk()
    answer = open_shadow(desk, entry_time=now(-1))
    assert (answer.status, answer.body["status"], answer.body["entry_price"]) == (201, "OPENING", None)
    assert settle_due() == 0

    pushed = [{"instrument": C72_5_JULY, **quote("0.97", "1.01", now())}]
    assert feeder.post("/api/v1/quotes", {"quotes": pushed}, format="json").status_code == 201

    assert settle_due() == 1
    shadow = ShadowTrade.objects.get()
    assert (shadow.status, shadow.entry_price, shadow.entry_provenance) == ("OPEN", Decimal("1.01"), "NEUTRAL_QUOTE")


def test_of_a_live_trade_a_quote_from_before_the_report_is_too_old() -> None:
    api_client("feeder")
    desk = live_desk()
    neutral_quote(C72_5_JULY, "0.97", "1.01", now())

    assert open_shadow(desk, entry_time=now(-1)).body["status"] == "OPENING"
    assert settle_due() == 0


def test_when_no_neutral_quote_has_come_in_time_its_own_price_it() -> None:
    api_client("feeder")
    desk = live_desk(policy={"max_quote_age_seconds": 60})
    open_shadow(desk, entry_time=now(-1))
    let_time_pass(seconds=64)
    assert (settle_due(), ShadowTrade.objects.get().status) == (0, "OPENING")

    let_time_pass(seconds=2)

    assert settle_due() == 1
    shadow = ShadowTrade.objects.get()
    assert (shadow.status, shadow.entry_price, shadow.entry_provenance) == ("OPEN", Decimal("0.98"), "OWN_FEED_QUOTE")


def test_a_repeat_of_an_opening_that_waits_is_no_second_trade() -> None:
    api_client("feeder")
    desk = make_desk()

    answers = [open_shadow(desk) for _ in range(2)]

    assert [(answer.status, answer.body["status"]) for answer in answers] == [(201, "OPENING"), (200, "OPENING")]


def test_what_waits_for_its_price_cannot_be_settled_yet() -> None:
    api_client("feeder")
    desk = make_desk()
    trade_id = open_shadow(desk).body["trade_id"]
    settled = {"price": "0", "settled_at": "2014-07-19T20:00:00Z", "kind": "EXPIRED"}
    closing = [{"instrument": C72_5_JULY, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "0"}]

    answer = desk.b.post(
        f"trades/{trade_id}/fills",
        {
            "fill_ref": "end", "time": "2014-07-19T20:00:00Z", "legs": closing,
            "market_conditions": {"settlements": {C72_5_JULY: settled}},
        },
    )  # fmt: skip

    assert (answer.status, answer.code) == (409, "entry_not_priced")
