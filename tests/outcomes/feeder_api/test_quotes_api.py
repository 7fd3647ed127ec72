"""What feeders push: all of it or nothing, once, fast."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from time import process_time
from typing import Any

import pytest
from rest_framework.test import APIClient

from kernel.actors import Actor
from kernel.values import format_timestamp
from outcomes.feeder_api.serializers import MAX_QUOTES
from outcomes.models import Quote
from policies.services import create_api_key
from tests.database import execute, refusal_of, refusal_of_row
from tests.factories import api_client
from tests.threads import succeeded, tables_without_constraints, together, unguarded

pytestmark = pytest.mark.django_db

PATH = "/api/v1/quotes"
C70 = "TWX   140621C00070000"
QUOTE = {"instrument": C70, "bid": "1.37", "ask": "1.39", "quote_time": "2014-06-05T14:00:00Z"}


@pytest.fixture
def feeder() -> APIClient:
    return api_client("feeder")


def push(client: APIClient, *quotes: Any) -> Any:
    return client.post(PATH, {"quotes": list(quotes)}, format="json")


def quote(**changes: Any) -> dict[str, Any]:
    return QUOTE | changes


def counts(stored: int, repeated: int, conflicting: int, crossed: int) -> dict[str, int]:
    return {"stored": stored, "repeated": repeated, "conflicting": conflicting, "crossed": crossed}


def series(count: int) -> list[dict[str, Any]]:
    start = datetime(2014, 6, 5, 14, tzinfo=UTC)
    return [
        quote(instrument=f"TWX   140621C{strike:08d}", quote_time=format_timestamp(start + timedelta(seconds=strike)))
        for strike in range(count)
    ]


def test_quotes_are_stored_as_sent_under_the_feeders_name(feeder: APIClient) -> None:
    before = datetime.now(UTC)

    answer = push(feeder, quote(changed_at="2014-06-05T13:59:58.21Z"), quote(instrument="TWX", bid="70", ask="70.02"))

    assert (answer.status_code, answer.json()) == (201, counts(2, 0, 0, 0))
    option = Quote.objects.get(instrument=C70)
    assert (option.bid, option.ask, option.source) == (Decimal("1.37"), Decimal("1.39"), "feeder")
    assert option.quote_time == datetime(2014, 6, 5, 14, tzinfo=UTC)
    assert option.changed_at == datetime(2014, 6, 5, 13, 59, 58, 210_000, UTC)
    assert abs(option.received_at - before) < timedelta(seconds=30)


def test_a_repetition_in_any_spelling_changes_nothing(feeder: APIClient) -> None:
    push(feeder, QUOTE)

    answer = push(
        feeder,
        quote(instrument="O:TWX140621C00070000", bid=1.37, quote_time="2014-06-05T16:00:00.000000999+02:00"),
        quote(instrument="TWX140621C00070000", quote_time=1401976800000),
    )

    assert (answer.status_code, answer.json()) == (200, counts(0, 2, 0, 0))


def test_the_first_word_about_an_instant_stands(feeder: APIClient) -> None:
    push(feeder, QUOTE)

    answer = push(feeder, quote(bid="1.30"), quote(ask="1.38"), quote(changed_at="2014-06-05T13:59:58Z"))

    assert (answer.status_code, answer.json()) == (200, counts(0, 1, 2, 0))
    assert [(row.bid, row.ask) for row in Quote.objects.all()] == [(Decimal("1.37"), Decimal("1.39"))]


def test_the_first_word_about_an_instant_stands_within_one_request_too(feeder: APIClient) -> None:
    later = "2014-06-05T14:00:01Z"
    first_crossed = [quote(bid="1.40", quote_time=later), quote(quote_time=later), quote(bid="1.30", quote_time=later)]

    answer = push(feeder, quote(bid="1.370"), QUOTE, quote(bid="1.30"), quote(bid="1.30"), *first_crossed)

    assert (answer.status_code, answer.json()) == (201, counts(2, 1, 3, 1))
    assert {row.bid for row in Quote.objects.all()} == {Decimal("1.37")}


def test_each_feeder_has_its_own_quotes(feeder: APIClient) -> None:
    push(feeder, QUOTE)
    _, text = create_api_key(Actor("tests"), owner="feeder", name="second feed")
    other = APIClient()
    other.credentials(HTTP_AUTHORIZATION=f"Api-Key {text}")

    answer = push(other, quote(bid="1.30"))

    assert (answer.status_code, answer.json()["conflicting"]) == (201, 0)
    again = push(other, quote(bid="1.30"), QUOTE)
    assert (again.json()["repeated"], again.json()["conflicting"]) == (1, 1)
    assert {row.source for row in Quote.objects.all()} == {"feeder", "second feed"}


@pytest.mark.parametrize(
    ("bid", "ask"),
    [("0", "0"), ("0", "0.05"), ("1.37", "0"), ("1.37", "1.37"), ("0.000000000001", "999999999999.999999999999")],
)
def test_what_a_feed_can_say_is_kept_to_the_last_digit(feeder: APIClient, bid: str, ask: str) -> None:
    assert push(feeder, quote(bid=bid, ask=ask)).status_code == 201

    row = Quote.objects.get()
    assert (row.bid, row.ask) == (Decimal(bid), Decimal(ask))


@pytest.mark.parametrize(
    ("bad", "pointer", "code"),
    [
        ({"bid": "-0.01"}, "/bid", "invalid"),
        ({"ask": "1e12"}, "/ask", "invalid"),
        ({"ask": "1000000000000"}, "/ask", "invalid"),
        ({"bid": True}, "/bid", "invalid"),
        ({"bid": None}, "/bid", "null"),
        ({"quote_time": "2014-06-05T14:00:00"}, "/quote_time", "invalid_time"),
        ({"quote_time": -1}, "/quote_time", "invalid_time"),
        ({"quote_time": format_timestamp(datetime.now(UTC) + timedelta(hours=1))}, "/quote_time", "ahead_of_clock"),
        ({"changed_at": "yesterday"}, "/changed_at", "invalid_time"),
        ({"instrument": " TWX"}, "/instrument", "invalid"),
        ({"instrument": "X" * 65}, "/instrument", "invalid"),
        ({"instrument": ""}, "/instrument", "invalid"),
        ({"instrument": 7}, "/instrument", "invalid"),
        ({"last": "1.38"}, "/last", "unknown_field"),
    ],
)
def test_one_bad_quote_is_named_and_nothing_of_its_request_is_stored(
    feeder: APIClient, bad: dict[str, Any], pointer: str, code: str
) -> None:
    answer = push(feeder, *series(17), quote(**bad), *series(2))

    (error,) = answer.json()["errors"]
    status = 409 if code == "ahead_of_clock" else 400
    assert (answer.status_code, error["pointer"], error["code"]) == (status, f"/quotes/17{pointer}", code)
    assert not Quote.objects.exists()


def test_crossed_quotes_are_counted_and_all_others_are_stored(feeder: APIClient) -> None:
    crossed = quote(bid="1.40", quote_time="2014-06-05T14:00:01Z")

    first, second, alone = push(feeder, QUOTE, crossed), push(feeder, QUOTE, crossed), push(feeder, crossed)

    assert (first.status_code, first.json()) == (201, counts(1, 0, 0, 1))
    assert (second.status_code, second.json()) == (200, counts(0, 1, 0, 1))
    assert (alone.status_code, alone.json()) == (200, counts(0, 0, 0, 1))
    assert [row.bid for row in Quote.objects.all()] == [Decimal(QUOTE["bid"])]


def test_a_quote_that_lacks_a_member_or_is_no_object_is_named(feeder: APIClient) -> None:
    no_ask = {name: value for name, value in QUOTE.items() if name != "ask"}

    errors = [push(feeder, QUOTE, bad).json()["errors"][0] for bad in (no_ask, [1])]

    assert [(error["pointer"], error["code"]) for error in errors] == [
        ("/quotes/1/ask", "required"),
        ("/quotes/1", "not_a_dict"),
    ]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"quotes": []}, "/quotes", "empty"),
        ({"quotes": QUOTE}, "/quotes", "not_a_list"),
        ({}, "/quotes", "required"),
        ({"quotes": [QUOTE], "source": "me"}, "/source", "unknown_field"),
    ],
)
def test_bodies_without_a_list_of_quotes_are_refused(feeder: APIClient, body: Any, pointer: str, code: str) -> None:
    (error,) = feeder.post(PATH, body, format="json").json()["errors"]

    assert (error["pointer"], error["code"]) == (pointer, code)


def test_a_clock_that_is_a_little_fast_is_tolerated(feeder: APIClient) -> None:
    assert push(feeder, quote(quote_time=format_timestamp(datetime.now(UTC) + timedelta(seconds=3)))).status_code == 201


@pytest.mark.parametrize(("owner", "status"), [("engine-a", 403), ("engine-b", 403), ("analyst", 403), ("feeder", 201)])
def test_only_feeders_may_push(owner: str, status: int) -> None:
    assert push(api_client(owner), QUOTE).status_code == status


def test_5000_quotes_of_the_longest_spelling_fit_into_a_request_and_5001_do_not(feeder: APIClient) -> None:
    price, instant = "123456789012.123456789012", "2014-06-05T14:00:00.123456789+00:00"
    longest = [
        {"instrument": f"{number:064d}", "bid": price, "ask": price, "quote_time": instant, "changed_at": instant}
        for number in range(MAX_QUOTES + 1)
    ]

    too_many = push(feeder, *longest)
    enough = push(feeder, *longest[1:])

    assert (too_many.status_code, too_many.json()["errors"][0]["code"]) == (400, "max_length")
    assert (enough.status_code, enough.json()) == (201, counts(MAX_QUOTES, 0, 0, 0))


def test_5000_quotes_cost_less_than_a_second_of_processor_time(feeder: APIClient) -> None:
    body = json.dumps({"quotes": series(MAX_QUOTES)})

    begun = process_time()
    answer = feeder.generic("POST", PATH, body, content_type="application/json")

    assert answer.status_code == 201
    # A serializer for each quote takes several times as long.
    assert process_time() - begun < 1


@pytest.mark.django_db(transaction=True)
def test_two_feeders_that_push_the_same_quotes_in_opposite_orders_store_each_once() -> None:
    clients, quotes = [api_client("feeder"), api_client("feeder")], series(2000)

    answers = succeeded(together(lambda: push(clients[0], *quotes), lambda: push(clients[1], *reversed(quotes))))

    assert {answer.status_code for answer in answers} <= {200, 201}
    assert sum(answer.json()["stored"] for answer in answers) == 2000
    assert Quote.objects.count() == 2000


@pytest.mark.django_db(transaction=True)
def test_control_without_the_key_both_would_store_all() -> None:
    clients, quotes = [api_client("feeder"), api_client("feeder")], series(10)

    with tables_without_constraints("quotes"):
        answers = succeeded(together(*[unguarded(partial(push, client, *quotes)) for client in clients]))

    assert [answer.json()["stored"] for answer in answers] == [10, 10]


@pytest.mark.parametrize("statement", ["UPDATE quotes SET bid = 0", "DELETE FROM quotes"])
def test_what_a_feeder_said_cannot_be_rewritten(feeder: APIClient, statement: str) -> None:
    push(feeder, QUOTE)

    assert "append-only" in refusal_of(statement)


@pytest.mark.parametrize("prices", [{"bid": 2}, {"bid": -1}, {"ask": -1}])
def test_the_database_refuses_what_is_no_quote(prices: dict[str, int]) -> None:
    row = {"instrument": "X", "bid": 1, "ask": 1, "quote_time": "2014-06-05", "source": "me", "received_at": "now"}

    assert refusal_of_row("quotes", row | prices) == "quotes_not_negative_or_crossed"


def test_a_repetition_costs_no_row_even_by_hand(feeder: APIClient) -> None:
    push(feeder, QUOTE)

    columns = "instrument, bid, ask, quote_time, source, received_at"
    again = f"INSERT INTO quotes ({columns}) SELECT {columns} FROM quotes"

    # The key of the partition that it lies in.
    assert refusal_of(again) == "quotes_before_unique"
    assert execute(f"{again} ON CONFLICT DO NOTHING") == 0
