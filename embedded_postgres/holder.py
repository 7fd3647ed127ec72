"""The side of the process that uses the database."""

from __future__ import annotations

import atexit
import logging
import os
import socket
import sys
import threading
import time
from pathlib import Path

from embedded_postgres import control
from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.places import Place

log = logging.getLogger("orchestrator.embedded_postgres")

MAX_CONNECTIONS = 100
LONGEST_PAUSE_SECONDS = 30.0


def ensure_running(data_dir: Path, *, max_connections: int = MAX_CONNECTIONS) -> str:
    """Make sure the embedded PostgreSQL of a data folder runs; return the URL of its database `orchestrator`.

    The first call in a process waits until the server has answered a query and keeps it running for as long as this
    process lives, ended by kill -9 or not; later calls cost next to nothing. A forked child keeps it running, too, and
    becomes a holder in its own right by its first call. `max_connections` counts for the process that starts the
    server. Raise EmbeddedPostgresError with advice when there can be no server.
    """
    if sys.platform == "win32":
        raise EmbeddedPostgresError(
            "platform",
            "The embedded PostgreSQL runs on Linux and macOS only.",
            "Set DATABASE_URL to a PostgreSQL server.",
        )
    return _registry.holder(Place.of(data_dir), max_connections).attach(may_create=True)


def release(data_dir: Path) -> None:
    """Stop holding the server of a data folder; it stops soon after its last holder did. Do nothing if not held."""
    _registry.release(Place.of(data_dir))


class Holder:
    """One process's connection to the supervisor, renewed by a thread when the supervisor dies."""

    def __init__(self, place: Place, max_connections: int) -> None:
        self._place = place
        self._max_connections = max_connections
        self._lock = threading.Lock()
        self._closed = False
        self.connection: socket.socket | None = None

    def attach(self, *, may_create: bool) -> str:
        """Connect to the supervisor, start one if there is none, wait until the server answers; return its URL."""
        with self._lock:
            if self.connection is None and not self._closed:
                connection = control.connect(self._place, self._max_connections, may_create=may_create)
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
            log.debug("embedded_postgres.already_disconnected")
        connection.close()
        if self.connection is connection:
            self.connection = None

    def _watch(self, connection: socket.socket) -> None:
        """Wait until the supervisor dies, then attach again (to a new one), with growing pauses when that fails."""
        _wait_for_end(connection)
        with self._lock:
            self._leave(connection)
        pause = 0.1
        while not self._closed:
            try:
                self.attach(may_create=False)
            except EmbeddedPostgresError as error:
                log.warning("embedded_postgres.restart_failed: %s", error)
            else:
                return
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _wait_for_end(connection: socket.socket) -> None:
    try:
        while connection.recv(4096):
            pass
    except OSError:
        # Reset by the supervisor's death, or closed by this process: the end as well.
        return


class _Registry:
    """The holders of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[Path, Holder] = {}
        self._inherited: list[socket.socket] = []
        self._hooks_installed = False

    def holder(self, place: Place, max_connections: int) -> Holder:
        with self._lock:
            # At the first use and not on import, which has no side effects.
            if not self._hooks_installed:
                self._hooks_installed = True
                atexit.register(self._release_all)
                os.register_at_fork(after_in_child=self._forget_parent)
            return self._holders.setdefault(place.data_dir, Holder(place, max_connections))

    def release(self, place: Place) -> None:
        with self._lock:
            holder = self._holders.pop(place.data_dir, None)
        if holder is not None:
            holder.close()

    def _release_all(self) -> None:
        with self._lock:
            holders = list(self._holders.values())
            self._holders.clear()
        for holder in holders:
            holder.close()

    def _forget_parent(self) -> None:
        """Start anew in a forked child, where the parent's locks may be held and its threads are missing.

        The parent's connections stay open: the child may use the database without calling `ensure_running`.
        """
        self._lock = threading.Lock()
        self._inherited += [held for holder in self._holders.values() if (held := holder.connection) is not None]
        self._holders.clear()


_registry = _Registry()
