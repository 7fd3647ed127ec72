"""The webhook that TradingView calls: judge an alert, keep it, wake the worker, answer (R8)."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase, JsonResponse
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
from signals_app.models import DeliveryOutcome
from signals_app.webhook import store
from signals_app.webhook.store import (
    JudgeAgainError,
    Keeper,
    ThreadKeeper,
    clock,
    delivery_row,
    on_live_connection,
    run_now,
    signal_row,
)

# Set by the TLS proxy from the client certificate, as in nginx's $ssl_client_s_dn.
CERTIFICATE_HEADER = "X-SSL-Client-S-DN"
MASKED_PATH = "/webhooks/tradingview/***/"
# In the environ: the DomainError that says why no more of the body came; missing or None where all of it did.
CUT_SHORT = "orchestrator.cut_short"
# Sources as they were last read, by the hash of a token that was valid then. Whether one still is as it was
# read is checked by the statement that stores its alert. Strangers cannot make it grow: only valid tokens get in.
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

    def document(self) -> dict[str, str]:
        """What the sender is answered; only what there is."""
        values = {"reason": self.reason, "signal_id": str(self.signal_id or ""), "signal_hash": self.signal_hash}
        return {"status": self.outcome.value} | {name: value for name, value in values.items() if value}


def receive_alert(token: str, arrival: Arrival) -> Receipt:
    """Judge one alert and keep it, in a thread (R8.1, R8.2); see `receive`."""
    return run_now(receive(token, arrival, ThreadKeeper()))


async def receive(token: str, arrival: Arrival, keeper: Keeper) -> Receipt:
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
            source = await keeper.ask(store.find_sources, token_hash)
            if source is None or not holds_token(source, token_hash):
                await keeper.ask(store.count_strangers, (arrival.address, arrival.received_at))
                keeper.log(SIGNAL_REJECTED, code="unauthorized", source=None)
                raise unauthorized()
            _known_sources[token_hash] = source
        try:
            return await _receive(source, arrival, keeper)
        except JudgeAgainError:
            # An operator may have changed the source since it was read: by what holds now.
            _known_sources.pop(token_hash, None)


async def _receive(source: KnownSource, arrival: Arrival, keeper: Keeper) -> Receipt:
    judgement = judge(source, arrival)
    understood, error = judgement.understood, judgement.error
    if error is None and source.replay and settings.APP_MODE == "LIVE":
        error = DomainError("replay_not_live", f"The source {source.slug} is a replay, and APP_MODE is LIVE.")
    try:
        if error is not None:
            outcome = DeliveryOutcome.REJECTED
            row = delivery_row(source, arrival, judgement, outcome, code=error.code, detail=error.detail)
            await keeper.ask(store.store_alerts, row)
            raise error
        if isinstance(understood, RecordedOnly):
            receipt = await _record(source, arrival, judgement, understood, keeper)
            symbol, direction = understood.symbol, None
        else:
            assert understood is not None
            symbol, direction = understood.symbol, understood.direction
            signal = signal_row(source, judgement, understood)
            identity: UUID = signal["signal_id"]
            row = delivery_row(source, arrival, judgement, DeliveryOutcome.ACCEPTED) | signal
            if await keeper.ask(store.store_alerts, row):
                # After the commit, or a worker could look before the signal is there.
                keeper.wake()
                receipt = Receipt(DeliveryOutcome.ACCEPTED, identity, signal["signal_hash"])
            else:
                receipt = await _compare_with_first(signal, judgement, keeper)
                row = delivery_row(source, arrival, judgement, receipt.outcome, identity)
                await keeper.ask(store.store_alerts, row)
    except DomainError as refusal:
        keeper.log(SIGNAL_REJECTED, code=refusal.code, detail=refusal.detail, source=source.slug)
        raise
    keeper.log(
        SIGNAL_RECEIVED,
        signal_id=str(receipt.signal_id) if receipt.signal_id else None,
        symbol=symbol,
        direction=direction,
        source=source.slug,
        outcome=receipt.outcome.value,
        **({"reason": receipt.reason} if receipt.reason else {}),
    )
    return receipt


async def _record(
    source: KnownSource, arrival: Arrival, judgement: Judgement, understood: RecordedOnly, keeper: Keeper
) -> Receipt:
    """Keep an alert that makes no signal."""
    receipt = Receipt(DeliveryOutcome.RECORDED, reason=understood.reason)
    row = delivery_row(
        source,
        arrival,
        judgement,
        receipt.outcome,
        code=receipt.reason,
        detail=understood.because,
        alert_time=understood.timestamp if source.replay else None,
    )
    await keeper.ask(store.store_alerts, row)
    return receipt


async def _compare_with_first(signal: store.Row, judgement: Judgement, keeper: Keeper) -> Receipt:
    """Compare with the signal that was there first; its identity never changes, so no lock is needed."""
    first = await keeper.ask(store.first_signals, signal["signal_id"])
    if first is None:
        # It was archived at this very moment.
        raise JudgeAgainError
    first_hash, first_payload = first
    try:
        is_same = first_hash == signal["signal_hash"] or means_the_same(first_payload, judgement.payload)
    except DomainError:
        # Stored under another vocabulary: what cannot be compared is not called the same.
        is_same = False
    if is_same:
        return Receipt(DeliveryOutcome.DUPLICATE, signal["signal_id"], first_hash)
    return Receipt(DeliveryOutcome.CONFLICT, signal["signal_id"])


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
    keeper: Keeper = ThreadKeeper()

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
        body = self.read_body(request)
        receipt = on_live_connection(lambda: run_now(self.take(request, body, token)))
        return JsonResponse(receipt.document())

    def read_body(self, request: Request) -> bytes:
        """As much of the body as is looked at, and one byte more, which shows that there is more.

        What came of one that ends too early is kept as any other alert that is refused.
        """
        # Django takes a body without announced length (chunked) for empty; servers that end it are read to its end.
        is_chunked = not request.META.get("CONTENT_LENGTH") and request.META.get("wsgi.input_terminated")
        stream = request.META["wsgi.input"] if is_chunked else request
        body = b""
        try:
            while len(body) <= MAX_BODY_BYTES and (part := stream.read(MAX_BODY_BYTES + 1 - len(body))):
                body += part
        except OSError:
            detail = "The body ended before its announced length; send it again."
            request.META[CUT_SHORT] = DomainError("body_incomplete", detail)
        return body

    async def take(self, request: Request, body: bytes, token: str) -> Receipt:
        """Judge and keep the alert that the request carries."""
        started = perf_counter()
        keeper = self.keeper.for_alert()
        meta, proxies = request.META, settings.TRUSTED_PROXIES
        try:
            announced = int(meta.get("CONTENT_LENGTH", ""))
        except ValueError:
            announced = 0
        arrival = Arrival(
            received_at=await clock.now(keeper),
            started=started,
            address=client_address(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", ""), proxies),
            # Without a proxy of ours in front, anybody could have set it.
            certificate_subject=request.headers.get(CERTIFICATE_HEADER, "") if proxies else "",
            content_type=meta.get("CONTENT_TYPE", ""),
            body=body,
            size=announced,
            content_encoding=meta.get("HTTP_CONTENT_ENCODING", ""),
            must_be_https=settings.SECURE_SSL_REDIRECT and not request.is_secure(),
            cut_short=meta.get(CUT_SHORT),
        )
        return await receive(token, arrival, keeper)

    def handle_exception(self, exc: Exception) -> Response:
        """Turn errors into problem documents; every 401 is the same to the last byte."""
        if isinstance(exc, OperationalError | InterfaceError):
            self.keeper.log(DATABASE_UNAVAILABLE, error=str(exc))
            self.keeper.log(SIGNAL_REJECTED, code="database_unavailable", source=None)
        response = super().handle_exception(exc)
        if isinstance(exc, DomainError) and exc.code == "unauthorized":
            response.data["request_id"] = ""
        return response


class AlertView(TradingViewWebhookView):
    """The same view on an event loop: an alert takes no thread, and shares its commit with others."""

    async def dispatch(  # type: ignore[override] # the stubs know no views that are awaited
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Do what DRF's dispatch does, with a handler that is awaited."""
        self.args, self.kwargs = args, kwargs
        self.request = drf_request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        response: Any
        try:
            self.initial(drf_request, *args, **kwargs)
            receipt = await self.take(drf_request, self.read_body(drf_request), kwargs.get("token", ""))
            response = JsonResponse(receipt.document())
        except Exception as error:  # noqa: BLE001 (as in DRF: what no client has caused is raised again)
            response = self.handle_exception(error)
        answer: HttpResponseBase = self.finalize_response(drf_request, response, *args, **kwargs)
        return answer
