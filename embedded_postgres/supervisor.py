"""The detached parent of `postgres`: restarts it after a crash, stops it when nobody holds it any more."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import selectors
import signal
import socket
import sys
import time
from types import FrameType

from embedded_postgres.errors import EmbeddedPostgresError, from_os_error
from embedded_postgres.identity import choose_home, find_bin_dir
from embedded_postgres.place import Place
from embedded_postgres.server import Server

log = logging.getLogger("orchestrator.embedded_postgres")

READY_LINE = b'{"ready": true}\n'
# Long enough for one command to follow another without a stop and a start in between.
GRACE_SECONDS = 0.5
FIRST_HOLDER_SECONDS = 10.0
FIRST_PROBE_SECONDS = 0.02
LONGEST_PROBE_SECONDS = 0.5
# Cleaners of /tmp remove what was not touched for days; PostgreSQL touches its own socket.
TOUCH_SECONDS = 60.0
FAILED_STARTS_ALLOWED = 5


class Holders:
    """The processes that use the server: each keeps one connection open, which the kernel closes when it dies."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._listener.setblocking(False)  # noqa: FBT003 - positional only
        self._waiting: set[socket.socket] = set()
        self._served: set[socket.socket] = set()
        # The process that started us connects soon, unless it was killed meanwhile.
        self.needed_until = time.monotonic() + FIRST_HOLDER_SECONDS

    @property
    def any(self) -> bool:
        """Whether there is a holder."""
        return bool(self._waiting or self._served)

    def watch(self, selector: selectors.BaseSelector) -> None:
        """Let the selector wake up for new and leaving holders."""
        selector.register(self._listener, selectors.EVENT_READ, self)

    def handle(self, source: socket.socket, selector: selectors.BaseSelector) -> None:
        """Take the new holders, or drop the one that left."""
        if source is not self._listener:
            selector.unregister(source)
            self._drop(source)
        else:
            for holder in self._accept():
                selector.register(holder, selectors.EVENT_READ, self)

    def announce(self, line: bytes) -> None:
        """Send a line to the holders that wait for one."""
        for holder in list(self._waiting):
            with contextlib.suppress(OSError):  # it left; its end of file comes next
                holder.sendall(line)
        self._served |= self._waiting
        self._waiting.clear()

    def dismiss(self, line: bytes | None) -> None:
        """Send the waiting ones the reason of the end, None for none, and close all connections."""
        self._accept()
        if line is not None:
            self.announce(line)
        for holder in (self._listener, *self._waiting, *self._served):
            holder.close()

    def _accept(self) -> list[socket.socket]:
        accepted = []
        while True:
            try:
                holder, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                break
            accepted.append(holder)
        self._waiting.update(accepted)
        return accepted

    def _drop(self, holder: socket.socket) -> None:
        self._waiting.discard(holder)
        self._served.discard(holder)
        holder.close()
        self.needed_until = time.monotonic() + GRACE_SECONDS


class Supervisor:
    """Runs the server of a place until the last holder is gone or SIGTERM comes."""

    def __init__(self, place: Place, holders: Holders, server: Server) -> None:
        self._place = place
        self._holders = holders
        self._server = server
        self._selector = selectors.DefaultSelector()
        self._asked_to_stop = False
        self._ready = False
        self._failed_starts = 0
        self._restart_at: float | None = None
        self._probe_pause = FIRST_PROBE_SECONDS

    def run(self) -> None:
        """Keep the server running; return when it is not needed any more, raise when it cannot be started."""
        receiver, sender = socket.socketpair()
        for end in (receiver, sender):
            end.setblocking(False)  # noqa: FBT003 - positional only
        signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        self._selector.register(receiver, selectors.EVENT_READ)
        # Without a handler Python writes nothing to the wakeup socket.
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        try:
            self._holders.watch(self._selector)
            self._server.start()
            while True:
                # Look for new holders right before the decision: preparing or probing may have taken long.
                self._wait()
                if self._asked_to_stop or not (self._holders.any or time.monotonic() <= self._holders.needed_until):
                    return
                self._look_after_server()
                if self._ready:
                    self._holders.announce(READY_LINE)
        finally:
            signal.set_wakeup_fd(-1)
            for end in (receiver, sender):
                end.close()
            self._selector.close()

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._asked_to_stop = True

    def _wait(self) -> None:
        """Sleep until a holder comes or leaves, the server ends, a signal comes, or the time is up."""
        pause = self._probe_pause
        if self._ready:
            pause = TOUCH_SECONDS if self._holders.any else GRACE_SECONDS
        for key, _ in self._selector.select(pause):
            source = key.fileobj
            assert isinstance(source, socket.socket)
            if isinstance(key.data, Holders):
                key.data.handle(source, self._selector)
            else:
                source.recv(4096)
        # Raises when somebody removed the socket: nobody new could come, so end; the holders start another supervisor.
        os.utime(self._place.control_socket)

    def _look_after_server(self) -> None:
        """Take the next step towards a server that answers: restart it, notice its end, or probe it."""
        if self._restart_at is not None:
            if time.monotonic() >= self._restart_at:
                self._restart_at = None
                self._probe_pause = FIRST_PROBE_SECONDS
                self._server.start()
        elif (code := self._server.exit_code()) is not None:
            self._plan_restart(code)
        elif self._ready:
            return
        elif self._server.answers():
            self._ready = True
            self._failed_starts = 0
            log.info("embedded PostgreSQL is ready")
        else:
            # Recovery may take minutes, and each attempt leaves a line in the log.
            self._probe_pause = min(1.5 * self._probe_pause, LONGEST_PROBE_SECONDS)

    def _plan_restart(self, code: int) -> None:
        """Restart at once after a crash, with growing pauses after failed starts; raise after some of these."""
        pause = 0.0
        if not self._ready:
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS_ALLOWED:
                raise self._server.failure()
            # What is in the way may leave by itself: the last backends of a killed server do.
            pause = 0.05 * 2**self._failed_starts
        log.warning("embedded PostgreSQL exited with code %s; restarting it", code)
        self._ready = False
        self._restart_at = time.monotonic() + pause


def supervise(place: Place, listener: socket.socket, max_connections: int, *, may_create: bool) -> None:
    """Prepare the data directory, run the server to its end, clean up. Errors go to the waiting holders and to the log.

    The lock of the place is held by the caller until this process ends. Without `may_create` a missing database is an
    error: somebody removed it from under its users.
    """
    # Until the supervisor takes the signal over: leave by way of the cleaning below.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    holders = Holders(listener)
    farewell = None
    server = None
    try:
        home = choose_home(place, find_bin_dir())
        server = Server(place, home, max_connections)
        server.prepare_data(may_create=may_create)
        Supervisor(place, holders, server).run()
    except (EmbeddedPostgresError, OSError) as failure:
        error = from_os_error(failure, "start") if isinstance(failure, OSError) else failure
        log.error("%s", error)
        farewell = error.to_json().encode() + b"\n"
        if not holders.any:
            # The process that started us is about to connect and wants the reason; unless it was killed meanwhile.
            select.select([listener], [], [], FIRST_HOLDER_SECONDS)
    finally:
        # A signal that came now would end the cleaning half-way.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # The socket goes first: who comes now waits for the lock and starts the next supervisor.
        place.control_socket.unlink(missing_ok=True)
        holders.dismiss(farewell)
        if server is not None:
            server.stop()
        place.remove_runtime_dir()
