"""The signals table is the queue: a django-q broker that hands out drain tasks while signals wait.

django-q2's own extension point (`broker_class`). Ordinary tasks and schedules come first; then the
pool gets a drain task, in memory and without acknowledgement, whenever a signal waits that nobody
has claimed. Nothing is written per signal, so no wake-up can be lost.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any, cast
from uuid import uuid4

from django.db import InterfaceError, OperationalError, connections
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.signing import SignedPackage

from experiments.worker.liveness import DRAIN, HEARTBEAT_SECONDS
from kernel.events import WORKER_DATABASE_UNAVAILABLE
from signals_app.webhook.store import CHANNEL

# Work is a signal that no worker has claimed. The query takes no locks: they would hide the signal from the
# worker that comes for it, and would have to reach the disk.
WORK_WAITS = """
SELECT EXISTS (SELECT FROM django_q_ormq WHERE key = %s AND lock < now()),
       EXISTS (SELECT FROM signals WHERE status = 'PENDING'
                  AND signal_id NOT IN (SELECT unnest(signal_ids) FROM worker_batches))
    OR EXISTS (SELECT FROM signals WHERE status = 'FAILED' AND next_attempt_at <= now())
"""
# The last drain needs this long to reach its worker; until then its signals still look like work.
SPACING_SECONDS = 0.02
# Pause before the next attempt to reach a lost database.
RECONNECT_SECONDS = 0.5


# Work of apps above that falls due by the clock: the query that tells, and the dotted path of what settles it.
DUE_WORK: list[tuple[str, str]] = []
# How often the queries are asked, and so how late work can be noticed.
DUE_SECONDS = 1.0


def run_when_due(is_due: str, function: Callable[[], object]) -> None:
    """Add work of an app above; called once, when the apps are ready. `is_due` selects one boolean."""
    DUE_WORK.append((is_due, f"{function.__module__}.{function.__qualname__}"))


class SignalBroker(ORM):
    """ORM broker whose queue of record is the signals table."""

    _last_drain = 0.0
    _last_look = 0.0
    _listening: object = None

    def dequeue(self) -> list[tuple[Any, str]] | None:
        """Ordinary tasks, else one drain task when signals wait, else nothing after a pause.

        The pause ends early at a hint from the webhook; without one it is `poll` seconds.
        """
        database = connections[str(Conf.ORM or "default")]
        try:
            self.get_connection()  # drops a broken connection
            database.ensure_connection()
            with database.cursor() as cursor:
                # Once on every connection.
                if self._listening is not database.connection:
                    cursor.execute(f"LISTEN {CHANNEL}")
                    self._listening = database.connection
                # One statement: every look costs the database a round trip, and the last one is what it is seen to do.
                looks = monotonic() - self._last_look >= DUE_SECONDS
                due_work = DUE_WORK if looks else []
                cursor.execute("".join((WORK_WAITS, *(f", ({is_due})" for is_due, _ in due_work))), (self.list_key,))
                tasks_wait, signals_wait, *due = cursor.fetchone()
            if tasks_wait:
                return super().dequeue()  # type: ignore[no-any-return, no-untyped-call]  # django-q2 has no types
            if looks:
                self._last_look = monotonic()
                if any(due):
                    # Settled twice, it finds nothing to do the second time.
                    return [
                        _task("settle", function) for (_, function), is_due in zip(due_work, due, strict=True) if is_due
                    ]
            since_last = monotonic() - self._last_drain
            if since_last <= (SPACING_SECONDS if signals_wait else HEARTBEAT_SECONDS):
                pause = SPACING_SECONDS if signals_wait else cast("float", Conf.POLL)
                with database.wrap_database_errors:
                    # Takes all hints there are; one that came meanwhile counts at once.
                    is_hinted = bool(list(database.connection.notifies(timeout=pause, stop_after=1)))
                # A hint needs no second look: a drain in vain costs less than that.
                if not is_hinted:
                    return None
            self._last_drain = monotonic()
            return [_task("drain", DRAIN)]
        except (OperationalError, InterfaceError) as error:
            # django-q would rest for ten seconds and replace the process that asks.
            WORKER_DATABASE_UNAVAILABLE.log(error=str(error))
            database.close()
            sleep(RECONNECT_SECONDS)
            return None


def _task(name: str, function: str) -> tuple[Any, str]:
    """A task in memory, without acknowledgement: whoever finds its work undone asks again."""
    task = {"id": uuid4().hex, "name": name, "func": function, "args": (), "kwargs": {}, "started": timezone.now()}
    return None, str(SignedPackage.dumps(task))
