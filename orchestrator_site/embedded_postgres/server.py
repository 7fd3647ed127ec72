"""One `postgres` process: start it, find out whether it answers, stop it."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

from orchestrator_site.embedded_postgres.cluster import clear_remains, start_error
from orchestrator_site.embedded_postgres.homes import Home
from orchestrator_site.embedded_postgres.places import (
    DATABASE,
    PORT,
    Place,
    make_socket_dir,
)

if TYPE_CHECKING:
    import psycopg

MAX_CONNECTIONS = 100
STOP_SECONDS = 60.0


class Server:
    """The `postgres` of a home, a child of this process; durable settings stay at their safe defaults."""

    def __init__(
        self, place: Place, home: Home, max_connections: int = MAX_CONNECTIONS
    ) -> None:
        self._place = place
        self._home = home
        self._max_connections = max_connections
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> None:
        """Clear what a crash left and start the process; it answers some time later."""
        clear_remains(self._home.data_dir)
        identity = self._home.identity
        make_socket_dir(self._place, identity.uid, identity.gid)
        with open(self._place.log_file, "ab") as log:
            self._log_start = log.tell()
            # In a group of its own, so that only the supervisor decides when it ends.
            self._process = identity.start(self._command(), log, new_group=True)

    def exit_code(self) -> int | None:
        """Return the exit code after the process ended (and is reaped), None while it runs."""
        return None if self._process is None else self._process.poll()

    def answers(self) -> bool:
        """Tell whether the server answers a query; create the database when it is missing."""
        import psycopg  # here: its import takes as long as the server needs to start, so start first

        try:
            # By autocommit, because CREATE DATABASE cannot run in a transaction.
            with psycopg.connect(
                self._place.url("postgres"), connect_timeout=5, autocommit=True
            ) as connection:
                _create_database(connection)
        except psycopg.OperationalError:
            return False
        return True

    def failure(self) -> Exception:
        """Return why the process ended, from what it wrote to the log."""
        with open(self._place.log_file, "rb") as log:
            log.seek(self._log_start)
            said = log.read().decode(errors="replace")
        return start_error(
            f"the embedded PostgreSQL ended with code {self.exit_code()}",
            said,
            self._home.data_dir,
        )

    def stop(self) -> None:
        """Stop the process and reap it: fast shutdown, after `STOP_SECONDS` an immediate one."""
        if self._process is None:
            return
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(number)
            try:
                self._process.wait(STOP_SECONDS)
                return
            except subprocess.TimeoutExpired:
                continue

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self._place.socket_dir),
            "unix_socket_permissions": "0700",
            "max_connections": str(self._max_connections),
            "timezone": "UTC",
            "log_timezone": "UTC",
            # To stderr, which is the log file that the supervisor opened: works for every identity.
            "logging_collector": "off",
        }
        command = [
            os.fspath(self._home.bin_dir / "postgres"),
            "-D",
            os.fspath(self._home.data_dir),
        ]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return command


def _create_database(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    from psycopg import sql

    found = connection.execute(
        "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)
    ).fetchone()
    if found is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE))
        )
