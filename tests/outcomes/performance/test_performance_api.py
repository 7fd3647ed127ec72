"""The performance call: who may ask, what may be asked, what comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from outcomes.performance.api import PerformanceReportSerializer
from tests.factories import api_client
from tests.outcomes.closed_trades import EXIT_TIME, Closed, close_pair

pytestmark = pytest.mark.django_db
URL = "/api/v1/performance"


@pytest.fixture
def analyst() -> APIClient:
    return api_client("analyst")


def test_an_analyst_gets_the_report(analyst: APIClient) -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))

    response = analyst.get(URL)

    assert response.status_code == 200
    assert response.json()["engines"]["A"]["real"]["total_pnl"] == "60.00"
    assert response.json()["pairs"]["mean_difference"] == "27.00"


@pytest.mark.parametrize("owner", ["engine-a", "engine-b", "feeder"])
def test_other_keys_are_turned_away(owner: str) -> None:
    assert api_client(owner).get(URL).status_code == 403


def test_without_a_key_there_is_no_report() -> None:
    assert APIClient().get(URL).status_code == 401


def test_filters_come_as_query_parameters(analyst: APIClient) -> None:
    close_pair("A", Closed(a="60.00", exit_time=EXIT_TIME), symbol="SPY")
    close_pair("A", Closed(a="1.00", exit_time=EXIT_TIME), symbol="QQQ")

    report = analyst.get(URL, {"symbol": "spy", "since": "2026-03-16T15:00:00-04:00", "policy_version": "2"}).json()

    assert report["filters"] == dict.fromkeys(report["filters"]) | {
        "symbol": "SPY", "since": "2026-03-16T19:00:00.000000Z", "policy_version": 2,
        "currency": "USD",
    }  # fmt: skip
    assert report["engines"]["A"]["real"]["total_pnl"] == "60.00"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sinse", "2026-01-01T00:00:00Z"),
        ("since", ""),
        ("since", "2026-01-01"),
        ("since", "2026-01-01T00:00:00"),
        ("since", "2026-02-30T00:00:00Z"),
        ("since", "2026-01-01T00:00:60Z"),
        ("since", "1969-12-31T23:59:59Z"),
        ("until", "2101-01-01T00:00:00Z"),
        ("until", "0001-01-01T00:00:00+14:00"),
        ("until", "9999-12-31T23:59:59-14:00"),
        ("until", "2026-01-01T00:00:00+14:01"),
        ("until", "2026-01-01T00:00:00.1234567890Z"),
        ("symbol", ""),
        ("symbol", "A\x00B"),
        ("symbol", "A" * 65),
        ("timeframe", "5"),
        ("timeframe", "5x"),
        ("direction", "UP"),
        ("strategy", "x" * 201),
        ("execution_mode", "AUTO"),
        ("policy_version", "0"),
        ("policy_version", "99999999999999999999"),
        ("policy_version", "1.5"),
        ("variant", "C"),
        ("currency", "usd"),
        ("currency", "US"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(analyst: APIClient, name: str, value: str) -> None:
    response = analyst.get(URL, {name: value})

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert [error["pointer"] for error in response.json()["errors"]] == [f"/{name}"]


@pytest.mark.parametrize("timeframe", ["5m", "1M", "10R", "100T"])
def test_every_timeframe_of_a_signal_can_be_asked_for(analyst: APIClient, timeframe: str) -> None:
    answer = analyst.get(URL, {"timeframe": timeframe})

    assert (answer.status_code, answer.json()["filters"]["timeframe"]) == (200, timeframe)


def test_a_parameter_given_twice_is_refused(analyst: APIClient) -> None:
    response = analyst.get(f"{URL}?symbol=SPY&symbol=QQQ")

    assert response.status_code == 400
    assert response.json()["errors"] == [{"pointer": "/symbol", "code": "repeated", "detail": "Send it once."}]


def test_the_documented_answer_is_the_answer(analyst: APIClient) -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))
    close_pair("B", Closed(a="60.00", b="33.00"))

    report = analyst.get(URL).json()

    assert members(PerformanceReportSerializer(report).data) == members(report)


def test_no_number_but_counts_and_versions_leaves_as_a_json_number(analyst: APIClient) -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))

    def refuse(text: str) -> Any:
        raise AssertionError(text)

    json.loads(analyst.get(URL).content, parse_float=refuse, parse_constant=refuse)


def members(document: Any) -> Any:
    """Return only the names, nested as they are."""
    if isinstance(document, dict):
        return {name: members(value) for name, value in document.items()}
    return [members(item) for item in document] if isinstance(document, list) else None
