"""What the django-q cluster runs."""

from __future__ import annotations

from time import monotonic, process_time, sleep

from django.db import connection

from experiments.worker.pipeline import drain

# A worker that has decided something looks again for a while: the way through hint, pusher and queue takes
# longer. It rests four times the processor time that it took, so that the more alerts come, the more a batch takes
# along: batches of 150 cost half of what batches of ten cost each signal, and the webhook gets the rest.
LINGER_SECONDS = 0.05
RESTS_PER_WORK = 4
MIN_REST_SECONDS, MAX_REST_SECONDS = 0.005, 0.15
# Well below the task timeout, and a heartbeat is due.
MAX_STAY_SECONDS = 2.0


def drain_signals() -> int:
    """Process what waits; harmless at any time and any number of times (R9.5)."""
    started, decided, cost = monotonic(), *_timed_drain()
    latest = monotonic()
    while decided and monotonic() - latest < LINGER_SECONDS and latest - started < MAX_STAY_SECONDS:
        sleep(min(max(RESTS_PER_WORK * cost, MIN_REST_SECONDS), MAX_REST_SECONDS))
        more, more_cost = _timed_drain()
        if more:
            decided, cost, latest = decided + more, more_cost, monotonic()
    return decided


def _timed_drain() -> tuple[int, float]:
    """Return how many signals were decided and the processor seconds that it took."""
    before = process_time()
    return drain(), process_time() - before


def prune() -> None:
    """Forget heartbeats of clusters that are long gone, and django-q's record of failed tasks after a week.

    Nothing of the audit trail: what a signal failed with stands on the signal itself.
    """
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM worker_heartbeats WHERE heartbeat_at < now() - interval '1 day'")
        cursor.execute("DELETE FROM django_q_task WHERE stopped < now() - interval '7 days'")
