"""Replay sources: alerts as old as they are, a clock of their own, and never in LIVE mode."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.urls import reverse

from kernel.errors import DomainError
from kernel.values import format_timestamp
from signals_app.checks import check_no_replay_is_live
from signals_app.models import Signal, WebhookDelivery, WebhookSource
from signals_app.selectors import replay_clock
from signals_app.webhook.sources import change_source, create_source, set_source_active
from tests.database import execute, refusal_of
from tests.factories import MOMENT, make_signal, make_source
from tests.orchestrator_site.console.rows import logged_in
from tests.signals_app.webhook.webhook import TOKEN, alert, send

pytestmark = pytest.mark.django_db


def replay(slug: str = "backtest") -> str:
    """Create a replay source and return its token."""
    return create_source(slug=slug, token=TOKEN, replay=True)[1]


def switch(*, to_replay: bool) -> WebhookSource:
    return change_source(
        "backtest", name="", max_age_seconds=0, allowed_addresses=(), client_certificate_subject="",
        rate_limit_per_minute=None, bare_sell="entry_short", replay=to_replay,
    )  # fmt: skip


def tell(at: datetime, **members: Any) -> Any:
    answer = send(alert(timestamp=format_timestamp(at), **members))
    assert answer.status_code == 200
    return answer.json()


def test_a_replay_source_is_added_without_maximum_age_and_listed_as_one() -> None:
    out = StringIO()
    call_command("source", "add", "backtest", "--replay", "--max-age", "60", stdout=StringIO())
    call_command("source", "list", stdout=out)

    source = WebhookSource.objects.get()
    assert (source.replay, source.max_age_seconds) == (True, 0)
    assert "  replay  " in out.getvalue()


def test_its_alerts_of_any_age_become_signals_that_say_replayed() -> None:
    replay()

    tell(MOMENT - timedelta(days=3000))

    assert Signal.objects.get().replayed


def test_a_later_switch_of_the_source_changes_no_history() -> None:
    replay()
    tell(MOMENT)

    switch(to_replay=False)
    tell(MOMENT + timedelta(minutes=5))

    assert list(Signal.objects.order_by("timestamp").values_list("replayed", flat=True)) == [True, False]
    assert replay_clock("backtest") == MOMENT


def test_switching_a_source_to_replay_turns_its_maximum_age_off() -> None:
    make_source(slug="backtest", max_age_seconds=300)

    source = switch(to_replay=True)

    assert (source.replay, source.max_age_seconds) == (True, 0)


def test_the_clock_is_the_latest_alert_time_whatever_the_alert_says_and_never_goes_back() -> None:
    replay()
    times = []
    for minutes, action in [(0, "buy"), (10, "close"), (5, "buy"), (20, "buy"), (15, "close")]:
        tell(MOMENT + timedelta(minutes=minutes), direction=action)
        times.append(replay_clock("backtest"))

    assert times == [MOMENT + timedelta(minutes=minutes) for minutes in (0, 10, 10, 20, 20)]


def test_each_source_has_a_clock_of_its_own_and_a_live_one_has_none() -> None:
    replay()
    tell(MOMENT)
    create_source(slug="live", token="the-token-of-a-live-source", max_age_seconds=0)
    later = format_timestamp(MOMENT + timedelta(hours=1))
    for direction in ("long", "close"):
        send(alert(timestamp=later, direction=direction), token="the-token-of-a-live-source")

    assert (replay_clock("backtest"), replay_clock("live"), replay_clock("unknown")) == (MOMENT, None, None)


def test_the_database_lets_nobody_say_later_that_a_signal_was_live() -> None:
    signal = make_signal(replayed=True)

    with pytest.raises(IntegrityError, match=f"the identity of signal {signal.pk} never changes"):
        execute("UPDATE signals SET replayed = false")


def test_the_database_refuses_a_replay_with_a_maximum_age() -> None:
    make_source()

    refused = refusal_of("UPDATE webhook_sources SET replay = true, max_age_seconds = 300")

    assert refused == "webhook_sources_replay_has_no_max_age"


# In LIVE mode


@pytest.fixture
def live(settings: Any) -> None:
    replay()
    settings.APP_MODE = "LIVE"


@pytest.mark.usefixtures("live")
def test_an_alert_of_a_replay_is_refused_kept_and_creates_no_signal() -> None:
    answer = send(alert())

    delivery = WebhookDelivery.objects.get()
    assert (answer.status_code, answer.json()["code"]) == (403, "replay_not_live")
    assert (delivery.outcome, delivery.code) == ("rejected", "replay_not_live")
    assert not Signal.objects.exists()


@pytest.mark.usefixtures("live")
def test_a_body_that_cannot_be_read_is_told_first() -> None:
    assert send(b"no json").json()["code"] == "invalid_json"


@pytest.mark.usefixtures("live")
def test_no_source_becomes_a_replay() -> None:
    with pytest.raises(DomainError) as created:
        create_source(slug="other", replay=True)
    with pytest.raises(DomainError) as changed:
        switch(to_replay=True)
    with pytest.raises(CommandError, match="cannot be a replay while APP_MODE is LIVE"):
        call_command("source", "add", "other", "--replay")

    assert {created.value.code, changed.value.code} == {"replay_not_live"}
    assert WebhookSource.objects.count() == 1


@pytest.mark.usefixtures("live")
def test_the_form_says_so_beside_the_field() -> None:
    page = logged_in("operator").post(
        reverse("admin:signals_app_webhooksource_new_source"), {"slug": "x", "max_age_seconds": "0", "replay": "on"}
    )

    assert page.context["form"].errors == {"replay": ["A source cannot be a replay while APP_MODE is LIVE."]}


@pytest.mark.usefixtures("live")
def test_e001_names_every_active_replay_and_goes_once_it_is_disabled() -> None:
    (error,) = check_no_replay_is_live(None, ["default"])
    set_source_active("backtest", is_active=False)

    assert (error.id, error.msg) == (
        "signals_app.E001", "APP_MODE is LIVE, but the webhook source backtest is a replay."
    )  # fmt: skip
    assert "manage.py source disable backtest" in str(error.hint)
    assert check_no_replay_is_live(None, ["default"]) == []


def test_in_paper_mode_a_replay_is_no_error() -> None:
    replay()

    assert check_no_replay_is_live(None, ["default"]) == []
