"""What feeders push (R1.2, R7.1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from rest_framework.test import APIClient

from kernel.actors import Actor
from kernel.canonical import canonical_json, to_jsonb_text
from kernel.values import format_timestamp
from signals_app.models import MarketData
from tests.database import execute_unguarded, value
from tests.factories import api_client
from tests.kernel.json_strategies import json_objects
from tests.threads import succeeded, together

pytestmark = pytest.mark.django_db

PATH = "/api/v1/market-data"
AS_OF = "2026-03-16T14:29:00Z"


@pytest.fixture
def feeder() -> APIClient:
    return api_client("feeder")


def push(client: APIClient, **members: Any) -> Any:
    return client.post(PATH, {"symbol": "SPY", "as_of": AS_OF, "data": {"vix": 17.25}} | members, format="json")


def raw(client: APIClient, body: str) -> Any:
    return client.post(PATH, body, content_type="application/json")


def test_an_observation_is_stored_and_told(feeder: APIClient) -> None:
    answer = push(feeder)

    row = MarketData.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "symbol": "SPY",
        "as_of": "2026-03-16T14:29:00.000000Z",
        "received_at": format_timestamp(row.received_at),
        "source": "feeder",
    }
    assert row.data == {"vix": 17.25}


def test_the_same_again_answers_the_first(feeder: APIClient) -> None:
    first = push(feeder, data={"high": 412, "last": 411.50})

    again = raw(feeder, '{"data": {"last": 411.5, "high": 412}, "as_of": "2026-03-16T15:29:00+01:00", "symbol": "spy"}')

    assert (again.status_code, again.json()) == (200, first.json())
    assert MarketData.objects.count() == 1


def test_other_data_for_the_same_instant_are_a_conflict_and_the_first_stand(feeder: APIClient) -> None:
    push(feeder)

    answer = push(feeder, data={"vix": 18})

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert MarketData.objects.get().data == {"vix": 17.25}


def test_each_feeder_has_its_own_observations(feeder: APIClient) -> None:
    from policies.services import create_api_key

    push(feeder)
    _, text = create_api_key(Actor("tests"), owner="feeder", name="second feed")
    other = APIClient()
    other.credentials(HTTP_AUTHORIZATION=f"Api-Key {text}")

    answer = push(other, data={"vix": 18})

    assert (answer.status_code, answer.json()["source"]) == (201, "second feed")


@pytest.mark.parametrize(
    ("sent", "stored"), [("nasdaq:aapl", "AAPL"), (" spy ", "SPY"), ("BTCUSDT.P", "BTCUSDT.P"), ("es1!", "ES1!")]
)
def test_symbols_are_written_as_signals_write_them(feeder: APIClient, sent: str, stored: str) -> None:
    assert push(feeder, symbol=sent).json()["symbol"] == stored


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"symbol": "NOT A SYMBOL?"}, "symbol_invalid"),
        ({"symbol": "{{ticker}}"}, "unexpanded_placeholder"),
        ({"as_of": "2026-03-16T14:29:00"}, "invalid"),
        ({"as_of": "16.03.2026"}, "invalid"),
        ({"as_of": "2026-02-30T14:29:00Z"}, "invalid"),
        ({"as_of": "2026-03-16T14:29:00+24:00"}, "invalid"),
        ({"as_of": 1773671340}, "invalid"),
        ({"as_of": "1969-12-31T23:59:59Z"}, "invalid"),
        ({"as_of": "0001-01-01T00:00:00+10:00"}, "invalid"),
        ({"as_of": format_timestamp(datetime.now(UTC) + timedelta(days=1))}, "ahead_of_clock"),
        ({"data": [1, 2]}, "invalid"),
        ({"data": None}, "invalid"),
        ({"symbol": ""}, "invalid"),
        ({"symbol": "X" * 101}, "invalid"),
        ({"price": 1}, "invalid"),
    ],
)
def test_bad_observations_are_refused_with_their_code(feeder: APIClient, members: dict[str, Any], code: str) -> None:
    answer = push(feeder, **members)

    assert (answer.status_code, answer.json()["code"]) == (409 if code == "ahead_of_clock" else 400, code)
    assert answer.json()["detail"]
    assert not MarketData.objects.exists()


def test_an_unknown_field_is_named(feeder: APIClient) -> None:
    (error,) = push(feeder, price=1).json()["errors"]

    assert (error["pointer"], error["code"]) == ("/price", "unknown_field")


def test_a_clock_that_is_a_little_fast_is_tolerated(feeder: APIClient) -> None:
    assert push(feeder, as_of=format_timestamp(datetime.now(UTC) + timedelta(seconds=250))).status_code == 201


@pytest.mark.parametrize("body", ["", "[]", '{"data": {"a": NaN}}', '{"data": {"a": "\\u0000"}}', '{"a": 1, "a": 2}'])
def test_bodies_that_are_no_strict_json_are_refused(feeder: APIClient, body: str) -> None:
    assert raw(feeder, body).status_code == 400


@pytest.mark.parametrize(("owner", "status"), [("engine-a", 403), ("engine-b", 403), ("analyst", 403), ("feeder", 201)])
def test_only_feeders_may_push(owner: str, status: int) -> None:
    assert push(api_client(owner)).status_code == status


def test_without_key_nothing_is_taken() -> None:
    assert push(APIClient()).status_code == 401


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=json_objects)
def test_any_document_is_kept_in_canonical_form_and_can_be_sent_again(feeder: APIClient, data: dict[str, Any]) -> None:
    execute_unguarded("DELETE FROM market_data")
    body = to_jsonb_text({"symbol": "SPY", "as_of": AS_OF, "data": data})

    assert [raw(feeder, body).status_code for _ in range(2)] == [201, 200]
    assert value("SELECT data::text FROM market_data") == canonical_json(data).decode()


@pytest.mark.django_db(transaction=True)
def test_the_same_observation_twice_at_once_is_stored_once() -> None:
    clients = [api_client("feeder"), api_client("feeder")]

    answers = succeeded(together(*[lambda client=client: push(client) for client in clients]))

    assert sorted(answer.status_code for answer in answers) == [200, 201]
    assert MarketData.objects.count() == 1
