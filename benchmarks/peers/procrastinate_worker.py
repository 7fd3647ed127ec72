"""The procrastinate peer: one job per signal, the same work as the django-q2 peer."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from uuid import UUID

import procrastinate

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ.get("DATABASE_URL", "")))
# Jobs of one worker process that run at the same time; its best of 1, 10 and 50.
CONCURRENCY = 10


@app.task(name="decide")
def decide(signal_id: str) -> None:
    """Decide one signal in a thread of the worker."""
    from benchmarks.peers.tasks import decide_with_models

    decide_with_models(signal_id)


def install() -> None:
    """Create procrastinate's tables."""
    with app.replace_connector(_connector()) as here, here.open():
        here.schema_manager.apply_schema()


def defer(signal_ids: Sequence[UUID]) -> None:
    """Queue one job per signal."""
    with app.replace_connector(_connector()) as here, here.open():
        decide.batch_defer(*({"signal_id": str(signal_id)} for signal_id in signal_ids))


def _connector() -> procrastinate.SyncPsycopgConnector:
    return procrastinate.SyncPsycopgConnector(conninfo=os.environ["DATABASE_URL"])


def main() -> None:
    """Run one worker until SIGTERM."""
    import django

    django.setup()
    # Its own lines, like django-q2's in the product's settings, from warnings on.
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    app.run_worker(concurrency=CONCURRENCY, delete_jobs="successful")


if __name__ == "__main__":
    main()
