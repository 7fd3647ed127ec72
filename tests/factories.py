"""Plain builders with defaults: the arguments written in a test are the ones that matter to it."""

from __future__ import annotations

import hashlib
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from rest_framework.test import APIClient

from experiments.models import Experiment
from experiments.worker.pipeline import drain
from kernel.actors import Actor
from kernel.canonical import to_jsonb_text
from policies.core.rules import PolicyInputs, PolicyState, Trip
from policies.core.settings import SETTINGS, PolicySettings, parse_settings
from policies.models import Engine, PolicyVersion
from policies.selectors import active_policy
from policies.services import create_api_key, create_policy_version, ensure_first_version
from signals_app.alerts.alert import read_signal
from signals_app.alerts.documents import natural_key, signal_hash, signal_id
from signals_app.models import Signal, WebhookSource

MOMENT = datetime(2026, 3, 16, 14, 30, tzinfo=UTC)
_minutes = itertools.count()

INSERT_SIGNAL = """
INSERT INTO signals (signal_id, source, exchange, symbol, direction, timeframe, timestamp, strategy, order_id,
                     signal_hash, raw_payload, consumed_fields, received_at, status, attempts, last_error, replayed)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, clock_timestamp(), 'PENDING', 0, '', %s)
"""


def make_source(*, slug: str = "tv", token: str = "a-token-of-sufficient-length", **fields: Any) -> WebhookSource:
    return WebhookSource.objects.create(
        name=slug, slug=slug, token_hash=hashlib.sha256(token.encode()).hexdigest(), **fields
    )


def make_signal(
    *,
    source: str = "tv",
    symbol: str = "SPY",
    direction: str = "LONG",
    timeframe: str = "5m",
    timestamp: datetime | None = None,
    strategy: str = "",
    exchange: str = "",
    order_id: str = "",
    payload: dict[str, Any] | None = None,
    replayed: bool = False,
) -> Signal:
    """Store a pending signal; every call is another minute unless the timestamp is given."""
    moment = timestamp or MOMENT + timedelta(minutes=next(_minutes))
    body = payload if payload is not None else {
        "symbol": symbol, "direction": direction.lower(), "timeframe": timeframe,
        "timestamp": moment.isoformat(), "close": 568.25,
    }  # fmt: skip
    key = natural_key(
        source=source, exchange=exchange, symbol=symbol, direction=direction, timeframe=timeframe, timestamp=moment,
        strategy=strategy, order_id=order_id,
    )  # fmt: skip
    identity = signal_id(key)
    columns = (
        identity, source, exchange, symbol, direction, timeframe, moment, strategy, order_id, signal_hash(key, body),
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(INSERT_SIGNAL, (*columns, to_jsonb_text(body), sorted(read_signal(body).consumed), replayed))
    return Signal.objects.get(pk=identity)


def policy_settings(**changes: Any) -> PolicySettings:
    raw = {setting.name: setting.default for setting in SETTINGS if not setting.optional}
    content, errors = parse_settings(raw | {name: str(value) for name, value in changes.items()})
    assert content is not None, errors
    return content


def policy_state(
    *,
    app_mode: str = "PAPER",
    version: int = 1,
    engine_a_available: bool = True,
    engine_b_available: bool = True,
    halted: bool = False,
    guardrail: Trip | None = None,
    **settings: Any,
) -> PolicyState:
    """A state of the policy; what is not a fact of the moment is a setting."""
    return PolicyState(
        app_mode=app_mode,
        version=version,
        settings=policy_settings(**settings),
        engine_a_available=engine_a_available,
        engine_b_available=engine_b_available,
        halted=halted,
        at=datetime(2026, 3, 16, 14, 30, tzinfo=UTC),
        guardrail=guardrail,
    )


def inputs_of(row: dict[str, str]) -> PolicyInputs:
    """The inputs that a row of tests/golden/policy_truth_table.csv stands for."""
    return PolicyInputs(
        app_mode=row["app_mode"],
        configured_mode=row["configured_mode"],
        live_enabled=row["live_enabled"] == "yes",
        split_percentage="50.00",
        policy_version=1,
        variant=row["variant"],
        engine_a_available=row["a_available"] == "yes",
        engine_b_available=row["b_available"] == "yes",
        halted=row["halted"] == "yes",
        guardrail={"name": "daily_real_loss"} if row["guardrail"] == "yes" else None,
    )


def make_policy(**changes: Any) -> PolicyVersion:
    """Put a new version in force with the given settings changed."""
    ensure_first_version()
    latest = active_policy()
    assert latest is not None
    return create_policy_version(
        Actor("tests"), policy_settings(**changes), base_version=latest.version, note="A test."
    )


def make_available(*engines: str) -> None:
    """Let exactly these engines have a heartbeat now."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE engines SET last_heartbeat_at = NULL")
        cursor.execute(
            "UPDATE engines SET last_heartbeat_at = now(), engine_version = '1', rules_hash = repeat('a', 64)"
            " WHERE name = ANY(%s)",
            (list(engines),),
        )


def make_experiment(executed: str | None = "A", *, policy: dict[str, Any] | None = None, **signal: Any) -> Experiment:
    """Send a signal through the real pipeline under a policy by which `executed` trades for real."""
    mode = {"A": "ENGINE_A_PRIMARY", "B": "ENGINE_B_PRIMARY", None: "SHADOW_ONLY"}[executed]
    make_available("A", "B")
    make_policy(configured_mode=mode, **(policy or {}))
    stored = make_signal(**signal)
    drain()
    experiment = Experiment.objects.get(signal=stored)
    assert experiment.decision.executed_engine == executed
    return experiment


def api_client(owner: str) -> APIClient:
    """Return a client with a real key of engine-a, engine-b, feeder or analyst."""
    _, text = create_api_key(Actor("tests"), owner=owner, name=owner)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {text}")
    return client


def engine(name: str) -> Engine:
    return Engine.objects.get(name=name)


def loads(text: str) -> Any:
    return json.loads(text)
