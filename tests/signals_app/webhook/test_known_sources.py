"""A source is not read for every alert, and yet every alert is judged by the source as it is."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any

import pytest
from django.db import connection

from signals_app.models import Signal, WebhookDelivery
from signals_app.webhook import receive as services
from signals_app.webhook import store
from signals_app.webhook.sources import change_source, rotate_source, set_source_active
from tests.database import execute_unguarded
from tests.factories import make_source
from tests.signals_app.webhook.webhook import alert, send

pytestmark = pytest.mark.django_db

OTHER_TOKEN = "another-token-of-sufficient-length"
change = partial(
    change_source,
    "tv",
    name="tv",
    max_age_seconds=0,
    allowed_addresses=(),
    client_certificate_subject="",
    rate_limit_per_minute=None,
    bare_sell="entry_short",
    replay=False,
)


@pytest.fixture(autouse=True)
def known_source() -> None:
    """The source has sent an alert before."""
    make_source()
    assert send(alert(symbol="FIRST")).status_code == 200


def test_a_source_that_was_switched_off_is_refused_at_once() -> None:
    set_source_active("tv", is_active=False)

    assert send().status_code == 401
    assert Signal.objects.count() == 1
    assert WebhookDelivery.objects.count() == 1


def test_a_source_that_was_switched_on_again_is_taken_at_once() -> None:
    set_source_active("tv", is_active=False)
    send()
    set_source_active("tv", is_active=True)

    assert send().json()["status"] == "accepted"


def test_a_new_body_secret_is_asked_for_at_once() -> None:
    change(body_secret="hush")

    assert send().status_code == 401
    assert send(alert(secret="hush")).json()["status"] == "accepted"


def test_a_new_address_list_holds_at_once() -> None:
    change(allowed_addresses=["203.0.113.7"])

    assert send().status_code == 401


@pytest.mark.parametrize("body", [alert(action="close"), b"{}"], ids=["recorded", "rejected"])
def test_alerts_without_a_signal_are_judged_anew_too(body: Any) -> None:
    set_source_active("tv", is_active=False)

    assert send(body).status_code == 401
    assert WebhookDelivery.objects.count() == 1


def test_a_token_is_valid_until_the_second_rotation() -> None:
    rotate_source("tv", OTHER_TOKEN)
    assert send().status_code == 200

    rotate_source("tv")

    assert send(alert(symbol="QQQ")).status_code == 401
    assert send(alert(symbol="QQQ"), token=OTHER_TOKEN).status_code == 200


def test_a_repeat_after_a_change_is_still_a_repeat() -> None:
    body = alert()
    send(body)
    change()

    assert send(body).json()["status"] == "duplicate"


def switch_off() -> None:
    set_source_active("tv", is_active=False)
    if threading.current_thread() is not threading.main_thread():
        connection.close()


def test_a_change_between_reading_and_storing_is_noticed(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    insert = store.store_alerts

    async def switched_off_meanwhile(session: Any, rows: Any) -> Any:
        monkeypatch.setattr(store, "store_alerts", insert)
        await asyncio.to_thread(switch_off) if way == "loop" else switch_off()
        return await insert(session, rows)

    monkeypatch.setattr(store, "store_alerts", switched_off_meanwhile)

    assert send().status_code == 401
    assert Signal.objects.count() == 1


def archive() -> None:
    execute_unguarded("DELETE FROM signals")
    if threading.current_thread() is not threading.main_thread():
        connection.close()


def test_a_repeat_whose_signal_is_archived_at_that_moment_makes_it_anew(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = store.first_signals
    body = alert()
    assert send(body).json()["status"] == "accepted"

    async def archived_meanwhile(session: Any, ids: Any) -> Any:
        monkeypatch.setattr(store, "first_signals", read)
        await asyncio.to_thread(archive) if way == "loop" else archive()
        return await read(session, ids)

    monkeypatch.setattr(store, "first_signals", archived_meanwhile)

    assert send(body).json()["status"] == "accepted"
    assert Signal.objects.count() == 1


def test_without_the_check_the_alert_would_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    check = "AND source.version = item.source_version::xid"
    assert check in store.STORE_ALERTS
    monkeypatch.setattr(store, "STORE_ALERTS", store.STORE_ALERTS.replace(check, ""))
    set_source_active("tv", is_active=False)

    assert send().json()["status"] == "accepted"


def test_only_valid_tokens_are_remembered() -> None:
    known = dict(services._known_sources)

    send(token="a-token-nobody-knows")

    assert services._known_sources == known


def test_a_new_meaning_of_a_bare_sell_holds_at_once_and_changes_no_history() -> None:
    first = send(alert(direction=None, action="sell", order_id="1")).json()
    change(bare_sell="exit")

    second = send(alert(direction=None, action="sell", order_id="2")).json()

    assert (first["status"], second["status"]) == ("accepted", "recorded")
    outcomes = WebhookDelivery.objects.order_by("id").values_list("outcome", flat=True)
    assert list(outcomes) == ["accepted", "accepted", "recorded"]
