"""The PostgreSQL 18 of a checkout that has no DATABASE_URL.

`ensure_running(data_dir)` starts the server when nobody has, shares it when somebody has, and returns its URL. Nothing
happens on import, and Django is not needed.

The parts, in the order a start passes them:

1. `holder.py`: the process that uses the database. Keeps one connection to the supervisor for as long as it lives.
2. `control.py`: how it reaches the supervisor, and what it waits for.
3. `launcher.py`: a short-lived process that takes the lock of the data folder and leaves a detached supervisor behind.
4. `supervisor.py`: parent of `postgres`. Restarts it after a crash, stops it when the last holder is gone.
5. `server.py`: one `postgres` child: start, readiness by a real query, stop.
6. `places.py`, `homes.py`, `identity.py`, `binaries.py`: where files lie, which programs run, and as whom.
7. `cluster.py`, `processes.py`, `guard.py`: create the data folder, clear what a crash left, leave no orphan.
"""

from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.holder import ensure_running, release

__all__ = ["EmbeddedPostgresError", "ensure_running", "release"]
