"""The guard that holds every answer against the OpenAPI document can fail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kernel.problems import problem_body
from tests.api_answers import hold_against_the_document


def hold(path: str, status: int, body: Any) -> None:
    hold_against_the_document("POST", f"/api/v1/{path}", status, json.dumps(body).encode())


HEARTBEAT = {"engine": "A", "enabled": True, "available_until": "2026-03-16T14:30:00.000000Z", "halted": False}


def test_a_documented_answer_passes() -> None:
    hold("heartbeat", 200, HEARTBEAT)
    hold("heartbeat", 401, problem_body("unauthorized", "No key."))


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
        hold("heartbeat", status, body)


def test_a_code_that_belongs_to_another_call_fails() -> None:
    with pytest.raises(AssertionError, match="not documented to answer declined"):
        hold("recommendations", 409, problem_body("declined", "It declined."))
