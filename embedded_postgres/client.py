"""The side of the process that uses the database: start or find the supervisor, and hold it for as long as we live."""

from __future__ import annotations

import atexit
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.place import Place

log = logging.getLogger("orchestrator.embedded_postgres")

MAX_CONNECTIONS = 100
LONGEST_PAUSE_SECONDS = 30.0
# Crash recovery of a large database takes its time; it goes on when we stop waiting.
READY_SECONDS = 180.0
ATTEMPTS = 5
LONGEST_PROBE_SECONDS = 0.5


def ensure_running(data_dir: Path, *, max_connections: int = MAX_CONNECTIONS) -> str:
    """Start the embedded PostgreSQL of a data directory unless it runs; the URL of its database `orchestrator`.

    The first call in a process waits until the server has answered a query and keeps it running for as long as this
    process lives, ended by kill -9 or not; later calls cost next to nothing. A forked child keeps it running, too, and
    becomes a client in its own right by its first call. `max_connections` counts for the process that starts the
    server. Raise EmbeddedPostgresError with advice when there can be no server.
    """
    if sys.platform == "win32":
        raise EmbeddedPostgresError(
            "platform",
            "The embedded PostgreSQL runs on Linux and macOS only.",
            "Set DATABASE_URL to a PostgreSQL server.",
        )
    return _registry.client(Place.of(data_dir), max_connections).attach(may_create=True)


def release(data_dir: Path) -> None:
    """Stop holding the server of a data directory; it stops soon after its last client did. Do nothing if not held."""
    _registry.release(Place.of(data_dir))


def connect(place: Place, max_connections: int, *, may_create: bool) -> socket.socket:
    """A connection to the supervisor, started if need be, after its server has answered a query.

    Raise EmbeddedPostgresError when there can be no server.
    """
    for _ in range(ATTEMPTS):
        connection = open_control_socket(place)
        if connection is None:
            launch(place, max_connections, may_create=may_create)
            continue
        try:
            is_served = wait_for_server(connection, place)
        except BaseException:
            connection.close()
            raise
        if is_served:
            return connection
        connection.close()  # it was about to leave
    raise EmbeddedPostgresError(
        "supervisor_ended",
        "The supervisor of the embedded PostgreSQL keeps exiting without an error message.",
        f"See {place.log_file}, or set DATABASE_URL to a PostgreSQL server.",
    )


def open_control_socket(place: Place) -> socket.socket | None:
    """Connect to the supervisor of a place; None when there is none."""
    if not place.runtime_dir_exists():
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(READY_SECONDS)
    try:
        connection.connect(os.fspath(place.control_socket))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise EmbeddedPostgresError(
            "not_reachable",
            f"The supervisor of the embedded PostgreSQL cannot be reached: {error}.",
            "Stop all programs of this checkout and start again, or set DATABASE_URL to a PostgreSQL server.",
        ) from error
    return connection


