"""Having rejected deliveries judged again, by today's rules and today's settings of their source.

An alert keeps its age: what is too old by now is recorded as stale and never traded. Nothing becomes a signal twice: a
delivery is driven through once, and a signal has one natural key, whoever sends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import JSONField, Value
from django.db.models.functions import Cast

from kernel.actors import Actor
from kernel.audit import record
from kernel.canonical import to_jsonb_text
from kernel.errors import DomainError
from kernel.events import SIGNAL_RECEIVED
from signals_app.alerts.alert import NewSignal, Understood, means_the_same, open_envelope, understand
from signals_app.alerts.decoding import decode_alert, split_secrets
from signals_app.alerts.documents import natural_key, signal_hash, signal_id
from signals_app.inbox.searching import Asked, find
from signals_app.inbox_models import Redrive
from signals_app.models import DeliveryOutcome, Signal, WebhookDelivery, WebhookSource

MOST = 500
# It was never known who sent these.
UNTRUSTED = ("unauthorized", "https_required")


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a delivery, or would; `code` and `detail` as those of a delivery, `symbol` "" when unknown."""

    delivery: WebhookDelivery
    outcome: str
    code: str = ""
    detail: str = ""
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class _Judged:
    understood: Understood
    payload: dict[str, Any]


def can_be_redriven(asked: Asked) -> list[WebhookDelivery]:
    """The deliveries that match, were rejected and have not been driven through again; the newest 500 of them."""
    rejected = Asked(asked.text, DeliveryOutcome.REJECTED, asked.code, asked.source, asked.since, asked.until)
    found: list[WebhookDelivery] = []
    before = None
    while len(found) < MOST:
        page = find(rejected, before=before, size=MOST)
        done = set(Redrive.objects.filter(pk__in=[row.pk for row in page.rows]).values_list("pk", flat=True))
        found += [row for row in page.rows if row.pk not in done and row.code not in UNTRUSTED]
        before = page.before
        if before is None:
            break
    return found[:MOST]


def foresee(deliveries: Sequence[WebhookDelivery]) -> list[Fate]:
    """What would become of each, were it judged again now; nothing is stored."""
    now = _now()
    fates = []
    for delivery in deliveries:
        try:
            judged = _judge(delivery, now)
        except DomainError as error:
            fates.append(Fate(delivery, DeliveryOutcome.REJECTED, error.code, error.detail))
            continue
        if isinstance(judged.understood, NewSignal):
            values = _signal(delivery.source, judged, now)
            first = Signal.objects.filter(pk=values["signal_id"]).first()
            outcome = DeliveryOutcome.ACCEPTED if first is None else _against(first, values, judged)
            fates.append(Fate(delivery, outcome, symbol=judged.understood.symbol))
        else:
            of = judged.understood
            fates.append(Fate(delivery, DeliveryOutcome.RECORDED, of.reason, of.because, of.symbol))
    return fates


def redrive(actor: Actor, delivery_ids: Sequence[int], *, reason: str) -> list[Fate]:
    """Judge these again and keep what comes of each as a delivery of its own; raise DomainError without a reason.

    Those that somebody else has driven through meanwhile are left out.
    """
    if not reason.strip():
        raise DomainError("reason_missing", "Enter a reason for driving these deliveries through again.", "/reason")
    with transaction.atomic():
        chosen = WebhookDelivery.objects.filter(pk__in=list(delivery_ids)[:MOST], outcome=DeliveryOutcome.REJECTED)
        # Locked, so that of two operators the second one waits and then finds them done.
        locked = list(chosen.exclude(code__in=UNTRUSTED).select_for_update(of=("self",)).order_by("id"))
        done = set(Redrive.objects.filter(pk__in=[row.pk for row in locked]).values_list("pk", flat=True))
        now = _now()
        fates = [_drive(actor, row, reason.strip(), now) for row in locked if row.pk not in done]
        if fates:
            subject = f"{len(fates)} deliveries, including delivery {fates[0].delivery.pk}"
            record(actor, "deliveries.redriven", subject, reason=reason.strip())
    return fates


