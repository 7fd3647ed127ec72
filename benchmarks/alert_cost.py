"""What an alert costs in one thread, part by part: `.venv-bench/bin/python -m benchmarks.alert_cost`."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable

from benchmarks import database
from benchmarks.__main__ import install
from benchmarks.alerts import TOKEN, bodies

ROUNDS, TIMES = 7, 1000


def main() -> None:
    """Print the microseconds of processor time of each part, the best of the rounds."""
    os.environ["DATABASE_URL"] = database.prepare()
    os.environ["LOG_LEVEL"] = "WARNING"
    install()
    from django.db import connection
    from django.utils import timezone

    from signals_app.alerts.admission import Arrival, judge
    from signals_app.alerts.alert import NewSignal
    from signals_app.models import DeliveryOutcome
    from signals_app.webhook import store

    (body,) = bodies(1)
    keeper = store.ThreadKeeper()
    source = store.run_now(keeper.ask(store.find_sources, hashlib.sha256(TOKEN.encode()).hexdigest()))
    assert source is not None
    arrival = Arrival(timezone.now(), time.perf_counter(), None, "", "application/json", body, len(body))
    judgement = judge(source, arrival)
    understood = judgement.understood
    assert isinstance(understood, NewSignal)
    row = store.delivery_row(source, arrival, judgement, DeliveryOutcome.ACCEPTED)
    row |= store.signal_row(source, judgement, understood)

    def select_one() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    def keep() -> None:
        store.run_now(keeper.ask(store.store_alerts, row))

    _say("decode, understand, check the secret", lambda: judge(source, arrival))
    _say("id, hash, text for jsonb", lambda: store.signal_row(source, judgement, understood))
    keep()
    _say("the storing statement, for a signal that exists", keep)
    _say("an empty SELECT 1", select_one)


def _say(part: str, work: Callable[[], object]) -> None:
    print(f"{part:55} {min(_microseconds(work) for _ in range(ROUNDS)):6.0f} us", flush=True)


def _microseconds(work: Callable[[], object]) -> float:
    before = time.process_time()
    for _ in range(TIMES):
        work()
    return (time.process_time() - before) / TIMES * 1e6


if __name__ == "__main__":
    main()
