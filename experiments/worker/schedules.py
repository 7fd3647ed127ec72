"""The django-q schedules: what runs every minute, apart from what decides (`experiments.worker.tasks`)."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection, transaction
from django_q.models import Schedule

from kernel.sql import load


def prune() -> None:
    """Delete heartbeats of clusters that are long gone, and django-q's record of failed tasks after a week.

    Nothing of the audit trail: what a signal failed with stays on the signal itself.
    """
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM worker_heartbeats WHERE heartbeat_at < now() - interval '1 day'")
        cursor.execute("DELETE FROM django_q_task WHERE stopped < now() - interval '7 days'")


COUNT_DECISION_TIMES = load(__file__, "decision_times.sql")


def count_decision_times() -> None:
    """Count how long the decisions since the last time took, for `/metrics`."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Of two that count at once the second finds nothing left.
        cursor.execute("LOCK TABLE decision_times IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(COUNT_DECISION_TIMES)


# Name of each schedule and dotted path of its function; apps above add theirs, see `run_every_minute`.
EVERY_MINUTE = {
    "index the words of deliveries": "signals_app.inbox.searching.index_words",
    "activate due policy drafts": "policies.tasks.activate_due_drafts",
    "count how long decisions took": f"{count_decision_times.__module__}.{count_decision_times.__qualname__}",
    "prune what only monitoring reads": f"{prune.__module__}.{prune.__qualname__}",
}


def run_every_minute(name: str, function: Callable[[], object]) -> None:
    """Add a schedule of an app above; called once, when the apps are ready."""
    EVERY_MINUTE[name] = f"{function.__module__}.{function.__qualname__}"


def ensure_schedules() -> None:
    """Create the schedules that are missing; safe to call from many processes."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Schedule names are not unique in django-q2: two workers that start together would create two.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('orchestrator schedules'))")
        for name, function in EVERY_MINUTE.items():
            Schedule.objects.get_or_create(
                name=name, defaults={"func": function, "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1}
            )