def launch(place: Place, max_connections: int, *, may_create: bool) -> None:
    """Run the launcher, `__main__.py`, to its end; raise the error it prints."""
    command = [sys.executable, "-m", "embedded_postgres", os.fspath(place.data_dir)]
    command += ["--max-connections", str(max_connections), *(["--may-create"] if may_create else [])]
    paths = [os.fspath(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    result = subprocess.run(  # noqa: S603 - our own module
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode == 0:
        return
    try:
        error = EmbeddedPostgresError.from_json(result.stdout)
    except ValueError:
        error = EmbeddedPostgresError(
            "launch_failed",
            f"The supervisor of the embedded PostgreSQL could not be started: {result.stderr.strip()[-2000:]}",
            "Check the Python installation, or set DATABASE_URL to a PostgreSQL server.",
        )
    raise error


def wait_for_server(connection: socket.socket, place: Place) -> bool:
    """Wait until the supervisor says that its server is ready; False when it closed the connection instead.

    Raise the EmbeddedPostgresError that it sends when its server cannot start.
    """
    received = b""
    try:
        while not received.endswith(b"\n"):
            part = connection.recv(65536)
            if not part:
                return False
            received += part
    except TimeoutError:
        raise EmbeddedPostgresError(
            "not_ready",
            f"The embedded PostgreSQL was not ready after {READY_SECONDS:.0f} s; it may be recovering from a crash.",
            f"Follow {place.log_file} and start again once it says that the server is ready, "
            "or set DATABASE_URL to a PostgreSQL server.",
        ) from None
    except ConnectionError:
        return False
    connection.settimeout(None)
    if "ready" not in json.loads(received):
        raise EmbeddedPostgresError.from_json(received.decode())
    wait_for_query(place)
    return True


def wait_for_query(place: Place) -> None:
    """Wait until a query from this process succeeds: the supervisor may not have noticed a crash yet."""
    import psycopg  # here: importing this module must be cheap and possible without psycopg

    deadline = time.monotonic() + READY_SECONDS
    pause = 0.02
    while True:
        try:
            with psycopg.connect(place.url(), connect_timeout=5) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    "not_ready",
                    f"The embedded PostgreSQL is running but does not answer: {error}.",
                    f"See {place.log_file}, or set DATABASE_URL to a PostgreSQL server.",
                ) from error
        else:
            return
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PROBE_SECONDS)


class Client:
    """One process's connection to the supervisor, renewed by a thread when the supervisor dies."""

    def __init__(self, place: Place, max_connections: int) -> None:
        self._place = place
        self._max_connections = max_connections
        self._lock = threading.Lock()
        self._closed = False
        self.connection: socket.socket | None = None

    def attach(self, *, may_create: bool) -> str:
        """Connect to the supervisor, start one if there is none, wait until the server answers; its URL."""
        with self._lock:
            if self.connection is None and not self._closed:
                connection = connect(self._place, self._max_connections, may_create=may_create)
                self.connection = connection
                # A thread, because nobody else notices the supervisor's death while this process computes or sleeps.
                threading.Thread(target=self._watch, args=(connection,), name="embedded-postgres", daemon=True).start()
        return self._place.url()

    def close(self) -> None:
        """Leave the supervisor; the thread ends."""
        self._closed = True
        with self._lock:
            if self.connection is not None:
                self._leave(self.connection)

    def _leave(self, connection: socket.socket) -> None:
        try:
            connection.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads; close alone does not
        except OSError:
            log.debug("The supervisor has closed the connection already.")
        connection.close()
        if self.connection is connection:
            self.connection = None

    def _watch(self, connection: socket.socket) -> None:
        """Wait until the supervisor dies, then attach again (to a new one), with growing pauses when that fails."""
        try:
            while connection.recv(4096):
                pass
        except OSError:
            # Reset by the supervisor's death, or closed by this process: the end as well.
            log.debug("The connection to the supervisor was reset.")
        with self._lock:
            self._leave(connection)
        pause = 0.1
        while not self._closed:
            try:
                self.attach(may_create=False)
            except EmbeddedPostgresError as error:
                log.warning("The embedded PostgreSQL could not be restarted: %s", error)
            else:
                return
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


class Registry:
    """The clients of this process, one a data directory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[Path, Client] = {}
        self._inherited: list[socket.socket] = []
        self._hooks_installed = False

    def client(self, place: Place, max_connections: int) -> Client:
        """The client of a place, created at its first use."""
        with self._lock:
            # At the first use and not on import, which has no side effects.
            if not self._hooks_installed:
                self._hooks_installed = True
                atexit.register(self.release_all)
                os.register_at_fork(after_in_child=self.forget_parent)
            return self._clients.setdefault(place.data_dir, Client(place, max_connections))

    def release(self, place: Place) -> None:
        """Close the client of a place, if there is one."""
        with self._lock:
            client = self._clients.pop(place.data_dir, None)
        if client is not None:
            client.close()

    def release_all(self) -> None:
        """Close every client, at the end of the process."""
        with self._lock:
            clients = list(self._clients.values())
            self._clients.clear()
        for client in clients:
            client.close()

    def forget_parent(self) -> None:
        """Start anew in a forked child, where the parent's locks may be held and its threads are missing.

        The parent's connections stay open: the child may use the database without calling `ensure_running`.
        """
        self._lock = threading.Lock()
        self._inherited += [held for client in self._clients.values() if (held := client.connection) is not None]
        self._clients.clear()


_registry = Registry()
