"""`manage.py up`: database, migrations, web and worker together."""

from __future__ import annotations

import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, connection

from kernel.process_group import RESTARTS_PER_MINUTE, ProcessGroup, Program

START_SECONDS = 60.0


class Command(BaseCommand):
    """Start everything; stop everything on SIGTERM or Ctrl-C."""

    help = "Run database, migrations, web and worker together until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take address and sizes."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default 8000)")
        parser.add_argument("--workers", type=int, default=1, help="processes that decide signals (default 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, start web and worker, report when ready, and watch them."""
        host, port = options["host"], options["port"]
        if options["workers"] < 1:
            raise CommandError("--workers takes 1 or more.")
        _refuse_used_port(host, port)
        _wait_for_database()
        call_command("migrate", interactive=False, verbosity=0)
        call_command("check", databases=["default"], verbosity=0)
        connection.close()
        group = ProcessGroup(_programs(options))
        signal.signal(signal.SIGTERM, group.stop)
        signal.signal(signal.SIGINT, group.stop)
        group.start()
        if self._wait_until_ready(host, port, group):
            self.stdout.write(f"Ready at http://{host}:{port}/admin/ (Ctrl-C stops everything).")
        group.watch()
        if group.given_up is not None:
            raise CommandError(
                f"The {group.given_up.name} program ended {RESTARTS_PER_MINUTE} times within a minute, so everything "
                "was stopped. The log above says why; mend that and start again."
            )

    def _wait_until_ready(self, host: str, port: int, group: ProcessGroup) -> bool:
        """Return whether /readyz said yes before the time was up or somebody stopped us."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and not group.stopping.wait(0.2):
            if any(p.process is not None and p.process.poll() is not None for p in group.programs):
                return False
            if _is_ready(f"http://{host}:{port}/readyz"):
                return True
        return False


def _programs(options: dict[str, Any]) -> list[Program]:
    manage = str(Path(settings.BASE_DIR) / "manage.py")
    web = [
        sys.executable, "-m", "orchestrator_site.web.server",
        "--host", options["host"], "--port", str(options["port"]), "--processes", str(settings.WEB_PROCESSES),
    ]  # fmt: skip
    path = {"PYTHONPATH": str(settings.BASE_DIR)}
    return [
        Program("web", web, path),
        Program("worker", [sys.executable, manage, "worker"], {**path, "WORKERS": str(options["workers"])}),
    ]


def _refuse_used_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise CommandError(f"Cannot listen on {host}:{port} ({error}); choose another with --port.") from error


def _wait_for_database() -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            connection.ensure_connection()
        except (DatabaseError, InterfaceError) as error:
            if time.monotonic() > deadline:
                raise CommandError(f"The database does not answer: {error}") from error
            time.sleep(1.0)
        else:
            return


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 (our own address)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
