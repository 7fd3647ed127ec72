"""Writes: what the webhook keeps of an alert (R8.2)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from uuid import UUID

from kernel.errors import DomainError
from kernel.events import SIGNAL_RECEIVED, SIGNAL_REJECTED
from kernel.json_text import to_jsonb_text
from signals_app.alerts.admission import Arrival, Judgement, KnownSource, holds_token, judge
from signals_app.alerts.alert import NewSignal, RecordedOnly, means_the_same
from signals_app.alerts.errors import AlertError, RateLimitedError, UnauthorizedError
from signals_app.alerts.identity import natural_key, signal_hash, signal_id
from signals_app.models import DeliveryOutcome, Signal
from signals_app.webhook import statements as store
from signals_app.webhook.wake import waker

_MINUTE = timedelta(minutes=1)
_MAX_CONTENT_TYPE_CHARACTERS = 200
# Sources as they were last read, by the hash of a token that was valid then. Whether one still is as it was
# read is checked by the statement that stores its alert.
_known_sources: dict[str, KnownSource] = {}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an alert that was understood.

    ``signal_id`` and ``signal_hash`` are those of the first alert with this natural key; ``reason`` says
    why there is no signal.
    """

    outcome: DeliveryOutcome
    signal_id: UUID | None = None
    signal_hash: str = ""
    reason: str = ""


def receive_alert(token: str, arrival: Arrival) -> Receipt:
    """Judge one alert and keep it; safe to repeat after an error (R8.1, R8.2).

    1. Find the source by its token, unless it is known.
    2. Judge sender, form, secret and meaning.
    3. Store the signal with its delivery, or the delivery alone.

    Raise AlertError, UnauthorizedError or RateLimitedError for what is no alert of this source; all
    but the ones with an unknown token leave a delivery. Nothing is derived, decided or sent (R8.4, R8.5).
    """
    token_hash = hashlib.sha256(token.encode(errors="replace")).hexdigest()
    while True:
        source = _known_sources.get(token_hash) or _read_source(token_hash)
        try:
            return _receive(source, arrival)
        except store.SourceChangedError:
            # An operator has changed it since it was read: judge anew by what holds now.
            _known_sources.pop(token_hash, None)


def _receive(source: KnownSource, arrival: Arrival) -> Receipt:
    judgement = judge(source, arrival)
    error = judgement.error or _excess(source, arrival)
    if error is not None:
        row = _delivery_row(source, arrival, judgement, DeliveryOutcome.REJECTED, code=error.code, detail=error.detail)
        store.insert_delivery(row)
        SIGNAL_REJECTED.log(code=error.code, detail=error.detail, source=source.slug)
        raise error
    if isinstance(judgement.understood, NewSignal):
        return _receive_signal(source, arrival, judgement, judgement.understood)
    assert judgement.understood is not None
    return _record(source, arrival, judgement, judgement.understood)


def _read_source(token_hash: str) -> KnownSource:
    """Return the active source with this token and remember it; raise UnauthorizedError when there is none."""
    source = store.find_source(token_hash)
    if source is None or not holds_token(source, token_hash):
        SIGNAL_REJECTED.log(code="unauthorized", source=None)
        raise UnauthorizedError
    _known_sources[token_hash] = source
    return source


def _excess(source: KnownSource, arrival: Arrival) -> DomainError | None:
    """Return the error of a source that has used up its last minute's alerts."""
    limit = source.rate_limit_per_minute
    if limit is None:
        return None
    if limit == 0:
        return RateLimitedError(limit, _MINUTE.total_seconds())
    blocking = store.nth_latest_delivery(source.pk, arrival.received_at - _MINUTE, limit)
    if blocking is None:
        return None
    return RateLimitedError(limit, (blocking + _MINUTE - arrival.received_at).total_seconds())


def _record(source: KnownSource, arrival: Arrival, judgement: Judgement, understood: RecordedOnly) -> Receipt:
    store.insert_delivery(_delivery_row(source, arrival, judgement, DeliveryOutcome.RECORDED, code=understood.reason))
    SIGNAL_RECEIVED.log(
        signal_id=None,
        symbol=understood.symbol,
        direction=None,
        source=source.slug,
        outcome=DeliveryOutcome.RECORDED.value,
        reason=understood.reason,
    )
    return Receipt(DeliveryOutcome.RECORDED, reason=understood.reason)


def _receive_signal(source: KnownSource, arrival: Arrival, judgement: Judgement, signal: NewSignal) -> Receipt:
    row = _signal_row(source, judgement, signal)
    delivery = _delivery_row(source, arrival, judgement, DeliveryOutcome.ACCEPTED, row.signal_id)
    if store.insert_signal(row, delivery):
        waker.wake()
        receipt = Receipt(DeliveryOutcome.ACCEPTED, row.signal_id, row.signal_hash)
    else:
        receipt = _meet_first(row, judgement)
        store.insert_delivery(_delivery_row(source, arrival, judgement, receipt.outcome, row.signal_id))
    SIGNAL_RECEIVED.log(
        signal_id=str(row.signal_id),
        symbol=row.symbol,
        direction=row.direction,
        source=source.slug,
        outcome=receipt.outcome.value,
    )
    return receipt


def _meet_first(row: store.SignalRow, judgement: Judgement) -> Receipt:
    """Compare with the signal that was there first; its identity never changes, so no lock is needed."""
    first = Signal.objects.only("signal_hash", "raw_payload").filter(pk=row.signal_id).first()
    if first is None:
        raise store.SourceChangedError
    if first.signal_hash == row.signal_hash or _says_the_same(first, judgement):
        return Receipt(DeliveryOutcome.DUPLICATE, row.signal_id, first.signal_hash)
    return Receipt(DeliveryOutcome.CONFLICT, row.signal_id)


def _says_the_same(first: Signal, judgement: Judgement) -> bool:
    try:
        return means_the_same(first.raw_payload, judgement.payload)
    except AlertError:
        # Stored under another vocabulary: what cannot be compared is not called the same.
        return False


def _signal_row(source: KnownSource, judgement: Judgement, signal: NewSignal) -> store.SignalRow:
    key = natural_key(
        source=source.slug,
        symbol=signal.symbol,
        direction=signal.direction,
        timeframe=signal.timeframe,
        timestamp=signal.timestamp,
        strategy=signal.strategy,
    )
    return store.SignalRow(
        signal_id=signal_id(key),
        source=source.slug,
        exchange=signal.exchange,
        symbol=signal.symbol,
        direction=signal.direction,
        timeframe=signal.timeframe,
        timestamp=signal.timestamp,
        strategy=signal.strategy,
        signal_hash=signal_hash(key, judgement.payload),
        raw_payload=to_jsonb_text(judgement.payload),
        consumed_fields=sorted(signal.consumed),
    )


def _delivery_row(
    source: KnownSource,
    arrival: Arrival,
    judgement: Judgement,
    outcome: DeliveryOutcome,
    signal_id: UUID | None = None,
    *,
    code: str = "",
    detail: str = "",
) -> store.DeliveryRow:
    return store.DeliveryRow(
        received_at=arrival.received_at,
        source_id=source.pk,
        source_version=source.version,
        remote_address=str(arrival.address) if arrival.address else None,
        content_type=arrival.content_type.replace("\x00", "")[:_MAX_CONTENT_TYPE_CHARACTERS],
        body=judgement.kept_body,
        body_sha256=hashlib.sha256(arrival.body).hexdigest(),
        outcome=outcome.value,
        code=code,
        detail=detail,
        signal_id=signal_id,
        duration_ms=(perf_counter() - arrival.started) * 1000,
    )
