"""What the django-q cluster runs."""

from __future__ import annotations

import os
import socket

from django.db import connection

from experiments.pipeline import drain

BEAT = """
INSERT INTO worker_heartbeats (cluster, beat_at) VALUES (%s, now())
ON CONFLICT (cluster) DO UPDATE SET beat_at = excluded.beat_at
WHERE worker_heartbeats.beat_at < now() - interval '1 second'
"""


def cluster_name() -> str:
    """Return host and process id of the cluster this worker belongs to."""
    return os.environ.get("ORCHESTRATOR_CLUSTER", f"{socket.gethostname()}:{os.getppid()}")


def drain_signals() -> int:
    """Beat the heart, then process what waits; harmless at any time and any number of times (R9.5)."""
    with connection.cursor() as cursor:
        cursor.execute(BEAT, (cluster_name(),))
    return drain()


def prune() -> None:
    """Forget heartbeats of clusters that are long gone, and django-q's record of failed tasks after a week.

    Nothing of the audit trail: what a signal failed with stands on the signal itself.
    """
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM worker_heartbeats WHERE beat_at < now() - interval '1 day'")
        cursor.execute("DELETE FROM django_q_task WHERE stopped < now() - interval '7 days'")
