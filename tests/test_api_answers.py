"""The guard that holds every answer against the OpenAPI document can fail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import HttpResponse

from kernel.problems import problem_body
from tests.api_answers import hold_against_the_document


def answer(status: int, body: Any) -> HttpResponse:
    return HttpResponse(json.dumps(body), status=status)


HEARTBEAT = {"engine": "A", "enabled": True, "available_until": "2026-03-16T14:30:00.000000Z", "halted": False}


def test_a_documented_answer_passes() -> None:
    hold_against_the_document("POST", "/api/v1/heartbeat", answer(200, HEARTBEAT))
    hold_against_the_document("POST", "/api/v1/heartbeat", answer(401, problem_body("unauthorized", "No key.")))


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (418, {}, "not documented to answer 418"),
        (200, HEARTBEAT | {"role": "REAL"}, "otherwise than documented"),
        (200, {"engine": "A"}, "otherwise than documented"),
        (409, problem_body("conflict", "Another one."), "not documented to answer conflict"),
        (404, problem_body("not_found", "None."), "not documented to answer 404"),
    ],
)
def test_what_the_document_does_not_name_fails(status: int, body: Any, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        hold_against_the_document("POST", "/api/v1/heartbeat", answer(status, body))


def test_a_code_that_belongs_to_another_call_fails() -> None:
    with pytest.raises(AssertionError, match="not documented to answer declined"):
        hold_against_the_document(
            "POST", "/api/v1/recommendations", answer(409, problem_body("declined", "It declined."))
        )
