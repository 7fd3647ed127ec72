"""What an alert costs in one thread, part by part: `.venv-bench/bin/python -m benchmarks.alert_cost`."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable
from typing import Any

from benchmarks import database
from benchmarks.__main__ import install
from benchmarks.alerts import TOKEN, bodies
from benchmarks.processes import free_port

ROUNDS, TIMES = 7, 1000


def main() -> None:
    """Print the microseconds of processor time of each part, the best of the rounds."""
    os.environ["DATABASE_URL"] = database.prepare()
    os.environ["LOG_LEVEL"] = "WARNING"
    install()
    from django.db import connection
    from django.utils import timezone

    from orchestrator_site.web.handling import WebhookHandler
    from signals_app.alerts.admission import Arrival, judge
    from signals_app.alerts.alert import NewSignal
    from signals_app.models import DeliveryOutcome
    from signals_app.webhook import receive, store

    (body,) = bodies(1)
    source = store.find_source(hashlib.sha256(TOKEN.encode()).hexdigest())
    assert source is not None
    arrival = Arrival(timezone.now(), time.perf_counter(), None, "", "application/json", body, len(body))
    judgement = judge(source, arrival)
    understood = judgement.understood
    assert isinstance(understood, NewSignal)
    signal = store.signal_row(source, judgement, understood)
    row = store.delivery_row(source, arrival, judgement, DeliveryOutcome.ACCEPTED) | signal
    handler, environ = WebhookHandler(), _environ(body)

    def select_one() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    def handle() -> None:
        response = handler(environ | {"wsgi.input": io.BytesIO(body)}, lambda *_: None)  # type: ignore[arg-type]
        response.close()

    _say("decode, understand, check the secret", lambda: judge(source, arrival))
    _say("id, hash, text for jsonb", lambda: store.signal_row(source, judgement, understood))
    store.store_signal(row)
    _say("the storing statement, for a signal that exists", lambda: store.store_signal(row))
    _say("an empty SELECT 1", select_one)
    receipt = receive.Receipt(DeliveryOutcome.ACCEPTED, signal["signal_id"], signal["signal_hash"])
    receive.receive_alert = lambda *_: receipt  # replaced where the view looks it up
    _say("Django's handler and the view, without what is above", handle)


def _environ(body: bytes) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/webhooks/tradingview/{TOKEN}/",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(free_port()),
        "HTTP_HOST": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
    }


def _say(part: str, work: Callable[[], object]) -> None:
    print(f"{part:55} {min(_microseconds(work) for _ in range(ROUNDS)):6.0f} us", flush=True)


def _microseconds(work: Callable[[], object]) -> float:
    before = time.process_time()
    for _ in range(TIMES):
        work()
    return (time.process_time() - before) / TIMES * 1e6


if __name__ == "__main__":
    main()
