"""The PostgreSQL 18 of a checkout that has no DATABASE_URL.

`ensure_running(data_dir)` starts the server when nobody has, shares it when somebody has, and returns its URL. Nothing
happens on import, and Django is not needed.

The parts, in the order a start passes them:

1. `holder.py`: the process that uses the database. Keeps one connection to the supervisor for as long as it lives.
2. `launcher.py`: a short-lived process that takes the lock of the data folder and leaves a detached supervisor behind.
3. `supervisor.py`: parent of `postgres`. Restarts it after a crash, stops it when the last holder is gone.
4. `server.py`: one `postgres` child: start, readiness by a real query, stop.
5. `cluster.py`, `homes.py`, `identity.py`, `binaries.py`, `places.py`, `processes.py`: where files lie, who owns them, what is left from before.
"""

from orchestrator_site.embedded_postgres.errors import EmbeddedPostgresError
from orchestrator_site.embedded_postgres.holder import ensure_running, release

__all__ = ["EmbeddedPostgresError", "ensure_running", "release"]
