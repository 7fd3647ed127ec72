"""`manage.py worker`: a django-q cluster that decides signals, kept alive and moving."""

from __future__ import annotations

import signal
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from experiments.worker.schedules import ensure_schedules
from experiments.worker.supervisor import ClusterSupervisor
from kernel.checks import SETTINGS
from kernel.events import WORKER_WAITING
from kernel.processes import beat
from policies.drafts import activate_due_drafts


class Command(BaseCommand):
    """Run the worker; start as many as you like, on as many hosts as you like."""

    # Those of URLs would load every page, and what pages need, into the memory of a worker.
    requires_system_checks = [SETTINGS]
    help = "Decide signals. Any number of workers can run against one database."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how long to wait for the database."""
        parser.add_argument("--wait", type=float, default=60.0, help="seconds to wait for the database (default 60)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait for the database, then run until SIGTERM or Ctrl-C."""
        supervisor = ClusterSupervisor()
        signal.signal(signal.SIGTERM, supervisor.stop)
        signal.signal(signal.SIGINT, supervisor.stop)
        # django-q hangs without a database that has its tables.
        deadline = time.monotonic() + options["wait"]
        while not supervisor.stopping.is_set():
            beat()
            try:
                connection.close_if_unusable_or_obsolete()
                executor = MigrationExecutor(connection)
            except (DatabaseError, InterfaceError) as error:
                problem = f"The database is unavailable: {error}"
            else:
                if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
                    break
                problem = "Migrations are missing; run `manage.py migrate`."
            if time.monotonic() > deadline:
                raise CommandError(problem)
            WORKER_WAITING.log(reason=problem)
            supervisor.stopping.wait(1.0)
        if supervisor.stopping.is_set():
            return
        ensure_schedules()
        # What was due while nothing ran comes into force before anything is decided.
        activate_due_drafts()
        supervisor.run()
