"""Rejected deliveries judged again: by what holds today, once each, and never a second signal."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils import timezone

from experiments.history.replay import Selection, replay
from experiments.worker.pipeline import drain
from kernel.actors import Actor
from kernel.errors import DomainError
from kernel.models import AuditEntry
from kernel.values import format_timestamp
from signals_app.inbox import redriving
from signals_app.inbox.redriving import Fate, can_be_redriven, foresee, redrive
from signals_app.inbox.searching import Asked
from signals_app.inbox_models import Redrive
from signals_app.models import Signal, WebhookDelivery, WebhookSource
from tests.factories import make_policy, make_source
from tests.signals_app.webhook.webhook import TOKEN, alert, send
from tests.threads import Meeting, run_across

pytestmark = pytest.mark.django_db
ADA = Actor("ada")
WHY = "The vocabulary knows it now."


@pytest.fixture
def source() -> WebhookSource:
    return make_source(token=TOKEN)


def rejected(source: WebhookSource, body: dict[str, Any], code: str = "direction_missing") -> WebhookDelivery:
    """A delivery that was rejected by rules of another time."""
    return WebhookDelivery.objects.create(
        received_at=timezone.now(), source=source, body=json.dumps(body).encode(), body_sha256="0" * 64,
        outcome="rejected", code=code, remote_address="192.0.2.1", content_type="application/json", duration_ms=1,
    )  # fmt: skip


def driven(*deliveries: WebhookDelivery) -> list[Fate]:
    return redrive(ADA, [delivery.pk for delivery in deliveries], reason=WHY)


def test_a_delivery_that_is_understood_today_becomes_the_signal_that_it_would_have_been(
    source: WebhookSource,
) -> None:
    make_policy(configured_mode="ENGINE_A_PRIMARY")
    body = alert(order_id="7", high=569.5)
    delivery = rejected(source, body | {"secret": "***"})

    (foreseen,) = foresee([delivery])
    assert (foreseen.outcome, foreseen.symbol, Signal.objects.count()) == ("accepted", "SPY", 0)
    (fate,) = driven(delivery)

    assert fate.outcome == "accepted"
    signal, result = Signal.objects.get(), Redrive.objects.get().result
    assert (result.outcome, result.signal_id, result.received_at) == ("accepted", signal.pk, signal.received_at)
    assert (Redrive.objects.get().delivery, Redrive.objects.get().made_by) == (delivery, "ada")
    assert AuditEntry.objects.get(action="deliveries.redriven").reason == WHY
    # Bit for bit what the webhook makes of it, and what replay expects.
    assert send(body).json() == {
        "status": "duplicate", "signal_id": str(signal.pk), "signal_hash": signal.signal_hash,
    }  # fmt: skip
    assert drain() == 1
    assert [one.differences for one in replay(Selection(signal=signal.pk))] == [()]


def test_nothing_is_driven_through_twice(source: WebhookSource) -> None:
    first, second = rejected(source, alert(order_id="7")), rejected(source, alert(order_id="8"))
    driven(first)

    assert can_be_redriven(Asked()) == [second]
    assert driven(first) == []
    assert [fate.delivery for fate in driven(first, second)] == [second]
    assert (Signal.objects.count(), WebhookDelivery.objects.count()) == (2, 4)


@pytest.mark.django_db(transaction=True)
def test_of_two_operators_at_once_the_second_finds_it_done(
    source: WebhookSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = drive_across(source, monkeypatch)

    assert ([fate.outcome for fate in first], second) == (["accepted"], [])
    assert (Signal.objects.count(), Redrive.objects.count(), WebhookDelivery.objects.count()) == (1, 1, 2)
    assert AuditEntry.objects.filter(action="deliveries.redriven").count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_slower_operator_would_get_an_error(
    source: WebhookSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **_: self)

    # Even so the keys let no delivery through twice.
    with pytest.raises(IntegrityError):
        drive_across(source, monkeypatch)

    assert (Signal.objects.count(), Redrive.objects.count(), WebhookDelivery.objects.count()) == (1, 1, 2)


def drive_across(source: WebhookSource, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Fate], list[Fate]]:
    """Let a second operator drive a delivery while the first one has judged it and stored nothing yet."""
    delivery = rejected(source, alert(order_id="7"))
    meeting = Meeting()
    monkeypatch.setattr(redriving, "_judge", meeting.after(redriving._judge))
    return run_across(meeting, lambda: driven(delivery), lambda: driven(delivery))


def test_what_the_sender_sent_again_is_a_duplicate_and_another_payload_a_conflict(source: WebhookSource) -> None:
    body = alert(order_id="7")
    assert send(body).json()["status"] == "accepted"
    same, other = rejected(source, body), rejected(source, body | {"close": 1.25})

    assert [fate.outcome for fate in foresee([same, other])] == ["duplicate", "conflict"]
    assert [fate.outcome for fate in driven(same, other)] == ["duplicate", "conflict"]
    assert Signal.objects.count() == 1
    assert {row.outcome for row in WebhookDelivery.objects.filter(redrive_of__isnull=False)} == {
        "duplicate", "conflict",
    }  # fmt: skip


def test_an_alert_keeps_its_age_and_what_is_no_signal_today_makes_none(source: WebhookSource) -> None:
    hour_ago = format_timestamp(timezone.now() - timedelta(hours=1))
    old, exits, wrong = (
        rejected(source, alert(timestamp=hour_ago)),
        rejected(source, alert(direction="exit long")),
        rejected(source, {"symbol": "SPY"}),
    )

    fates = driven(old, exits, wrong)

    assert [(fate.outcome, fate.code) for fate in fates[:2]] == [("recorded", "stale"), ("recorded", "exit")]
    assert fates[2].outcome == "rejected"
    assert Signal.objects.count() == 0
    assert foresee([old])[0].code == "stale"


def test_what_never_had_a_known_sender_or_was_not_rejected_is_left_alone(source: WebhookSource) -> None:
    stranger = rejected(source, alert(), code="unauthorized")
    send(alert(order_id="9"))
    accepted = WebhookDelivery.objects.get(outcome="accepted")

    assert can_be_redriven(Asked()) == []
    assert driven(stranger, accepted) == []
    assert (Redrive.objects.count(), AuditEntry.objects.filter(action="deliveries.redriven").count()) == (0, 0)


def test_only_what_matches_is_driven(source: WebhookSource) -> None:
    rejected(source, alert(order_id="7"), code="body_too_large")
    goog = rejected(source, alert(symbol="GOOG"))

    assert can_be_redriven(Asked(text="goog")) == [goog]
    assert can_be_redriven(Asked(code="direction_missing", outcome="accepted")) == [goog]


def test_it_takes_a_reason(source: WebhookSource) -> None:
    with pytest.raises(DomainError, match="Enter a reason"):
        redrive(ADA, [rejected(source, alert()).pk], reason=" ")


def test_a_replay_is_not_driven_through_where_trading_is_live(source: WebhookSource, settings: Any) -> None:
    WebhookSource.objects.update(replay=True, max_age_seconds=0)
    delivery = rejected(source, alert())
    settings.APP_MODE = "LIVE"

    assert driven(WebhookDelivery.objects.get(pk=delivery.pk))[0].code == "replay_not_live"
    assert Signal.objects.count() == 0
