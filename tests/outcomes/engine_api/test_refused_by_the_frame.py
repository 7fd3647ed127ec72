"""What is refused before any call's own rules are asked: each code once, in the form of every problem."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

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
