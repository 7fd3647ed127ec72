"""Webhook sources: made, rotated and switched by operators."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from kernel.canonical import sha256_hex
from kernel.errors import DomainError
from signals_app.alerts.admission import TRADINGVIEW_ADDRESSES
from signals_app.models import WebhookSource
from signals_app.watch_models import AlertWatch
from signals_app.watching.watches import WatchSettings, set_watch
from signals_app.webhook.sources import change_source, create_source, rotate_source, webhook_path
from tests.signals_app.webhook.webhook import alert, send

pytestmark = pytest.mark.django_db

GIVEN_TOKEN = "given-token-of-length"


def run(*arguments: str) -> str:
    """Run `manage.py source` and return what it prints."""
    out = StringIO()
    call_command("source", *arguments, stdout=out)
    return out.getvalue().strip()


def token_of(path: str) -> str:
    return path.removeprefix("/webhooks/tradingview/").removesuffix("/")


def test_the_path_that_add_prints_takes_alerts() -> None:
    path = run("add", "desk-1", "--name", "Desk one")

    assert send(token=token_of(path)).json()["status"] == "accepted"
    source = WebhookSource.objects.get()
    assert (source.slug, source.name, source.max_age_seconds, source.is_active) == ("desk-1", "Desk one", 300, True)


def test_a_random_token_is_long_and_stored_as_hash_only() -> None:
    source, token = create_source(slug="tv")

    assert len(token) >= 43
    assert source.token_hash == sha256_hex(token.encode())
    assert token not in str(WebhookSource.objects.values().get())


def test_a_new_source_is_watched_unless_it_is_a_replay() -> None:
    create_source(slug="tv")
    create_source(slug="backtest", replay=True)

    assert list(AlertWatch.objects.values_list("source__slug", "mode")) == [("tv", "habit")]


def test_a_replay_that_becomes_live_is_watched_and_what_was_settled_stays() -> None:
    create_source(slug="tv", replay=True)
    live: dict[str, Any] = {
        "name": "tv", "max_age_seconds": 0, "allowed_addresses": (), "client_certificate_subject": "",
        "rate_limit_per_minute": None, "bare_sell": "exit", "replay": False,
    }  # fmt: skip

    change_source("tv", **live)
    assert AlertWatch.objects.get().mode == "habit"

    set_watch("tv", WatchSettings("off"))
    change_source("tv", **live)
    assert AlertWatch.objects.get().mode == "off"


def test_a_given_token_is_used() -> None:
    assert run("add", "tv", "--token", GIVEN_TOKEN) == webhook_path(GIVEN_TOKEN)


def test_the_body_secret_is_stored_as_hash_and_expected_from_then_on() -> None:
    token = token_of(run("add", "tv", "--body-secret", "second-secret"))

    assert WebhookSource.objects.get().body_secret_hash == sha256_hex(b"second-secret")
    assert send(token=token).status_code == 401
    assert send(alert(secret="second-secret"), token=token).status_code == 200


def test_rotating_keeps_the_former_token_alive_once() -> None:
    first = token_of(run("add", "tv"))
    second = token_of(run("rotate", "tv"))
    assert [send(token=token).status_code for token in (first, second)] == [200, 200]

    third = token_of(run("rotate", "tv", "--token", GIVEN_TOKEN))

    assert third == GIVEN_TOKEN
    assert [send(token=token).status_code for token in (first, second, third)] == [401, 200, 200]


def test_disabling_and_enabling_take_effect_at_once() -> None:
    token = token_of(run("add", "tv"))

    assert run("disable", "tv") == "Webhook source tv disabled."
    assert send(token=token).status_code == 401
    assert run("enable", "tv") == "Webhook source tv enabled."
    assert send(token=token).status_code == 200


def test_the_preset_allows_the_addresses_of_tradingview_only() -> None:
    token = token_of(run("add", "tv", "--tradingview-only", "--allow", "203.0.113.0/24"))

    assert WebhookSource.objects.get().allowed_addresses == [*TRADINGVIEW_ADDRESSES, "203.0.113.0/24"]
    assert send(token=token).status_code == 401
    assert send(token=token, REMOTE_ADDR=TRADINGVIEW_ADDRESSES[0]).status_code == 200


def test_the_list_shows_state_and_number_of_tokens() -> None:
    run("add", "one", "--max-age", "60", "--name", "First")
    run("add", "two")
    run("rotate", "two")
    run("disable", "two")

    first, second = run("list").splitlines()

    assert first.split() == ["one", "active", "1", "token(s)", "max", "age", "60", "s", "First"]
    assert second.split()[:4] == ["two", "disabled", "2", "token(s)"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "a slug"], "letters, digits, hyphens"),
        (["add", "x" * 51], "at most 50"),
        (["add", ""], "Enter a slug"),
        (["add", "new", "--token", "x" * 15], "shorter than 16"),
        (["add", "new", "--token", ""], "shorter than 16"),
        (["add", "new", "--token", "a/token/with/slashes"], "letters, digits and"),
        (["add", "new", "--token", GIVEN_TOKEN], "already in use"),
        (["add", "old"], "A webhook source with the slug old already exists"),
        (["add", "new", "--max-age", "-1"], "0 to disable the check"),
        (["add", "new", "--max-age", "99999999999"], "0 to disable the check"),
        (["add", "new", "--rate-limit", "0"], "Enter at least 1 alert per minute"),
        (["add", "new", "--allow", "nowhere"], "nowhere: enter IP addresses"),
        (["rotate", "unknown"], "No webhook source has the slug unknown"),
        (["rotate", "old", "--token", GIVEN_TOKEN], "already in use"),
        (["disable", "unknown"], "source list"),
        (["enable", "unknown"], "source list"),
        (["add", "new", "--max-age", "soon"], "invalid int value"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(arguments: list[str], message: str) -> None:
    create_source(slug="old", token=GIVEN_TOKEN)

    with pytest.raises(CommandError) as caught:
        run(*arguments)

    assert message in str(caught.value)
    assert WebhookSource.objects.count() == 1


def test_a_former_token_cannot_be_given_to_another_source() -> None:
    create_source(slug="tv", token=GIVEN_TOKEN)
    rotate_source("tv")

    with pytest.raises(DomainError) as caught:
        create_source(slug="other", token=GIVEN_TOKEN)

    assert caught.value.code == "token_taken"


@pytest.mark.parametrize(
    "change", [{"rate_limit_per_minute": -1}, {"allowed_addresses": ["10.0.0.0/99"]}, {"bare_sell": "both"}]
)
def test_the_service_refuses_what_no_source_can_have(change: dict[str, Any]) -> None:
    with pytest.raises(DomainError):
        create_source(slug="tv", **change)
