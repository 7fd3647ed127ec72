"""One row of everything, so that every list and page of the admin has something to show."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_q.models import Failure, Schedule

from experiments.models import Experiment
from outcomes.models import ExitDirective, Incident, RealTrade, ShadowTrade
from policies.services import create_api_key, engage_halt, release_halt
from signals_app.hashing import canonical_json, sha256_hex
from signals_app.models import MarketData, Signal, WebhookDelivery
from tests.factories import make_signal, make_source
from tests.outcomes.closed_trades import Closed, break_rule, close_pair

SCRIPT = '<script>alert("x")</script>'


def logged_in(*groups: str, superuser: bool = False) -> Client:
    """Return a browser session of a staff account in these groups."""
    name = "-".join(groups) or ("root" if superuser else "nobody")
    user = User.objects.create_user(name, is_staff=True, is_superuser=superuser)
    user.groups.set(Group.objects.filter(name__in=groups))
    client = Client()
    client.force_login(user)
    return client


def fail(signal: Signal, error: str = "A test.") -> None:
    """Let a pending signal have failed for good."""
    Signal.objects.filter(pk=signal.pk).update(status="FAILED", attempts=5, last_error=error)


def make_everything(**signal: Any) -> Experiment:
    """Make at least one row in every table that the admin shows; return the experiment."""
    experiment = close_pair("A", Closed(a="60", b="-19"), **signal)
    break_rule(experiment, "B")
    _directive_and_incident(experiment)
    _intake(experiment)
    release_halt(reason="A test.", by=engage_halt(reason="A test.", by="tests").engaged_by)
    create_api_key(owner="engine-a", name="a key")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO worker_heartbeats (cluster, beat_at) VALUES ('host:1', now())")
    now = timezone.now()
    Failure.objects.create(id=uuid.uuid4().hex, name="n", func="f", started=now, stopped=now, success=False)
    Schedule.objects.create(func="f", name="s")
    return experiment


def hash_of(document: object) -> str:
    return sha256_hex(canonical_json(document))


def _directive_and_incident(experiment: Experiment) -> None:
    now = timezone.now()
    ExitDirective.objects.create(
        experiment=experiment, real_trade=RealTrade.objects.get(experiment=experiment), shadow_engine="B",
        shadow_trade=ShadowTrade.objects.get(experiment=experiment), exit_time=now, market_conditions={},
        conditions_hash=hash_of({}), state="PRICED", issued_at=now, settled_at=now, expires_at=now + timedelta(hours=1),
    )  # fmt: skip
    Incident.objects.create(
        experiment=experiment, engine="B", kind="double_execution_prevented", detail="A test.", report={"a": 1},
        report_hash=hash_of({"a": 1}), occurred_at=now,
    )  # fmt: skip


def _intake(experiment: Experiment) -> None:
    now = timezone.now()
    WebhookDelivery.objects.create(
        received_at=now, source=make_source(), remote_address="192.0.2.1", content_type="text/plain",
        body=b'{"symbol": "SPY"}', body_sha256="d" * 64, outcome="accepted", signal_id=experiment.signal_id,
        duration_ms="1.25",
    )  # fmt: skip
    MarketData.objects.create(symbol="SPY", as_of=now, received_at=now, source="feeder", data={"iv": "0.4"})
    fail(make_signal(symbol="FAIL"))
