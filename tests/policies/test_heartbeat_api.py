"""`POST /api/v1/heartbeat`: an engine says that it lives, and hears until when it counts as available."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.dateparse import parse_datetime

from kernel.actors import Actor
from policies.selectors import state_in_force
from policies.services import engage_halt, release_halt, set_engine_enabled
from tests.database import execute_unguarded, value
from tests.factories import api_client, engine, make_policy

pytestmark = pytest.mark.django_db
URL = "/api/v1/heartbeat"
BODY = {"engine_version": "2.1.0", "rules_hash": "ab" * 32}


@pytest.mark.parametrize(("owner", "name"), [("engine-a", "A"), ("engine-b", "B")])
def test_the_key_decides_whose_heartbeat_it_is(owner: str, name: str) -> None:
    response = api_client(owner).post(URL, BODY)

    assert response.status_code == 200
    assert (response.json()["engine"], response.json()["enabled"]) == (name, True)
    assert engine(name).rules_hash == BODY["rules_hash"]
    assert (state_in_force().engine_a_available, state_in_force().engine_b_available) == (name == "A", name == "B")


def test_the_answer_says_until_when_in_utc() -> None:
    make_policy(heartbeat_ttl_seconds=45)

    text = api_client("engine-a").post(URL, BODY).json()["available_until"]

    assert text.endswith("Z")
    assert parse_datetime(text) == value(
        "SELECT last_heartbeat_at + interval '45 seconds' FROM engines WHERE name = 'A'"
    )


def test_an_engine_switched_off_learns_it_and_gets_no_time() -> None:
    set_engine_enabled(Actor("ada"), "A", enabled=False, reason="maintenance")

    answer = api_client("engine-a").post(URL, BODY).json()

    assert answer == {"engine": "A", "enabled": False, "available_until": None, "halted": False}
    assert engine("A").last_heartbeat_at is not None


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ("engines WHERE name = 'B'", "engine B"),
        ("policy_versions", "every policy version"),
    ],
)
def test_what_somebody_has_deleted_is_named(rows: str, what: str) -> None:
    execute_unguarded(f"DELETE FROM {rows}")

    answer = api_client("engine-b").post(URL, BODY)

    assert (answer.status_code, answer.json()["code"]) == (409, "history_incomplete")
    assert answer.json()["detail"] == f"Deleted from the database: {what}."


def test_the_answer_says_whether_trading_is_halted() -> None:
    client = api_client("engine-b")

    engage_halt(Actor("ada"), reason="The broker is down.")
    while_halted = client.post(URL, BODY).json()["halted"]
    release_halt(Actor("ada"), reason="It is back.")

    assert (while_halted, client.post(URL, BODY).json()["halted"]) == (True, False)


def test_the_model_is_kept_to_the_last_digit_until_a_heartbeat_names_none() -> None:
    client = api_client("engine-a")
    source = '{"engine_version":"2","rules_hash":"%s","model":{"name":"m","temperature":0.70,"seed":9007199254740993}}'
    named = client.generic("POST", URL, source % BODY["rules_hash"], content_type="application/json")

    assert named.status_code == 200, named.json()
    assert engine("A").model == {"name": "m", "temperature": 0.7, "seed": "9007199254740993"}

    client.post(URL, BODY)
    assert engine("A").model is None


@pytest.mark.parametrize("model", ["gpt-5", ["x", {"tools": 3}], 5, 0.5, True, False, "", {}])
def test_any_json_names_the_model_and_null_names_none(model: Any) -> None:
    client = api_client("engine-a")

    assert client.post(URL, BODY | {"model": model}).status_code == 200
    assert engine("A").model == model

    assert client.post(URL, BODY | {"model": None}).status_code == 200
    assert engine("A").model is None


def test_the_same_heartbeat_again_is_answered_again() -> None:
    client = api_client("engine-a")

    assert [client.post(URL, BODY).status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/engine_version"),
        ({"engine_version": "1"}, "/rules_hash"),
        (BODY | {"engine_version": ""}, "/engine_version"),
        (BODY | {"engine_version": None}, "/engine_version"),
        (BODY | {"engine_version": "v" * 101}, "/engine_version"),
        (BODY | {"engine_version": ["1"]}, "/engine_version"),
        (BODY | {"engine_version": {"major": 1}}, "/engine_version"),
        (BODY | {"rules_hash": "AB" * 32}, "/rules_hash"),
        (BODY | {"rules_hash": "ab" * 31}, "/rules_hash"),
        (BODY | {"rules_hash": "ab" * 33}, "/rules_hash"),
        (BODY | {"rules_hash": 12}, "/rules_hash"),
        (BODY | {"engine": "B"}, "/engine"),
        (BODY | {"enabled": True}, "/enabled"),
    ],
)
def test_a_wrong_body_is_a_400_that_points_at_the_field(body: dict[str, Any], pointer: str) -> None:
    response = api_client("engine-a").post(URL, body)

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["errors"][0]["pointer"] == pointer
    assert engine("A").last_heartbeat_at is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"text"', b'{"engine_version":"1","engine_version":"2"}', b'{"engine_version":NaN}',
        b'{"engine_version":"\\u0000"}', b'{"engine_version":"\\ud800"}', b"\xff\xfe", b'{"a":' * 40 + b"1" + b"}" * 40,
        b'{"engine_version":1e999}',
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_a_400_with_a_code(body: bytes) -> None:
    response = api_client("engine-a").post(URL, body, content_type="application/json")

    assert response.status_code == 400
    assert response.json()["code"] not in {"", "internal_error"}
    assert response.json()["detail"]


def test_unknown_fields_are_named() -> None:
    problem = api_client("engine-a").post(URL, BODY | {"role": "REAL"}).json()

    assert problem["errors"] == [{"pointer": "/role", "code": "unknown_field", "detail": "Unknown field."}]
    assert problem["detail"] == "role: Unknown field."


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods_are_405(method: str) -> None:
    response = getattr(api_client("engine-a"), method)(URL)

    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")
