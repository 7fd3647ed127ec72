"""One row of everything, so that every list and page of the admin has something to show."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_q.models import Failure, Schedule

from experiments.history.replay import Selection, run_replay
from experiments.models import Experiment
from kernel.actors import Actor
from notifications.models import Event, Notification, Recipient
from outcomes.models import Quote, Violation
from policies.core.ramps import planned
from policies.drafts import approve_draft
from policies.models import GuardrailTrip
from policies.ramps import plan_ramp
from policies.services import engage_halt, release_guardrail, release_halt
from signals_app.models import MarketData, Signal, WebhookDelivery, WebhookSource
from signals_app.watch_models import AlertStream, MissingAlert
from tests.factories import make_signal, make_source, policy_settings
from tests.outcomes.desk import C72_5_JULY, make_desk, quote
from tests.policies.control import make_draft

QUOTED = {"quotes": {C72_5_JULY: quote()}}
OWN_EXIT_TIME = "2014-06-05T19:00:00.000000Z"


def logged_in(*groups: str, superuser: bool = False) -> Client:
    """Return a browser session of a staff account in these groups."""
    name = "-".join(groups) or ("root" if superuser else "nobody")
    user = User.objects.create_user(name, is_staff=True, is_superuser=superuser)
    user.groups.set(Group.objects.filter(name__in=groups))
    client = Client()
    client.force_login(user)
    return client


def fail(signal: Signal, error: str = "A test.") -> Signal:
    """Let a pending signal have failed for good."""
    Signal.objects.filter(pk=signal.pk).update(status="FAILED", attempts=5, last_error=error)
    return signal


def traded_pair(**signal: Any) -> Experiment:
    """Send a signal through decision, recommendations, both trades and all three exits, by the real API."""
    desk = make_desk("A", **signal)
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    assert desk.b.open(desk.experiment, "REAL").code == "double_execution_prevented"
    assert desk.a.close(real_id, market_conditions=QUOTED).status == 200
    own = {"exit_time": OWN_EXIT_TIME, "exit_price": "1.40", "exit_reason": "TRAILING_STOP"}
    quoted = {"quotes": {C72_5_JULY: quote("1.40", "1.45", OWN_EXIT_TIME)}}
    assert desk.b.close(shadow_id, **own, market_conditions=quoted).status == 202
    bust = {"kind": "BUST", "of": "exit", "reason": "Clearly erroneous.", "evidence": "Notice 4711"}
    assert desk.a.post(f"trades/{real_id}/amendments", bust).status == 201
    return desk.experiment


def make_everything(**signal: Any) -> Experiment:
    """Make at least one row in every table that the admin shows; return the experiment."""
    experiment = traded_pair(**signal)
    now = timezone.now()
    Violation.objects.create(experiment=experiment, engine="B", name="LATE_ENTRY", detail="A test.", found_at=now)
    Quote.objects.create(
        instrument=C72_5_JULY, bid="1.31", ask="1.37", quote_time=now, source="feeder", received_at=now
    )
    WebhookDelivery.objects.create(
        received_at=now, source=make_source(), remote_address="192.0.2.1", content_type="text/plain",
        body=b'{"symbol": "SPY"}', body_sha256="d" * 64, outcome="accepted", signal_id=experiment.signal_id,
        duration_ms="1.25",
    )  # fmt: skip
    missing = {"source": "tv", "symbol": "SPY", "timeframe": "5m", "expected_at": now, "due_at": now}
    MissingAlert.objects.create(kind="bar", **missing)
    AlertStream.objects.create(source=WebhookSource.objects.get(), symbol="SPY", timeframe="5m", last_heard_at=now)
    MarketData.objects.create(symbol="SPY", as_of=now, received_at=now, source="feeder", data={"iv": "0.4"})
    fail(make_signal(symbol="FAIL"))
    engage_halt(Actor("tests"), reason="A test.")
    release_halt(Actor("tests"), reason="A test.")
    plan = planned("5, 50", hold_hours=24, min_trades=20, max_loss=Decimal(500))
    plan_ramp(Actor("ada"), plan, note="A test.")
    approve_draft(Actor("eve"), make_draft().pk, content_hash=policy_settings().content_hash())
    trip = GuardrailTrip.objects.create(
        name="max_engine_flaps", value="9", limit="3", policy_version_id=1, tripped_at=now
    )
    release_guardrail(Actor("tests"), trip.pk, reason="A test.")
    run_replay(Selection(experiment=experiment.pk), run_by="tests")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO worker_heartbeats (cluster, heartbeat_at) VALUES ('host:1', now())")
    Failure.objects.create(id=uuid.uuid4().hex, name="n", func="f", started=now, stopped=now, success=False)
    Schedule.objects.create(func="f", name="s")
    recipient = Recipient.objects.create(name="Desk", shown_url="mailtos://smtp.example/***", created_at=now)
    event = Event.objects.earliest("id")
    Notification.objects.create(recipient=recipient, event=event, due_at=now, outcome="The server is away.")
    return experiment