def _drive(actor: Actor, delivery: WebhookDelivery, reason: str, now: datetime) -> Fate:
    identity = alert_time = None
    try:
        judged = _judge(delivery, now)
    except DomainError as error:
        fate = Fate(delivery, DeliveryOutcome.REJECTED, error.code, error.detail)
    else:
        of = judged.understood
        if isinstance(of, NewSignal):
            values = _signal(delivery.source, judged, now)
            payload = Cast(Value(to_jsonb_text(judged.payload)), JSONField())
            identity = values.pop("signal_id")
            # Whoever comes second finds the first one's: the key decides, not who looked before.
            signal, is_new = Signal.objects.get_or_create(pk=identity, defaults=values | {"raw_payload": payload})
            outcome = DeliveryOutcome.ACCEPTED if is_new else _against(signal, values, judged)
            fate = Fate(delivery, outcome, symbol=of.symbol)
        else:
            alert_time = of.timestamp if delivery.source.replay else None
            fate = Fate(delivery, DeliveryOutcome.RECORDED, of.reason, of.because, of.symbol)
    result = WebhookDelivery.objects.create(
        received_at=now,
        source=delivery.source,
        remote_address=delivery.remote_address,
        content_type=delivery.content_type,
        body=delivery.body,
        body_sha256=delivery.body_sha256,
        outcome=fate.outcome,
        code=fate.code,
        detail=fate.detail,
        signal_id=identity,
        alert_time=alert_time,
        duration_ms=0,
    )
    Redrive.objects.create(
        delivery=delivery,
        delivery_received_at=delivery.received_at,
        result=result,
        result_received_at=now,
        reason=reason,
        made_by=actor.name,
        made_at=now,
    )
    SIGNAL_RECEIVED.log(
        signal_id=str(identity) if identity else None,
        symbol=fate.symbol,
        direction=None,
        source=delivery.source.slug,
        outcome=str(fate.outcome),
    )
    return fate


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def _judge(delivery: WebhookDelivery, now: datetime) -> _Judged:
    """What the alert means today; it had its secret when it came, or it would be UNTRUSTED. Raises DomainError."""
    source = delivery.source
    if source.replay and settings.APP_MODE == "LIVE":
        raise DomainError("replay_not_live", f"The source {source.slug} is a replay, and APP_MODE is LIVE.")
    payload, _ = split_secrets(decode_alert(bytes(delivery.body)))
    payload = open_envelope(payload)
    understood = understand(
        payload, received_at=now, max_age_seconds=source.max_age_seconds, bare_sell=source.bare_sell
    )
    return _Judged(understood, payload)


def _signal(source: WebhookSource, judged: _Judged, now: datetime) -> dict[str, Any]:
    """The columns of a new signal, but for its payload."""
    of = judged.understood
    assert isinstance(of, NewSignal)
    columns = {
        name: getattr(of, name)
        for name in ("exchange", "symbol", "direction", "timeframe", "timestamp", "strategy", "order_id")
    }
    key = natural_key(source=source.slug, **columns)
    return columns | {
        "signal_id": signal_id(key),
        "source": source.slug,
        "signal_hash": signal_hash(key, judged.payload),
        "consumed_fields": sorted(of.consumed),
        "received_at": now,
        "replayed": source.replay,
    }


def _against(first: Signal, values: dict[str, Any], judged: _Judged) -> str:
    """What a second alert of a signal is."""
    try:
        is_same = first.signal_hash == values["signal_hash"] or means_the_same(first.raw_payload, judged.payload)
    except DomainError:
        # Stored under another vocabulary: what cannot be compared is not called the same.
        is_same = False
    return DeliveryOutcome.DUPLICATE if is_same else DeliveryOutcome.CONFLICT
