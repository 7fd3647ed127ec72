"""The webhook that TradingView calls (R8)."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kernel.errors import DomainError
from kernel.events import DATABASE_UNAVAILABLE, SIGNAL_REJECTED
from signals_app.alerts.admission import Arrival, client_address
from signals_app.alerts.decoding import MAX_BODY_BYTES
from signals_app.webhook.receive import receive_alert
from signals_app.webhook.store import on_live_connection

# Set by the TLS proxy from the client certificate, as in nginx's $ssl_client_s_dn.
CERTIFICATE_HEADER = "X-SSL-Client-S-DN"
MASKED_PATH = "/webhooks/tradingview/***/"


class TradingViewWebhookView(APIView):
    """Take one alert: judge it, keep it, answer; the worker does everything else (R8.4, R8.5).

    200 for everything understood, 400 only for what cannot be a signal, because TradingView never
    sends again after a 4xx; 503 while the database is away, because after a 5xx it does.
    """

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
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
        )
        receipt = on_live_connection(lambda: receive_alert(token, arrival))
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
