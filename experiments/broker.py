"""The signals table is the queue: a django-q broker that hands out drain tasks while signals wait.

django-q2's own extension point (`broker_class`). Ordinary tasks and schedules come first; then the
pool gets a drain task, in memory and without acknowledgement, whenever a signal waits that nobody
has in hand. Nothing is written per signal, so no wake-up can be lost.
"""

from __future__ import annotations

from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from django.db import connections
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage

# Rows in hand of a worker are locked; an unlocked one is work nobody has. A batch whose worker died
# counts too: somebody has to release it.
WORK_WAITS = """
SELECT EXISTS (SELECT FROM django_q_ormq WHERE key = %s AND lock < now()),
       EXISTS (SELECT FROM (SELECT FROM signals WHERE status = 'PENDING' LIMIT 1 FOR UPDATE SKIP LOCKED) AS fresh)
    OR EXISTS (SELECT FROM signals WHERE status = 'FAILED' AND next_attempt_at <= now())
"""
# Also without work a drain goes through pusher, queue and worker this often: it beats the heart.
BEAT_SECONDS = 5.0


class SignalBroker(ORM):
    """ORM broker whose queue of record is the signals table."""

    _last_drain = 0.0

    def dequeue(self) -> list[tuple[Any, str]] | None:
        """Return ordinary tasks, else one drain task when signals wait, else nothing after a pause."""
        self.get_connection()  # drops a broken connection
        with connections[Conf.ORM or "default"].cursor() as cursor:
            cursor.execute(WORK_WAITS, (self.list_key,))
            tasks_wait, signals_wait = cursor.fetchone()
        if tasks_wait and OrmQ.objects.filter(key=self.list_key, lock__lt=timezone.now()).exists():
            return super().dequeue()  # type: ignore[no-any-return, no-untyped-call]  # django-q2 has no types
        if signals_wait or monotonic() - self._last_drain > BEAT_SECONDS:
            self._last_drain = monotonic()
            return [(None, _drain_task())]
        sleep(Conf.POLL)
        return None


def _drain_task() -> str:
    task = {
        "id": uuid4().hex,
        "name": "drain",
        "func": "experiments.tasks.drain_signals",
        "args": (),
        "kwargs": {},
        "started": timezone.now(),
    }
    return str(SignedPackage.dumps(task))
