"""The one lock under which an experiment's trades and exits are written."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection

from experiments.models import ExecutionDecision


def lock_experiment(experiment_id: UUID) -> ExecutionDecision:
    """Lock the experiment until the transaction ends and return its decision with the pinned policy.

    It closes this interleaving: the real exit looks for a shadow and finds none, the shadow opens
    and finds no exit, both commit, and the shadow is never closed. Everything that opens, closes or
    settles locks here first, so that there is one order and no deadlock.
    """
    return (
        ExecutionDecision.objects.select_for_update(of=("self",), no_key=True)
        .select_related("policy_version")
        .get(pk=experiment_id)
    )


def database_time() -> datetime:
    """Return the database's clock now, not at the start of the transaction, which may have waited for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
