"""`manage.py up`: database, migrations, web and worker together."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from kernel.process_group import RESTARTS_PER_MINUTE, ProcessGroup, Program
from kernel.processes import answers_ok, port_error
from orchestrator_site.database_roles import may_migrate
from orchestrator_site.web.server import web_programs

# The first start makes the embedded database's files and every table.
START_SECONDS = 60.0
# The worker's supervisor asks the database each second, and waits for the answer of a slow one.
WORKER_PATIENCE_SECONDS = 10.0


class Command(BaseCommand):
    """Start everything; stop everything on SIGTERM or Ctrl-C."""

    help = "Migrate the database, then run web server and worker until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define where to listen and how many workers to run."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default 8000)")
        parser.add_argument(
            "--workers", type=int, default=settings.WORKERS,
            help="processes that decide signals (default: the setting WORKERS)",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, start web server and worker, say when they are ready, and watch them."""
        host, port, workers = options["host"], options["port"], options["workers"]
        if workers < 1:
            raise CommandError("--workers must be 1 or more.")
        if (error := port_error(host, port)) is not None:
            raise CommandError(f"Cannot listen on {host}:{port} ({error}). Choose another port with --port.")
        self._wait_for_database()
        # Of two that start at once on a new database the second waits, and finds nothing left to do. The lock ends with
        # its transaction: one of a session would stay behind in a pooler.
        guard = connection.copy()
        guard.set_autocommit(autocommit=False)
        with guard.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('orchestrator migrations'))")
        self._migrate()
        # With the database named: else Django skips the checks that ask it.
        call_command("check", databases=["default"], verbosity=0)
        # From here on this process only watches; an idle session would cost one of max_connections.
        guard.close()
        connection.close()
        worker = Program(
            "worker",
            [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "worker"],
            {"WORKERS": str(workers)},
            must_beat=True,
            patience=WORKER_PATIENCE_SECONDS,
        )
        with web_programs(host, port, settings.WEB_PROCESSES) as web:
            group = ProcessGroup([*web, worker])
            signal.signal(signal.SIGTERM, group.stop)
            signal.signal(signal.SIGINT, group.stop)
            group.start()
            deadline = time.monotonic() + START_SECONDS
            while group.goes_on() and time.monotonic() < deadline:
                if answers_ok(f"http://{host}:{port}/readyz"):
                    self.stdout.write(f"Ready at http://{host}:{port}/admin/. Press Ctrl-C to stop.")
                    # A pipe to the journal would keep it to the end.
                    self.stdout.flush()
                    break
            group.watch()
        if group.failed is not None:
            raise CommandError(
                f"The {group.failed.name} program ended {RESTARTS_PER_MINUTE} times within a minute, so everything "
                "was stopped. See the log above for the reason, fix it and start again."
            )

    def _migrate(self) -> None:
        """Migrate where this may; where somebody else does, see that it is done."""
        if may_migrate():
            call_command("migrate", interactive=False, verbosity=0)
            # What follows is the application, which has no use for the owner's password.
            os.environ.pop("MIGRATION_DATABASE_URL", None)
            return
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError(
                "The database is not migrated and DATABASE_URL's role owns nothing: run manage.py migrate with "
                "MIGRATION_DATABASE_URL first."
            )

    def _wait_for_database(self) -> None:
        """Wait until the database accepts a session; a server that starts with us needs a moment."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                connection.ensure_connection()
            except (DatabaseError, InterfaceError) as error:
                if time.monotonic() > deadline:
                    raise CommandError(f"Cannot connect to the database: {error}") from error
                time.sleep(1.0)
            else:
                return
