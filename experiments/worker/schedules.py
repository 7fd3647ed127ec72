"""The django-q schedules: what runs every minute even if nothing else wakes the cluster."""

from __future__ import annotations

from django.db import connection, transaction
from django_q.models import Schedule

# Name and function of each. Dotted paths, because outcomes is above this app.
EVERY_MINUTE = {
    "sweep pending signals": "experiments.worker.tasks.drain_signals",
    "activate due policy drafts": "policies.tasks.activate_due_drafts",
    "expire exit directives": "outcomes.tasks.expire_directives",
    "prune what only monitoring reads": "experiments.worker.tasks.prune",
}


def ensure_schedules() -> None:
    """Create the schedules that are missing; safe to call from many processes."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Schedule names are not unique in django-q2: two workers that start together would make two.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('orchestrator schedules'))")
        for name, function in EVERY_MINUTE.items():
            Schedule.objects.get_or_create(
                name=name, defaults={"func": function, "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1}
            )
