"""What a neutral feed is asked to quote: all that may price an open plan or trade, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from kernel.values import format_timestamp
from outcomes.core.checks import EXCHANGE_ZONE
from outcomes.feeder_api.quote_requests import QuoteRequest, quote_requests
from outcomes.services.due import settle_due
from tests.factories import api_client
from tests.outcomes.desk import (
    C70,
    C72_5_JULY,
    ENTRY_TIME,
    EXIT_TIME,
    Desk,
    leg,
    let_time_pass,
    make_desk,
    plan,
    quote,
)
from tests.threads import in_background

pytestmark = pytest.mark.django_db

PATH = "/api/v1/quote-requests"
ENTRY, EXIT = datetime(2014, 6, 5, 14, tzinfo=UTC), datetime(2014, 6, 5, 18, tzinfo=UTC)
CALL = "TWX   350621C00070000"
PUT = "TWX   350621P00065000"
WINDOW_SECONDS = 300


@pytest.fixture
def feeder() -> APIClient:
    """A feeder, whose key makes shadows wait for neutral quotes."""
    return api_client("feeder")


def asked() -> set[tuple[str, datetime | None]]:
    return {(request.instrument, request.as_of) for request in quote_requests()}


def push(feeder: APIClient, instrument: str, moment: str, bid: str = "1.31", ask: str = "1.37") -> None:
    sent = {"instrument": instrument, **quote(bid, ask, moment)}
    assert feeder.post("/api/v1/quotes", {"quotes": [sent]}, format="json").status_code == 201


def live_desk(instrument_a: str = CALL, instrument_b: str = PUT, **policy: Any) -> Desk:
    """Both engines at work on a live signal."""
    return make_desk(
        replayed=False,
        timestamp=datetime.now(UTC),
        plan_a=plan(leg(instrument_a)),
        plan_b=plan(leg(instrument_b)),
        policy={"entry_window_seconds": WINDOW_SECONDS} | policy,
    )


def open_live(desk: Desk, instrument: str = CALL) -> str:
    return desk.open_real(legs=[leg(instrument)], entry_time=now())


def now() -> str:
    return format_timestamp(datetime.now(UTC))


def contract(day: datetime) -> str:
    return f"TWX   {day.astimezone(EXCHANGE_ZONE):%y%m%d}C00070000"


def test_without_plans_and_trades_nothing_is_asked_for() -> None:
    make_desk(recommended=False, replayed=False)

    assert quote_requests() == []


def test_both_engines_plans_are_asked_for_as_long_as_they_may_be_opened() -> None:
    desk = live_desk()

    source = desk.experiment.signal.source
    assert quote_requests() == [QuoteRequest(source, CALL, None), QuoteRequest(source, PUT, None)]


def test_a_plan_that_is_too_old_to_be_opened_is_not() -> None:
    live_desk(entry_window_seconds=0)

    assert asked() == set()


def test_an_engine_that_declined_needs_no_quotes() -> None:
    desk = make_desk(recommended=False, replayed=False, timestamp=datetime.now(UTC))
    desk.a.recommend(desk.experiment, action="DECLINE")

    assert asked() == set()


def test_an_open_trade_is_quoted_however_old_its_plan_is() -> None:
    desk = live_desk(entry_window_seconds=0)

    open_live(desk)

    assert asked() == {(CALL, None)}


def test_a_contract_that_a_trade_was_rolled_into_is_quoted() -> None:
    desk = live_desk(entry_window_seconds=0)
    trade_id = open_live(desk)
    rolled = "TWX   350719C00070000"
    legs = [
        {"instrument": CALL, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1.40"},
        {"instrument": rolled, "effect": "OPEN", "side": "LONG", "quantity": "1", "price": "1.90"},
    ]

    answer = desk.a.post(f"trades/{trade_id}/fills", {"fill_ref": "roll", "time": now(), "legs": legs})

    assert answer.status == 201, answer.body
    assert (rolled, None) in asked()


def test_a_contract_is_asked_for_in_its_one_spelling() -> None:
    live_desk("O:TWX350621C00070000", "TWX350621C00070000")

    assert asked() == {(CALL, None)}


@pytest.mark.parametrize(("days", "names"), [(1, ["it"]), (0, ["it", "TWX"]), (-1, ["TWX"])])
def test_from_its_last_day_on_the_underlying_says_what_a_contract_settles_at(days: int, names: list[str]) -> None:
    ends = contract(datetime.now(UTC) + timedelta(days=days))

    live_desk(ends, ends)

    assert asked() == {(ends if name == "it" else name, None) for name in names}


def test_a_shadow_is_quoted_after_the_real_exit_until_it_has_left_by_its_own_rules() -> None:
    desk = live_desk()
    real, at = open_live(desk), now()
    quotes = {PUT: quote("0.98", "0.98", at)}
    shadow = desk.open_shadow(legs=[leg(PUT, entry_price="0.98")], entry_time=at, entry_quotes=quotes)
    closed = desk.a.close(real, exit_time=at, market_conditions={"quotes": quotes})
    assert (closed.status, desk.b.get(f"trades/{shadow}").body["exit_reason"]) == (200, "SYNCHRONISED")
    let_time_pass(seconds=WINDOW_SECONDS + 1)  # until the plan asks for nothing any more

    before = asked()
    own = desk.b.close(shadow, exit_time=now(), exit_price="0.98", market_conditions={"quotes": quotes})

    assert own.status == 202, own.body
    assert (PUT, None) in before
    assert (PUT, None) not in asked()


def test_a_replayed_plan_waits_for_no_quote() -> None:
    make_desk()

    assert asked() == set()


def test_a_replayed_fill_is_asked_for_as_of_its_moment_until_it_is_quoted(feeder: APIClient) -> None:
    desk = make_desk()
    desk.open_real()

    assert asked() == {(C70, ENTRY)}
    push(feeder, C70, ENTRY_TIME)
    assert asked() == set()


def test_a_replayed_shadow_is_asked_for_as_of_its_entry_and_opened_at_that_quote(feeder: APIClient) -> None:
    desk = make_desk()
    shadow = desk.open_shadow()

    assert asked() == {(C72_5_JULY, ENTRY)}
    push(feeder, C72_5_JULY, ENTRY_TIME, "0.96", "0.98")
    settle_due()

    assert asked() == set()
    trade = desk.b.get(f"trades/{shadow}").body
    assert (trade["status"], trade["entry_provenance"]) == ("OPEN", "NEUTRAL_QUOTE")


def test_a_replayed_directive_is_asked_for_as_of_the_real_exit(feeder: APIClient) -> None:
    desk = make_desk()
    real = desk.open_real()
    desk.open_shadow()
    for instrument in (C70, C72_5_JULY):
        push(feeder, instrument, ENTRY_TIME)
    settle_due()

    desk.a.close(real)

    assert asked() == {(C70, EXIT), (C72_5_JULY, EXIT)}
    push(feeder, C72_5_JULY, EXIT_TIME)
    assert asked() == {(C70, EXIT)}


def test_a_replayed_own_exit_is_asked_for_as_of_its_moment(feeder: APIClient) -> None:
    desk = make_desk()
    shadow = desk.open_shadow()
    push(feeder, C72_5_JULY, ENTRY_TIME)
    settle_due()

    answer = desk.b.close(shadow, exit_price="1.31", market_conditions={"quotes": {C72_5_JULY: quote()}})

    assert answer.status == 202, answer.body
    assert asked() == {(C72_5_JULY, EXIT)}


def test_the_underlying_of_a_replayed_contract_is_asked_for_once_the_source_has_come_to_its_end() -> None:
    desk = make_desk()
    desk.open_real()
    expiry = datetime(2014, 6, 21, 20, tzinfo=UTC)

    make_desk(recommended=False, timestamp=expiry)

    assert asked() == {(C70, ENTRY), ("TWX", expiry)}


def test_a_feeder_is_told_when_and_for_which_source(feeder: APIClient) -> None:
    desk = make_desk()
    desk.open_real()

    answer = feeder.get(PATH)

    assert (answer.status_code, answer.json()) == (
        200,
        {
            "quote_requests": [
                {"instrument": C70, "source": desk.experiment.signal.source, "as_of": "2014-06-05T14:00:00.000000Z"}
            ]
        },
    )


@pytest.mark.parametrize(("owner", "status"), [("engine-a", 403), ("engine-b", 403), ("analyst", 403), ("feeder", 200)])
def test_only_feeders_may_ask(owner: str, status: int) -> None:
    assert api_client(owner).get(PATH).status_code == status


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("wait_seconds=26", "/wait_seconds", "max_value"),
        ("wait_seconds=-1", "/wait_seconds", "min_value"),
        ("wait_seconds=soon", "/wait_seconds", "invalid"),
        ("wait=1", "/wait", "unknown_field"),
        ("wait_seconds=0&wait_seconds=1", "/wait_seconds", "repeated"),
    ],
)
def test_a_bad_query_is_refused_by_name(feeder: APIClient, query: str, pointer: str, code: str) -> None:
    answer = feeder.get(f"{PATH}?{query}")

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"], error["code"]) == (400, pointer, code)


@pytest.mark.django_db(transaction=True)
def test_a_call_that_waits_is_told_of_the_plan_that_comes(feeder: APIClient) -> None:
    desk = make_desk(recommended=False, replayed=False, timestamp=datetime.now(UTC))

    with in_background(lambda: feeder.get(f"{PATH}?wait_seconds=25").json()) as waiting:
        desk.a.recommend(desk.experiment, plan=plan(leg(CALL)))
        told = waiting.result()

    assert [request["instrument"] for request in told["quote_requests"]] == [CALL]
