"""The heartbeat of a cluster: written where the result of a drain arrives, so that it went through the whole chain.

Pusher, queue, worker, queue back, monitor: each can die in a way that stops the chain while django-q's own
status stays green. A monitor that is killed while it waits leaves its queue locked: nothing is acknowledged
any more, and every scheduled task comes back for ever.
"""

from __future__ import annotations

import os
import socket
from time import monotonic
from typing import Any

from django.db import DatabaseError, InterfaceError, connection

from kernel.events import WORKER_DATABASE_UNAVAILABLE

DRAIN = "experiments.worker.tasks.drain_signals"
BEAT_EVERY_SECONDS = 1.0
BEAT = """
INSERT INTO worker_heartbeats (cluster, beat_at) VALUES (%(cluster)s, now())
ON CONFLICT (cluster) DO UPDATE SET beat_at = now()
"""


def cluster_name() -> str:
    """Return host and process id of the cluster this process belongs to."""
    return os.environ.get("ORCHESTRATOR_CLUSTER", f"{socket.gethostname()}:{os.getppid()}")


class Heart:
    """Beats for every drain that succeeded, at most once a second."""

    def __init__(self) -> None:
        self._last = -BEAT_EVERY_SECONDS

    def drained(self, sender: object, task: dict[str, Any], **_: object) -> None:
        """Handle django-q's `post_execute`, in the monitor; a database that is away only delays the beat."""
        if task.get("func") != DRAIN or not task.get("success") or monotonic() - self._last < BEAT_EVERY_SECONDS:
            return
        try:
            connection.close_if_unusable_or_obsolete()
            with connection.cursor() as cursor:
                cursor.execute(BEAT, {"cluster": cluster_name()})
        except (DatabaseError, InterfaceError) as error:
            # Whatever leaves a handler of this signal would end the monitor.
            WORKER_DATABASE_UNAVAILABLE.log(error=str(error))
            connection.close()
        else:
            self._last = monotonic()


heart = Heart()
