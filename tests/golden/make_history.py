"""Write tests/golden/history.json: decisions of many kinds as they stand in their tables.

Needs an empty, migrated, throw-away database in DATABASE_URL:

    DATABASE_URL=postgresql://.../scratch python -m tests.golden.make_history

Alerts go through the webhook's code and the pipeline, under several policies, with engines coming and
going, halts, a guardrail and market data. Run it only when a version of a hash, of the context or of the rules is
raised; the decisions of the old one stay in the file, because they must replay for ever.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

# Of the vectors, and one that it is rotated to.
KEYS = ("00" * 32, "0123456789abcdef" * 4)
PATH = Path(__file__).with_name("history.json")
START = datetime(2026, 3, 16, 14, 30, tzinfo=UTC)
TOKEN = "a-token-of-the-golden-history"
RULES = "ab" * 32

# What an alert may say beside its four fields; each is sent under every step below.
EXTRAS: tuple[dict[str, Any], ...] = (
    {},
    {"close": 568.25, "open": "567.10", "volume": 120000, "rsi": 61.4},
    {"close": 1e-7, "high": 1e22, "low": -0.0, "big": 123456789012345678901234567890, "whole": 15.0},
    {"ticker": "NASDAQ:SPY", "strategy": {"order_action": "buy", "order_id": "Long", "market_position_size": 2}},
    {"order_id": "Long 2", "id": "a bot"},
    {"strategy_name": 'Überläufer "x" \\ /', "comment": "🚀 \u2028 tab\tnew\nline", "tags": ["a", None, {"b": []}]},
    {"Close": "1.50", "close": None, "vwap": "NaN", "secret": "not-to-be-kept", "exchange": "amex"},
)  # fmt: skip


def write() -> None:
    """Make the history and write it."""
    import django

    os.environ["ASSIGNMENT_KEY"] = KEYS[0]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    django.setup()
    from django.db import connection

    from experiments.history.replay import Selection, stored_experiments
    from policies.models import PolicyVersion

    for number, step in enumerate(steps()):
        step()
        send(number)
    policies = {
        str(policy.version): {"settings": policy.content.document(), "content_hash": policy.content_hash}
        for policy in PolicyVersion.objects.order_by("version")
    }
    experiments = [recorded._asdict() for recorded in stored_experiments(Selection())]
    experiments.sort(key=lambda row: str(row["timestamp"]) + str(row["signal_id"]))
    document = {
        "about": "Written by make_history.py.", "assignment_keys": KEYS, "policies": policies,
        "experiments": experiments,
    }  # fmt: skip
    PATH.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    connection.close()
    print(f"{len(experiments)} decisions under {len(policies)} policy versions")


def send(number: int) -> None:
    """Receive one alert of each kind at a fixed time and decide them."""
    from experiments.worker.pipeline import drain
    from signals_app.alerts.admission import Arrival
    from signals_app.webhook.receive import receive_alert

    for kind, extra in enumerate(EXTRAS):
        moment = START + timedelta(minutes=number, seconds=kind, microseconds=kind * 1500)
        body = {"symbol": "SPY", "direction": "long" if number % 2 else "sell", "timeframe": "5",
                "timestamp": moment.isoformat()} | extra  # fmt: skip
        if "strategy" in extra:
            body["direction"] = "long"
        if "ticker" in extra:
            del body["symbol"]
        text = json.dumps(body, ensure_ascii=False).encode()
        receive_alert(TOKEN, Arrival(moment, perf_counter(), None, "", "text/plain", text, len(text)))
    drain()


def steps() -> list[Callable[[], object]]:
    """Return what happens before each round of alerts."""
    from django.conf import settings

    from kernel.actors import Actor
    from policies.core.settings import parse_settings
    from policies.models import EngineAvailability
    from policies.selectors import active_policy
    from policies.services import (
        create_policy_version,
        engage_halt,
        record_heartbeat,
        release_halt,
        set_engine_enabled,
    )
    from signals_app.market_data import store_market_data
    from signals_app.webhook.sources import create_source

    actor = Actor("golden")

    def policy(**changes: str) -> Callable[[], object]:
        def put_in_force() -> None:
            active = active_policy()
            assert active is not None
            raw = {name: str(value) for name, value in active.content.document().items()}
            content, errors = parse_settings(raw | changes)
            assert content is not None, errors
            create_policy_version(actor, content, base_version=active.version, note="Golden history.")

        return put_in_force

    def both_live() -> None:
        for engine in ("A", "B"):
            record_heartbeat(engine, engine_version="1", rules_hash=RULES)

    def observe() -> None:
        data = {"bid": "568.20", "ask": "568.30", "iv": 0.18, "chain": [{"strike": 570, "oi": 10**20}]}
        store_market_data(symbol="SPY", as_of=START, data=data, source="feed")

    def rotate_the_key() -> None:
        settings.ASSIGNMENT_KEY, settings.ASSIGNMENT_KEYS = KEYS[1], [KEYS[0]]

    def go_live() -> None:
        settings.APP_MODE = "LIVE"
        both_live()

    def have_come_back_after_a_gap() -> None:
        settings.APP_MODE = "PAPER"
        for minutes in (30, 20):
            beat = datetime.now(UTC) - timedelta(minutes=minutes)
            EngineAvailability.objects.create(
                engine_id="A", first_heartbeat_at=beat, last_heartbeat_at=beat,
                available_until=beat + timedelta(minutes=1),
                engine_version="1", rules_hash=RULES,
            )  # fmt: skip
        policy(max_engine_flaps="1")()

    return [
        lambda: create_source(slug="tv", token=TOKEN, max_age_seconds=0),
        both_live,
        observe,
        policy(configured_mode="SPLIT_CAPITAL", split_percentage="33.33"),
        rotate_the_key,
        policy(split_percentage="100"),
        lambda: set_engine_enabled(actor, "B", enabled=False, reason="golden"),
        policy(configured_mode="ENGINE_B_PRIMARY", split_percentage="0"),
        lambda: set_engine_enabled(actor, "B", enabled=True, reason="golden"),
        lambda: engage_halt(actor, reason="golden"),
        lambda: release_halt(actor, reason="golden") and policy(configured_mode="SHADOW_ONLY", max_engine_flaps="1")(),
        policy(configured_mode="ENGINE_A_PRIMARY", max_engine_flaps="", permit_ttl_seconds="77"),
        go_live,
        have_come_back_after_a_gap,
    ]


if __name__ == "__main__":
    write()
