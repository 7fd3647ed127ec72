"""API keys: who gets in, who does not, and that a key is written down nowhere."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from datetime import timedelta
from time import sleep

import pytest
import time_machine
from django.core.management import call_command
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.test import APIClient

from kernel.actors import Actor
from kernel.errors import DomainError
from policies import access
from policies.access import REMEMBERED_SECONDS, forget_keys
from policies.models import ApiKey, KeyOwner
from policies.services import create_api_key, revoke_api_key
from tests.database import execute, refusal_of, rows
from tests.factories import api_client

pytestmark = pytest.mark.django_db
URL = "/api/v1/heartbeat"
BODY = {"engine_version": "1", "rules_hash": "ab" * 32}


def call(authorization: str | None) -> HttpResponse:
    client = APIClient()
    if authorization is not None:
        client.credentials(HTTP_AUTHORIZATION=authorization)
    response: HttpResponse = client.post(URL, BODY)
    return response


def new_key(owner: str = "engine-a") -> str:
    return create_api_key(Actor("tests"), owner=owner, name=owner)[1]


def assert_unauthorized(response: HttpResponse) -> None:
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Api-Key"
    assert response["Content-Type"] == "application/problem+json"
    assert json.loads(response.content)["code"] == "unauthorized"


def test_without_a_key_the_answer_is_401_and_says_what_to_send() -> None:
    response = call(None)

    assert_unauthorized(response)
    assert "provide" in response.content.decode() or "Api-Key" in response.content.decode()


@pytest.mark.parametrize("scheme", ["Api-Key", "api-key", "API-KEY"])
def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    assert call(f"{scheme} {new_key()}").status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "", " ", "Api-Key", "Api-Key ", "Bearer {key}", "Token {key}", "{key}", "Api-Key{key}", "Basic {key}",
        "Api-Key x{key}", "Api-Key {key}x", "Api-Key {key} x", "Api-Key {prefix}", "Api-Key {prefix}.",
        "Api-Key .{secret}", "Api-Key .", "Api-Key {prefix}.{prefix}", "Api-Key  {key}", "Api-Key \x00",
        "Api-Key {key}\x00", "Api-Key {prefix}\x00.{secret}", "Api-Key \xff\xfe\x80", "Api-Key {prefix}.\xe9\xff",
        "Api-Key \ud800", "Api-Key {prefix}.\udcff", "Api-Key " + "k" * 100_000,
        "Api-Key ' OR 1=1 --", "Api-Key %s", "Api-Key {prefix}.pbkdf2_sha256$1$a$b",
    ],
)  # fmt: skip
def test_anything_but_a_whole_key_is_a_401_and_never_a_500(authorization: str) -> None:
    key = new_key()
    prefix, secret = key.split(".")

    assert_unauthorized(call(authorization.format(key=key, prefix=prefix, secret=secret)))


def test_a_key_with_one_changed_letter_is_a_401() -> None:
    key = new_key()

    assert_unauthorized(call(f"Api-Key {key[:-1]}{'a' if key[-1] != 'a' else 'b'}"))


@pytest.mark.parametrize("path", ["heartbeat", "assignments/claim", "trades", "market-data"])
def test_a_wrong_key_of_somebody_who_accepts_no_json_is_no_500(path: str) -> None:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION="Api-Key abcdefgh.ijklmnop", HTTP_ACCEPT="image/png")

    answer = client.post(f"/api/v1/{path}", {}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


def test_a_revoked_key_is_a_401() -> None:
    key = new_key()
    ApiKey.objects.update(revoked=True)

    assert_unauthorized(call(f"Api-Key {key}"))


def test_a_key_that_somebody_else_revoked_stops_within_a_second() -> None:
    key = new_key()
    assert call(f"Api-Key {key}").status_code == 200
    # Another process: this one is not told.
    execute("UPDATE api_keys SET revoked = true")

    sleep(REMEMBERED_SECONDS)

    assert REMEMBERED_SECONDS <= 1
    assert_unauthorized(call(f"Api-Key {key}"))


def test_a_key_that_is_revoked_here_stops_at_once() -> None:
    key = new_key()
    assert call(f"Api-Key {key}").status_code == 200

    revoke_api_key(Actor("tests"), prefix=key.split(".")[0])

    assert_unauthorized(call(f"Api-Key {key}"))


def test_a_remembered_key_still_expires_to_the_moment() -> None:
    key = new_key()
    ends = timezone.now() + timedelta(minutes=1)
    ApiKey.objects.update(expiry_date=ends)
    assert call(f"Api-Key {key}").status_code == 200

    with time_machine.travel(ends + timedelta(milliseconds=1)):
        assert_unauthorized(call(f"Api-Key {key}"))


@pytest.mark.parametrize(("seconds", "status"), [(-1, 401), (60, 200)])
def test_a_key_works_until_it_expires(seconds: int, status: int) -> None:
    key = new_key()
    ApiKey.objects.update(expiry_date=timezone.now() + timedelta(seconds=seconds))

    assert call(f"Api-Key {key}").status_code == status


def test_a_wrong_key_is_answered_alike_whatever_is_wrong() -> None:
    revoked, expired = new_key(), new_key()
    ApiKey.objects.filter(prefix=revoked.split(".")[0]).update(revoked=True)
    ApiKey.objects.filter(prefix=expired.split(".")[0]).update(expiry_date=timezone.now() - timedelta(days=1))

    details = {
        json.loads(call(f"Api-Key {key}").content)["detail"]
        for key in (revoked, expired, "abcdefgh." + "x" * 32, f"{new_key()}x")
    }

    assert details == {"The API key is unknown, expired or revoked."}


@pytest.mark.parametrize("owner", ["feeder", "analyst"])
def test_a_key_of_another_owner_is_a_403_that_says_whose_key_it_takes(owner: str) -> None:
    response = api_client(owner).post(URL, BODY)

    assert response.status_code == 403
    assert response.json()["code"] == "permission_denied"
    assert response.json()["detail"] == "This call requires an engine's API key."


@pytest.mark.parametrize("path", ["assignments/claim", "heartbeat"])
def test_no_owner_gets_into_an_engines_call_without_an_engines_key(path: str) -> None:
    for owner in KeyOwner.values:
        expected = {True} if owner.startswith("engine") else {False}
        assert {api_client(owner).post(f"/api/v1/{path}", {}).status_code != 403} == expected


def test_the_use_of_a_key_is_noted_to_the_minute() -> None:
    key = new_key()
    call(f"Api-Key {key}")
    first = ApiKey.objects.get().last_used_at
    assert first is not None

    call(f"Api-Key {key}")
    assert ApiKey.objects.get().last_used_at == first

    execute("UPDATE api_keys SET last_used_at = last_used_at - interval '61 seconds'")
    forget_keys()
    call(f"Api-Key {key}")
    assert (ApiKey.objects.get().last_used_at or first) > first - timedelta(seconds=1)


def test_a_refused_key_is_not_noted_as_used() -> None:
    key = new_key()

    call(f"Api-Key {key}x")

    assert ApiKey.objects.get().last_used_at is None


# What is kept of a key


def test_the_database_holds_a_hash_and_not_the_key() -> None:
    key = new_key()
    prefix, secret = key.split(".")

    (row,) = rows("SELECT api_keys::text, prefix, hashed_key FROM api_keys")

    assert secret not in row[0]
    assert row[1] == prefix
    assert hashlib.sha512(key.encode()).hexdigest() in row[2]


def test_two_keys_never_share_prefix_or_text() -> None:
    keys = {new_key() for _ in range(20)}

    assert len({key.split(".")[0] for key in keys}) == len(keys) == 20


def test_no_log_line_holds_a_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    output = io.StringIO()
    call_command("apikey", "create", "--owner", "engine-a", stdout=output)
    key = output.getvalue().strip()

    for authorization in (f"Api-Key {key}", f"Api-Key {key}x", f"Bearer {key}", f"Api-Key {key}\x00"):
        call(authorization)

    assert "api_key.created" in caplog.text
    assert key.split(".")[1] not in caplog.text


def test_a_refused_key_is_logged_once_a_minute_and_no_text_that_is_not_ours(caplog: pytest.LogCaptureFixture) -> None:
    access._told_until.clear()
    key = new_key()
    prefix = key.partition(".")[0]
    revoke_api_key(Actor("tests"), prefix=prefix)

    with caplog.at_level(logging.WARNING, logger="orchestrator"):
        for _ in range(3):
            assert call(f"Api-Key {key}").status_code == 401
        access._told_until.clear()
        call("Api-Key secret-of-elsewhere.x")

    told = [record.msg for record in caplog.records if "api_key.refused" in str(record.msg)]
    assert [one["prefix"] for one in told if isinstance(one, dict)] == [prefix, ""]
    assert "secret-of-elsewhere" not in caplog.text


def test_an_unknown_owner_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DomainError, match="engine-a, engine-b, feeder, analyst") as caught:
        create_api_key(Actor("tests"), owner="root", name="x")

    assert (caught.value.code, caught.value.pointer) == ("owner_unknown", "/owner")


def test_the_database_refuses_an_unknown_owner_whoever_writes_it() -> None:
    new_key()

    assert refusal_of("UPDATE api_keys SET owner = 'root'") == "api_keys_owner_known"
