"""The webhook that TradingView calls: judge an alert, keep it, wake the worker, answer (R8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kernel.canonical import sha256_hex
from kernel.errors import DomainError
from kernel.events import DATABASE_UNAVAILABLE, SIGNAL_RECEIVED, SIGNAL_REJECTED
from signals_app.alerts.admission import (
    Arrival,
    Judgement,
    KnownSource,
    client_address,
    holds_token,
    judge,
    unauthorized,
)
from signals_app.alerts.alert import RecordedOnly, means_the_same
from signals_app.alerts.decoding import MAX_BODY_BYTES
from signals_app.models import DeliveryOutcome, Signal
from signals_app.webhook import store
from signals_app.webhook.store import delivery_row, signal_row, waker

# Set by the TLS proxy from the client certificate, as in nginx's $ssl_client_s_dn.
CERTIFICATE_HEADER = "X-SSL-Client-S-DN"
MASKED_PATH = "/webhooks/tradingview/***/"
_MINUTE = timedelta(minutes=1)
# Sources as they were last read, by the hash of a token that was valid then. Whether one still is as it was
# read is checked by the statement that stores its alert. Strangers cannot make it grow: only valid tokens get in.
_known_sources: dict[str, KnownSource] = {}


class RateLimitedError(DomainError):
    """The source has sent as much as it may in a minute; ``wait`` is the seconds until it may send again."""

    def __init__(self, limit: int, wait: float) -> None:
        super().__init__("rate_limited", f"This source is limited to {limit} alerts per minute; retry later.")
        self.wait = wait


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

    def document(self) -> dict[str, str]:
        """What the sender is answered; only what there is."""
        values = {"reason": self.reason, "signal_id": str(self.signal_id or ""), "signal_hash": self.signal_hash}
        return {"status": self.outcome.value} | {name: value for name, value in values.items() if value}


def receive_alert(token: str, arrival: Arrival) -> Receipt:
    """Judge one alert and keep it; safe to repeat after an error (R8.1, R8.2).

    1. Find the source by its token, unless it is known.
    2. Judge sender, form, secret and meaning.
    3. Store the signal with its delivery, or the delivery alone.

    Raise DomainError for what is no alert of this source; all but those with an unknown token, which are counted,
    leave a delivery. Nothing is derived, decided or sent (R8.4, R8.5).
    """
    token_hash = sha256_hex(token.encode(errors="replace"))
    while True:
        source = _known_sources.get(token_hash)
        if source is None:
            source = store.find_source(token_hash)
            if source is None or not holds_token(source, token_hash):
                store.count_unknown_token(arrival.address, arrival.received_at)
                SIGNAL_REJECTED.log(code="unauthorized", source=None)
                raise unauthorized()
            _known_sources[token_hash] = source
        try:
            return _receive(source, arrival)
        except store.SourceChangedError:
            # An operator has changed it since it was read: judge anew by what holds now.
            _known_sources.pop(token_hash, None)


def _receive(source: KnownSource, arrival: Arrival) -> Receipt:
    judgement = judge(source, arrival)
    understood = judgement.understood
    error, limit = judgement.error, source.rate_limit_per_minute
    if error is None and source.replay and settings.APP_MODE == "LIVE":
        error = DomainError("replay_not_live", f"The source {source.slug} is a replay, and APP_MODE is LIVE.")
    if error is None and limit is not None:
        # The alert that must first be a minute old; with a limit of 0 none ever is. Alerts that race for the last
        # place can all get it: a lock for an exact count would make every alert of the source wait.
        since = arrival.received_at - _MINUTE
        blocking = store.nth_latest_delivery(source.pk, since, limit) if limit else arrival.received_at
        if blocking is not None:
            error = RateLimitedError(limit, (blocking - since).total_seconds())
    if error is not None:
        outcome = DeliveryOutcome.REJECTED
        store.store_delivery(delivery_row(source, arrival, judgement, outcome, code=error.code, detail=error.detail))
        SIGNAL_REJECTED.log(code=error.code, detail=error.detail, source=source.slug)
        raise error
    if isinstance(understood, RecordedOnly):
        receipt = Receipt(DeliveryOutcome.RECORDED, reason=understood.reason)
        alert_time = understood.timestamp if source.replay else None
        store.store_delivery(
            delivery_row(
                source,
                arrival,
                judgement,
                receipt.outcome,
                code=receipt.reason,
                detail=understood.because,
                alert_time=alert_time,
            )
        )
        SIGNAL_RECEIVED.log(
            signal_id=None,
            symbol=understood.symbol,
            direction=None,
            source=source.slug,
            outcome=receipt.outcome.value,
            reason=receipt.reason,
        )
        return receipt
    assert understood is not None
    signal = signal_row(source, judgement, understood)
    identity: UUID = signal["signal_id"]
    if store.store_signal(delivery_row(source, arrival, judgement, DeliveryOutcome.ACCEPTED) | signal):
        # After the commit, or a worker could look before the signal is there.
        waker.wake()
        receipt = Receipt(DeliveryOutcome.ACCEPTED, identity, signal["signal_hash"])
    else:
        receipt = _compare_with_first(signal, judgement)
        store.store_delivery(delivery_row(source, arrival, judgement, receipt.outcome, identity))
    SIGNAL_RECEIVED.log(
        signal_id=str(identity),
        symbol=understood.symbol,
        direction=understood.direction,
        source=source.slug,
        outcome=receipt.outcome.value,
    )
    return receipt


def _compare_with_first(signal: store.Row, judgement: Judgement) -> Receipt:
    """Compare with the signal that was there first; its identity never changes, so no lock is needed."""
    # None: nothing was stored because the source was changed, not because there is a first.
    first = Signal.objects.only("signal_hash", "raw_payload").filter(pk=signal["signal_id"]).first()
    if first is None:
        raise store.SourceChangedError
    try:
        is_same = first.signal_hash == signal["signal_hash"] or means_the_same(first.raw_payload, judgement.payload)
    except DomainError:
        # Stored under another vocabulary: what cannot be compared is not called the same.
        is_same = False
    if is_same:
        return Receipt(DeliveryOutcome.DUPLICATE, first.signal_id, first.signal_hash)
    return Receipt(DeliveryOutcome.CONFLICT, first.signal_id)


class TradingViewWebhookView(APIView):
    """Take one alert: judge it, keep it, answer; the worker does everything else (R8.4, R8.5).

    200 for everything understood, 400 only for what cannot be a signal, because TradingView never
    sends again after a 4xx; 503 while the database is away, because after a 5xx it does.
    """

    # The token in the URL is the only credential: TradingView can set no headers.
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    # DRF's parsers would answer 415 to text/plain, which TradingView sends for what is no JSON, and 500 to deep
    # nesting.
    parser_classes = ()
    renderer_classes = (JSONRenderer,)
    http_method_names = ("post",)
    schema = None

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Forget the path, so that nothing that logs the request can show the token."""
        super().setup(request, *args, **kwargs)
        request.path = request.path_info = MASKED_PATH

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Negotiate nothing: the answer is JSON whatever the sender accepts."""
        request.accepted_renderer = JSONRenderer()
        request.accepted_media_type = JSONRenderer.media_type

    def post(self, request: Request, token: str = "") -> JsonResponse:
        """Answer what became of the alert."""
        started, received_at = perf_counter(), timezone.now()
        meta, proxies = request.META, settings.TRUSTED_PROXIES
        try:
            announced = int(meta.get("CONTENT_LENGTH", ""))
        except ValueError:
            announced = 0
        # Django takes a body without announced length (chunked) for empty; servers that end it are read to its end.
        is_chunked = not meta.get("CONTENT_LENGTH") and meta.get("wsgi.input_terminated")
        stream = meta["wsgi.input"] if is_chunked else request
        body = b""
        try:
            # One byte more than allowed shows that there is more; the rest is never read.
            while len(body) <= MAX_BODY_BYTES and (part := stream.read(MAX_BODY_BYTES + 1 - len(body))):
                body += part
        except OSError as error:
            detail = "The body ended before its announced length; send it again."
            raise DomainError("body_incomplete", detail) from error
        arrival = Arrival(
            received_at=received_at,
            started=started,
            address=client_address(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", ""), proxies),
            # Without a proxy of ours in front, anybody could have set it.
            certificate_subject=request.headers.get(CERTIFICATE_HEADER, "") if proxies else "",
            content_type=meta.get("CONTENT_TYPE", ""),
            body=body,
            size=announced,
            content_encoding=meta.get("HTTP_CONTENT_ENCODING", ""),
            must_be_https=settings.SECURE_SSL_REDIRECT and not request.is_secure(),
        )
        receipt = store.on_live_connection(lambda: receive_alert(token, arrival))
        return JsonResponse(receipt.document())

    def handle_exception(self, exc: Exception) -> Response:
        """Turn errors into problem documents; every 401 is the same to the last byte."""
        if isinstance(exc, OperationalError | InterfaceError):
            DATABASE_UNAVAILABLE.log(error=str(exc))
            SIGNAL_REJECTED.log(code="database_unavailable", source=None)
        response = super().handle_exception(exc)
        if isinstance(exc, DomainError) and exc.code == "unauthorized":
            response.data["request_id"] = ""
        return response
