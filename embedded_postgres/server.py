"""One `postgres` process: start it, find out whether it answers, stop it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from embedded_postgres.cluster import clear_remains, start_error
from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.guard import Guard
from embedded_postgres.homes import Home
from embedded_postgres.places import DATABASE, PORT, Place, make_socket_dir

if TYPE_CHECKING:
    import psycopg

STOP_SECONDS = 60.0


class Server:
    """The `postgres` of a home, a child of this process; durable settings stay at their safe defaults."""

    def __init__(self, place: Place, home: Home, max_connections: int) -> None:
        self._place = place
        self._home = home
        self._max_connections = max_connections
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None
        self._log_start = 0

    def start(self) -> None:
        """Clear what a crash left and start the process; it answers some time later."""
        clear_remains(self._home.data_dir)
        identity = self._home.identity
        make_socket_dir(self._place, identity.uid, identity.gid)
        with self._place.log_file.open("ab") as log:
            self._log_start = log.tell()
            self._process = identity.start(self._command(), log, self._home.data_dir)
        if sys.platform != "linux":
            self._guard = Guard(self._process.pid)

    def exit_code(self) -> int | None:
        """Return the exit code after the process ended (and is reaped), None while it runs."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is not None and self._guard is not None:
            self._guard.dismiss()
            self._guard = None
        return code

    def answers(self) -> bool:
        """Tell whether the server answers a query; create the database when it is missing.

        Raise EmbeddedPostgresError when the server answers and the database cannot be created.
        """
        import psycopg  # here: its import takes as long as the server needs to start, so start first

        try:
            # By autocommit, because CREATE DATABASE cannot run in a transaction.
            connection = psycopg.connect(self._place.url("postgres"), connect_timeout=5, autocommit=True)
        except psycopg.OperationalError:
            return False
        with connection:
            try:
                _create_database(connection)
            except psycopg.Error as error:
                if connection.broken:  # the server crashed under us: not ready after all
                    return False
                raise self._error("the database cannot be created", f"error: {error}") from error
        return True

    def failure(self) -> EmbeddedPostgresError:
        """Return why the process ended, from what it wrote to the log."""
        with self._place.log_file.open("rb") as log:
            log.seek(self._log_start)
            said = log.read().decode(errors="replace")
        return self._error(f"the embedded PostgreSQL ended with code {self.exit_code()}", said)

    def stop(self) -> None:
        """Stop the process and reap it: fast shutdown, after `STOP_SECONDS` an immediate one."""
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self._process is None or self.exit_code() is not None:
                return
            self._process.send_signal(number)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue

    def _error(self, doing: str, said: str) -> EmbeddedPostgresError:
        return start_error(doing, said, self._home.data_dir)

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
        command = [os.fspath(self._home.bin_dir / "postgres"), "-D", os.fspath(self._home.name)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return command


def _create_database(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    from psycopg import sql

    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
    if found is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
