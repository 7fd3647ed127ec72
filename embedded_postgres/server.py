"""One `postgres`: create its cluster, start it, ask whether it answers, stop it, leave no orphan."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

from embedded_postgres.data_folder import clear_remains, end_processes, give_to, has_cluster
from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.identity import Home
from embedded_postgres.place import APPLICATION, DATABASE, OWNER, PORT, Place

STOP_SECONDS = 60.0
# PostgreSQL 18 that is asked for a fast shutdown while it recovers from the crash of one of its processes never ends.
RECOVERY_SECONDS, RECOVERY_LOOK_SECONDS = 10.0, 0.02
# The builtin provider sorts and folds case alike on Linux and macOS; the operating system's C.UTF-8 may be missing.
INITDB_OPTIONS = (
    f"--username={OWNER}",
    "--auth-local=trust",
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)
# Words by which a line of PostgreSQL's output explains a failure.
EXPLAINING = ("FATAL", "PANIC", "error:", "DETAIL", "HINT")
# `read` returns at the end of file, which comes when the last writer of the pipe is gone, kill -9 included.
WAIT_THEN_STOP = 'read -r _; kill -INT "$1"'


class Guard:
    """Asks a process for a fast shutdown when the process that created the guard dies.

    For macOS, where the kernel cannot tie a child's life to its parent's; on Linux `Identity.start` does.
    """

    def __init__(self, pid: int) -> None:
        reader, self._writer = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - fixed script, a number as argument
                ["/bin/sh", "-c", WAIT_THEN_STOP, "sh", str(pid)], stdin=reader, cwd="/", start_new_session=True
            )
        finally:
            os.close(reader)

    def dismiss(self) -> None:
        """End the guard without a signal; the guarded process has ended, and its number may go to another."""
        self._process.kill()
        self._process.wait()
        os.close(self._writer)


class Server:
    """The `postgres` of a home, a child of this process; durable settings stay at their safe defaults."""

    def __init__(self, place: Place, home: Home, max_connections: int) -> None:
        self._place = place
        self._home = home
        self._max_connections = max_connections
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None
        self._log_start = 0
        self._has_answered = False

    def prepare_data(self, *, may_create: bool) -> None:
        """Take the data directory into use, or create it; raise EmbeddedPostgresError when it is gone or not ours."""
        data_dir, identity = self._home.data_dir, self._home.identity
        if has_cluster(data_dir):
            give_to(data_dir, identity.uid, identity.gid)
        elif may_create:
            self.create_cluster()
        else:
            raise EmbeddedPostgresError(
                "data_gone",
                f"The data directory of the running embedded PostgreSQL is gone: {data_dir}.",
                "Put it back, or stop all processes of this checkout and start again with an empty database.",
            )

    def create_cluster(self) -> None:
        """Create the data directory (mode 0700) in one step: an interrupted attempt leaves nothing that looks like one.

        Raise EmbeddedPostgresError with initdb's own words.
        """
        data_dir, identity = self._home.data_dir, self._home.identity
        unfinished = data_dir.with_name(data_dir.name + ".initdb")
        if unfinished.exists():
            end_processes(unfinished)
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, identity.uid, identity.gid)
        name = unfinished if self._home.name == data_dir else self._home.name
        with self._place.log_file.open("ab") as log:
            self._log_start = log.tell()
            code = identity.start([self._home.bin_dir / "initdb", *INITDB_OPTIONS, "-D", name], log, unfinished).wait()
        if code != 0:
            shutil.rmtree(unfinished)
            raise self._error("initdb could not create the database", self._logged())
        unfinished.rename(data_dir)

    def start(self) -> None:
        """Clear what a crash left and start the process; it answers some time later."""
        clear_remains(self._home.data_dir)
        identity = self._home.identity
        self._place.create_socket_dir(identity.uid, identity.gid)
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
        self._has_answered = False
        with self._place.log_file.open("ab") as log:
            self._log_start = log.tell()
            self._process = identity.start(command, log, self._home.data_dir)
        if sys.platform != "linux":
            self._guard = Guard(self._process.pid)

    def exit_code(self) -> int | None:
        """The exit code after the process ended (and is reaped), None while it runs."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is not None and self._guard is not None:
            self._guard.dismiss()
            self._guard = None
        return code

    def answers(self) -> bool:
        """Whether the server answers a query; create the database and the application's role when they are missing.

        Raise EmbeddedPostgresError when the server answers and one of them cannot be created.
        """
        import psycopg  # here: its import takes as long as the server needs to start, so start first
        from psycopg import sql

        try:
            # By autocommit, because CREATE DATABASE cannot run in a transaction.
            connection = psycopg.connect(self._place.url("postgres"), connect_timeout=5, autocommit=True)
        except psycopg.OperationalError:
            return False
        with connection:
            try:
                if not connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchall():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
                if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (APPLICATION,)).fetchall():
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(APPLICATION)))
            except psycopg.Error as error:
                if connection.broken:  # the server crashed under us: not ready after all
                    return False
                raise self._error("the database cannot be created", f"error: {error}") from error
        self._has_answered = True
        return True

    def failure(self) -> EmbeddedPostgresError:
        """Why the process ended, from what it wrote to the log."""
        return self._error(f"the embedded PostgreSQL exited with code {self.exit_code()}", self._logged())

    def stop(self) -> None:
        """Stop the process and reap it: fast shutdown, after `STOP_SECONDS` an immediate one."""
        ends = time.monotonic() + RECOVERY_SECONDS
        while self._has_answered and self.exit_code() is None and not self._accepts() and time.monotonic() < ends:
            time.sleep(RECOVERY_LOOK_SECONDS)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self._process is None or self.exit_code() is not None:
                return
            self._process.send_signal(number)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue

    def _accepts(self) -> bool:
        """Whether the server, which has answered before, takes connections."""
        import psycopg

        try:
            psycopg.connect(self._place.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _logged(self) -> str:
        """What was logged since the last start."""
        with self._place.log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def _error(self, doing: str, output: str) -> EmbeddedPostgresError:
        """Turn the last words of a PostgreSQL program into an error with advice."""
        explaining = [line.strip() for line in output.splitlines() if any(mark in line for mark in EXPLAINING)]
        reason = " ".join(explaining[-4:]) or " ".join(output.split())[-500:] or "it printed nothing"
        if "No space left on device" in output:
            return EmbeddedPostgresError(
                "disk_full",
                f"The disk is full: {doing} ({reason}).",
                f"Free space on the file system of {self._home.data_dir}; committed data is safe. "
                "Or set DATABASE_URL to a PostgreSQL server.",
            )
        return EmbeddedPostgresError(
            "start_failed",
            f"{doing[0].upper()}{doing[1:]}: {reason}.",
            f"See {self._place.log_file}, or set DATABASE_URL to a PostgreSQL server.",
        )
