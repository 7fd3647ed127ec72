"""How a worker shows that it is alive, and when it counts as hung: all of its times.

A heartbeat is written where the result of a drain arrives, so that it went through the whole chain: pusher, queue,
worker, queue back, monitor. Each can die in a way that stops the chain while django-q's own status stays green. A
monitor that is killed while it waits leaves its queue locked: nothing is acknowledged any more, and every scheduled
task comes back for ever.
"""

from __future__ import annotations

import os
import socket
from time import monotonic
from typing import Any

from django.db import DatabaseError, InterfaceError, connection

from kernel.events import WORKER_DATABASE_UNAVAILABLE

# In the processes of a cluster that a supervisor watches: its name.
SUPERVISED = "ORCHESTRATOR_CLUSTER"
# The dotted path of the task that processes what waits.
DRAIN = "experiments.worker.pipeline.drain_signals"
# Even without work a drain goes through the chain this often; under full load one takes up to 7 s.
HEARTBEAT_SECONDS = 4.0
# Drains come much more often while there is work; their heartbeats are written at most this often.
HEARTBEAT_SPACING_SECONDS = 1.0
# A cluster whose last heartbeat is older than this is hung, and is restarted.
STALE_SECONDS = 15.0
# One that has shown none since its start gets this long, because starting takes a few seconds. Pages call a worker
# missing after this time, too: by then it would have been restarted.
STARTING_SECONDS = 20.0
RESTART_PAUSE_SECONDS = 1.0
# A stop must be over within 5 s, even when the cluster hangs.
STOP_SECONDS = 4.0
# A worker that is silent for this long in the middle of a transaction hangs. The database ends its session, and what it
# had locked is free for others, on whatever host it runs.
HANG_LIMIT = "20s"
# One that is killed leaves behind what it has asked for: PostgreSQL would run it to its end, with its locks, beside
# what the next one asks for. So it looks now and then whether anybody is left to answer.
LEFT_LIMIT = "2s"

# Seconds since the last heartbeat of any cluster; null before the first.
HEARTBEAT_AGE = "SELECT extract(epoch FROM now() - max(heartbeat_at))::float8 FROM worker_heartbeats"
HEARTBEAT_AGE_OF_CLUSTER = f"{HEARTBEAT_AGE} WHERE cluster = {{}}"
WRITE_HEARTBEAT = """
INSERT INTO worker_heartbeats (cluster, heartbeat_at) VALUES (%(cluster)s, now())
ON CONFLICT (cluster) DO UPDATE SET heartbeat_at = now()
"""


def no_progress(heartbeat_age: float, *, since_start: float) -> str | None:
    """For how many seconds a cluster has shown no heartbeat, if that is too long; None while all is well.

    Both arguments are seconds; `heartbeat_age` is infinite before the first.
    """
    limit = STALE_SECONDS if heartbeat_age < since_start else STARTING_SECONDS
    quiet = min(heartbeat_age, since_start)
    return f"no progress for {quiet:.0f} s" if quiet > limit else None


class Heartbeat:
    """Writes a heartbeat for every drain that succeeded, at most once a second."""

    def __init__(self) -> None:
        self._last = -HEARTBEAT_SPACING_SECONDS

    def task_executed(self, sender: object, task: dict[str, Any], **_: object) -> None:
        """Handle django-q's `post_execute`, in the monitor; an unavailable database only delays the heartbeat."""
        is_drain = task.get("func") == DRAIN and task.get("success")
        if not is_drain or monotonic() - self._last < HEARTBEAT_SPACING_SECONDS:
            return
        # Set by the supervisor in the process that all of the cluster descend from.
        cluster = os.environ.get(SUPERVISED, f"{socket.gethostname()}:{os.getppid()}")
        try:
            connection.close_if_unusable_or_obsolete()
            with connection.cursor() as cursor:
                cursor.execute(WRITE_HEARTBEAT, {"cluster": cluster})
        except (DatabaseError, InterfaceError) as error:
            # Whatever leaves a handler of this signal would end the monitor.
            WORKER_DATABASE_UNAVAILABLE.log(error=str(error))
            connection.close()
        else:
            self._last = monotonic()


heartbeat = Heartbeat()
