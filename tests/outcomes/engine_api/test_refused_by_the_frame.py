"""What is refused before any call's own rules are asked: each code once, in the form of every problem."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.factories import api_client

pytestmark = pytest.mark.django_db
URL = "/api/v1/heartbeat"
RECOMMENDATIONS = "/api/v1/recommendations"
BODY = {"engine_version": "1", "rules_hash": "a" * 64}


@pytest.mark.parametrize(
    ("sent", "headers", "status", "code"),
    [
        ({"data": BODY}, {"HTTP_ACCEPT": "text/csv"}, 406, "not_acceptable"),
        ({"data": b"a=1", "content_type": "text/plain"}, {}, 415, "unsupported_media_type"),
        ({"data": BODY}, {"HTTP_CONTENT_ENCODING": "br"}, 415, "content_encoding"),
        ({"data": b" ", "content_type": "application/json"}, {}, 400, "empty_body"),
        ({"data": {"engine_version": "x" * 2_100_000}}, {}, 413, "too_large"),
        ({"data": BODY}, {"HTTP_HOST": "elsewhere.example"}, 400, "host_not_allowed"),
    ],
)
@pytest.mark.parametrize("url", [URL, RECOMMENDATIONS])
def test_a_request_that_is_none(url: str, sent: dict[str, Any], headers: Any, status: int, code: str) -> None:
    answer = api_client("engine-a").post(url, **sent, **headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("owner", "call"),
    [("engine-a", "heartbeat"), ("engine-a", "recommendations"), ("feeder", "quotes"), ("feeder", "market-data")],
)
def test_no_body_is_an_empty_one_whatever_the_call(owner: str, call: str) -> None:
    answer = api_client(owner).generic("POST", f"/api/v1/{call}", "", content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "empty_body")


@pytest.mark.parametrize("name", ["x", "format"])
@pytest.mark.parametrize(
    ("owner", "call"),
    [
        ("engine-a", "assignments/00000000-0000-0000-0000-000000000000"), ("engine-a", "trades"),
        ("engine-a", "trades/00000000-0000-0000-0000-000000000000"), ("feeder", "quote-requests"),
        ("analyst", "experiments/00000000-0000-0000-0000-000000000000"), ("analyst", "performance"),
        ("analyst", "evaluations"), ("analyst", "evaluations/none"),
    ],
)  # fmt: skip
def test_a_parameter_that_a_call_does_not_know_is_refused(owner: str, call: str, name: str) -> None:
    answer = api_client(owner).get(f"/api/v1/{call}?{name}=xml")

    assert answer.status_code == 400
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(f"/{name}", "unknown_field")]


def test_the_page_of_the_api_allows_what_it_answers() -> None:
    answer = Client().options("/api/v1/docs")

    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert [Client().generic(method, "/api/v1/docs").status_code for method in ("GET", "HEAD")] == [200, 200]


def test_what_nobody_expected_is_a_500_that_names_the_request_and_nothing_else() -> None:
    analyst = api_client("analyst")
    analyst.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE evaluations RENAME TO gone")

    answer = analyst.get("/api/v1/evaluations")

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (500, "internal_error")
    assert problem["request_id"] == answer["X-Request-ID"]
    assert "gone" not in answer.content.decode()
    assert "SELECT" not in answer.content.decode()


def test_a_plan_that_is_none_is_told_what_to_send() -> None:
    plan = {"legs": [], "quantity": "1", "multiplier": "100", "currency": "usd", "risk_amount": "1"}

    answer = api_client("engine-a").post(RECOMMENDATIONS, {"plan": plan}, format="json")

    told = {error["pointer"]: error["detail"] for error in answer.json()["errors"]}
    assert told["/plan/legs"] == "Send at least one leg."
    assert told["/plan/currency"] == "Send 3 to 10 capital letters and digits, such as USD."
