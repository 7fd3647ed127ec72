"""The side of the process that uses the database."""

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

from orchestrator_site.embedded_postgres.errors import EmbeddedPostgresError
from orchestrator_site.embedded_postgres.places import Place, runtime_dir_exists

log = logging.getLogger("orchestrator.embedded_postgres")

MAX_CONNECTIONS = 100
# Crash recovery of a large database takes its time; it goes on when we stop waiting.
READY_SECONDS = 180.0
ATTEMPTS = 5
LONGEST_PAUSE_SECONDS = 30.0

_guard = threading.Lock()
_holders: dict[Path, Holder] = {}
_inherited: list[socket.socket] = []
_hooks_installed = False


def ensure_running(data_dir: Path, *, max_connections: int = MAX_CONNECTIONS) -> str:
    """Make sure the embedded PostgreSQL of a data folder runs; return the URL of its database `orchestrator`.

    The first call in a process waits until the server has answered a query and keeps it running for as long as this
    process lives, kill -9 included; later calls cost nothing. A forked child keeps it running, too, and becomes a
    holder in its own right by its first call. `max_connections` counts for the process that starts the server. Raise
    EmbeddedPostgresError with advice when there can be no server.
    """
    _refuse_windows()
    place = Place.of(data_dir)
    with _guard:
        _install_hooks()
        holder = _holders.get(place.data_dir)
        if holder is None:
            holder = _holders[place.data_dir] = Holder(place, max_connections)
    holder.attach(may_create=True)
    return place.url()


def release(data_dir: Path) -> None:
    """Stop holding the server of a data folder; it stops a second after its last holder did. Do nothing if not held."""
    with _guard:
        holder = _holders.pop(Place.of(data_dir).data_dir, None)
    if holder is not None:
        holder.close()


class Holder:
    """One process's connection to the supervisor, renewed by a thread when the supervisor dies."""

    def __init__(self, place: Place, max_connections: int) -> None:
        self._place = place
        self._max_connections = max_connections
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._closed = False

    def attach(self, *, may_create: bool) -> None:
        """Connect to the supervisor, start one if there is none, and wait until the server answers."""
        with self._lock:
            if self._connection is None and not self._closed:
                self._connection = _connect(
                    self._place, self._max_connections, may_create=may_create
                )
                # A thread, because nobody else notices the death of the supervisor while this process waits or computes.
                threading.Thread(
                    target=self._watch,
                    args=(self._connection,),
                    name="embedded-postgres",
                    daemon=True,
                ).start()

    def close(self) -> None:
        """Leave the supervisor; the thread ends."""
        self._closed = True
        with self._lock:
            if self._connection is not None:
                self._connection.shutdown(socket.SHUT_RDWR)
                self._connection.close()
                self._connection = None

    def inherited(self) -> socket.socket | None:
        """Return the connection to keep open in a forked child, which has no thread."""
        return self._connection

    def _watch(self, connection: socket.socket) -> None:
        """Wait until the supervisor dies, then attach again (to a new one), with growing pauses when that fails."""
        try:
            while connection.recv(4096):
                pass
        except OSError:
            pass  # closed by us or reset: either way it is over
        with self._lock:
            connection.close()
            if self._connection is connection:
                self._connection = None
        pause = 0.1
        while not self._closed:
            try:
                self.attach(may_create=False)
                return
            except EmbeddedPostgresError as error:
                log.error(
                    "embedded_postgres.restart_failed",
                    extra={"code": error.code, "error": str(error)},
                )
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _connect(place: Place, max_connections: int, *, may_create: bool) -> socket.socket:
    for _ in range(ATTEMPTS):
        connection = _connect_control(place)
        if connection is None:
            _launch(place, max_connections, may_create=may_create)
            continue
        try:
            answer = _read_line(connection, place)
            if answer:
                _check(answer)
                _wait_for_query(place)
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()  # the supervisor was about to leave: start the next
    raise EmbeddedPostgresError(
        "supervisor_ended",
        "The supervisor of the embedded PostgreSQL ends without a word.",
        f"Read {place.log_file}, or set DATABASE_URL to a PostgreSQL server.",
    )


def _connect_control(place: Place) -> socket.socket | None:
    if not runtime_dir_exists(place):
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(READY_SECONDS)
        connection.connect(os.fspath(place.control_socket))
    except OSError as error:
        connection.close()
        if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
            return None
        raise EmbeddedPostgresError(
            "not_reachable",
            f"The supervisor of the embedded PostgreSQL cannot be reached: {error}.",
            "End the programs of this checkout and start again.",
        ) from error
    return connection


def _read_line(connection: socket.socket, place: Place) -> bytes:
    """Return the supervisor's answer; empty when it closed the connection instead."""
    received = b""
    try:
        while not received.endswith(b"\n"):
            part = connection.recv(65536)
            if not part:
                return b""
            received += part
    except TimeoutError:
        raise EmbeddedPostgresError(
            "not_ready",
            f"The embedded PostgreSQL was not ready after {READY_SECONDS:.0f} s; it may still be recovering from a crash.",
            f"Read {place.log_file}, and start again when it says that it is ready.",
        ) from None
    except ConnectionError:
        return b""
    connection.settimeout(None)
    return received


def _check(answer: bytes) -> None:
    if "ready" not in json.loads(answer):
        raise EmbeddedPostgresError.from_json(answer.decode())


def _wait_for_query(place: Place) -> None:
    """Wait until a query from this process succeeds: the supervisor may not have noticed a crash yet."""
    import psycopg  # here: importing this module must be cheap and possible without psycopg

    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            with psycopg.connect(place.url(), connect_timeout=5) as connection:
                connection.execute("SELECT 1")
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    "not_ready",
                    f"The embedded PostgreSQL runs but does not answer: {error}.",
                    f"Read {place.log_file}.",
                ) from error
        time.sleep(0.02)


def _launch(place: Place, max_connections: int, *, may_create: bool) -> None:
    """Run the launcher; raise what it says."""
    command = [
        sys.executable,
        "-m",
        "orchestrator_site.embedded_postgres",
        os.fspath(place.data_dir),
    ]
    command += [
        "--max-connections",
        str(max_connections),
        *(["--may-create"] if may_create else []),
    ]
    paths = [os.fspath(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    result = subprocess.run(
        command,
        env=environment,
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


def _install_hooks() -> None:
    global _hooks_installed
    if not _hooks_installed:
        _hooks_installed = True
        atexit.register(_release_all)
        os.register_at_fork(after_in_child=_forget_parent)


def _release_all() -> None:
    for data_dir in list(_holders):
        release(data_dir)


def _forget_parent() -> None:
    """In a forked child: the parent's locks and threads are of no use, its connections stay open and so hold the server."""
    global _guard
    _guard = threading.Lock()
    _inherited.extend(
        connection for holder in _holders.values() if (connection := holder.inherited())
    )
    _holders.clear()


def _refuse_windows() -> None:
    if sys.platform == "win32":
        raise EmbeddedPostgresError(
            "platform",
            "The embedded PostgreSQL runs on Linux and macOS only.",
            "Set DATABASE_URL to a PostgreSQL server.",
        )
