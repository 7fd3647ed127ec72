"""Sources that are watched since an hour ago, and what they have sent since then."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any

from django.utils import timezone

from signals_app.alerts.market_hours import MarketHours, bar_of
from signals_app.models import WebhookDelivery, WebhookSource
from signals_app.watch_models import AlertWatch, MissingAlert
from signals_app.watching.look import look_for_missing
from signals_app.watching.watches import WatchSettings, set_watch
from tests.factories import make_source

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
_tokens = itertools.count()


def watched(mode: str, *, slug: str = "tv", ago: timedelta = HOUR, **settings: Any) -> WebhookSource:
    """A source that has been watched for that long, with a grace of five seconds."""
    source = make_source(slug=slug, token=f"a-token-of-sufficient-length-{next(_tokens)}")
    set_watch(slug, WatchSettings(**{"mode": mode, "grace_seconds": 5, **settings}))
    since = timezone.now() - ago
    AlertWatch.objects.filter(source=source).update(since=since, known_until=since)
    return source


def deliver(
    source: WebhookSource, at: datetime, *, outcome: str = "accepted", code: str = "", **members: Any
) -> WebhookDelivery:
    """One alert that fired when it was received, unless `timenow` says otherwise."""
    alert = {"symbol": "SPY", "action": "buy", "interval": "5", "timenow": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    body = json.dumps({name: value for name, value in (alert | members).items() if value is not None})
    return WebhookDelivery.objects.create(
        received_at=at, source=source, content_type="", body=body.encode(), body_sha256="d" * 64, outcome=outcome,
        code=code, duration_ms=1,
    )  # fmt: skip


def bars(count: int = 6) -> list[datetime]:
    """The closes of the latest bars of five minutes: all are due, and no other one falls due for a dozen seconds."""
    while True:
        now = timezone.now()
        latest = bar_of(MarketHours(), "5m", now - 6 * SECOND)
        assert latest is not None
        if latest == bar_of(MarketHours(), "5m", now + 12 * SECOND):
            break
        sleep(0.2)
    return [latest - place * 5 * MINUTE for place in reversed(range(count))]


def look() -> int:
    """Look now, whatever the worker has planned."""
    AlertWatch.objects.update(next_look_at=timezone.now() - MINUTE)
    return look_for_missing()


def missing(source: WebhookSource, **only: Any) -> list[MissingAlert]:
    return list(MissingAlert.objects.filter(source=source.slug, **only).order_by("due_at", "id"))


def events(lines: list[Any], name: str) -> list[dict[str, Any]]:
    """What was logged of this event."""
    return [line for line in lines if line["event"] == name]
