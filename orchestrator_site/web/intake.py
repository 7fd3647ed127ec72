"""Where a page process takes requests from: the door, and the connections of engines that the door has handed over.

An engine calls many times a second on the same connection, and each call by way of the door wakes one process more, on
the way in and out. A page process that has answered a call asks for the connection, and
answers the next calls on it as well. It knows plain calls of the API only. Whatever else comes, the door reads and
answers: the connection goes back there with what has been read of it, as it does when a call fails, after a number of
calls, when nothing comes for a while, when all threads are busy, and at the end. So nothing of a connection depends on
the process that has it, but that it breaks off with it (docs/adr/0020-kept-connections.md).
"""

from __future__ import annotations

import json
import resource
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, sleep

from prometheus_client import CollectorRegistry

from orchestrator_site.health import call_seconds
from orchestrator_site.web.handling import is_call
from orchestrator_site.web.heads import ADDRESSES, IS_OFFERED, KEEP_ALIVE, STAYS_OPEN, Environ, RequestError, plain_head

# Lengths of the environ's document and of the body; of a part of the answer.
REQUEST, PART = struct.Struct("!II"), struct.Struct("!I")
# The door has the whole request when it connects, and takes what it gets: slower than this it is dead. An engine may
# take its answer as slowly.
SOCKET_SECONDS = 60.0
# A longer call is read by the door; with a connection goes no more than its socket takes at once.
CALL_BYTES = 64 * 1024
# Before what tells the call: the page process asks for the connection once it has the answer.
ASKS = "+"
# The door gives it at once, unless it stands still.
GIVE_SECONDS = 1.0
# After so many the connection passes the door: a process with all of them would be busy while others are not.
CALLS = 100
# Clients send a call's head and its body one after the other.
BODY_SECONDS = 0.02
IDLE_SECONDS = 5.0
# The process needs files itself.
MOST_KEPT = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4
# Where the doors have stood still so long, their connections are lost.
GIVE_BACK_SECONDS = 1.0
# Python has no other way to say that a connection has something for one thread, once.
CAN_KEEP = hasattr(select, "epoll")


class DoorLine:
    """The door's connection for one request: it takes parts, each after its length."""

    def __init__(self, line: socket.socket, environ: Environ, intake: Intake) -> None:
        self._line = line
        self._intake = intake
        self._is_offered = environ[KEEP_ALIVE] == IS_OFFERED
        self._addresses = {name: environ[name] for name in ADDRESSES} if self._is_offered else {}

    def answer(self, answer: Iterator[list[bytes]]) -> None:
        """Send parts as they come; the door sees by the last one, which is empty, that nothing broke off."""
        label, *parts = next(answer)
        # Only whoever has posted with success, an engine most likely, may hold files of this process.
        asks = self._is_offered and label.startswith(b"POST 2") and self._intake.has_room()
        self._send([ASKS.encode() + label if asks else label, *parts])
        for parts in answer:
            self._send(parts)
        if asks:
            self._intake.adopt(self._line, self._addresses)
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._line.close()

    def _send(self, parts: list[bytes]) -> None:
        self._line.sendall(b"".join([PART.pack(len(part)) + part for part in parts]))


class EngineLine:
    """An engine's own connection."""

    def __init__(self, line: socket.socket, addresses: Environ, intake: Intake) -> None:
        self.line = line
        self.addresses = addresses
        self._intake = intake
        self.calls = 0
        # When its last call was taken up, and when that was answered (monotonic).
        self.begun = self.since = monotonic()

    def answer(self, answer: Iterator[list[bytes]]) -> None:
        """Send parts as they come but for the first, which tells the call."""
        label, *parts = next(answer)
        self.line.settimeout(SOCKET_SECONDS)
        self.line.sendall(b"".join(parts))
        for parts in answer:
            self.line.sendall(b"".join(parts))
        self._intake.answered(self, label.decode())

    def close(self) -> None:
        """End the connection."""
        self._intake.forget(self)
        self.line.close()


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and where its answer goes."""

    environ: Environ
    body: bytes
    line: DoorLine | EngineLine


def request_frame(environ: Environ, body: bytes) -> bytes:
    """A request as it goes from the door to a page process."""
    document = json.dumps(environ).encode()
    return REQUEST.pack(len(document), len(body)) + document + body


class Intake:
    """What the threads of a process wait at."""

    def __init__(self, listener: socket.socket, doors: str | None) -> None:
        """Take the socket that doors connect to, and the address where they take connections back."""
        self._listener = listener
        self._doors = None
        # By its number. Whoever removes one has it.
        self._kept: dict[int, EngineLine] = {}
        # Between the wait for it and the entry there nobody may look for what has that number, let alone close it.
        self._keeping = threading.Lock()
        self._is_full = self._is_stopping = False
        self._calls = call_seconds(CollectorRegistry(auto_describe=False))
        self._can_keep = CAN_KEEP
        if not CAN_KEEP:
            return
        if doors is not None:
            self._doors = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._doors.settimeout(GIVE_BACK_SECONDS)
            self._doors.connect(doors)
        listener.settimeout(0)
        self._poll = select.epoll()
        # Of the processes that wait for the door one is woken, and never one that stands still.
        self._poll.register(listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)

    def wait(self) -> socket.socket | EngineLine:
        """Return a connection of the door's, or one of an engine's that has something to say."""
        while self._can_keep:
            for descriptor, _ in self._poll.poll(maxevents=1):
                is_door = descriptor == self._listener.fileno()
                if (source := self._accept() if is_door else self._take(descriptor)) is not None:
                    return source
        return self._listener.accept()[0]

    def read(self, source: socket.socket | EngineLine) -> Request | None:
        """The request that has come there; None where there is none, or the door has to read it."""
        if isinstance(source, EngineLine):
            source.begun = monotonic()
            return self._read_call(source)
        return self._read_frame(source)

    def answered(self, line: EngineLine, label: str) -> None:
        """Wait for the engine's next call, where this one has succeeded."""
        line.since = monotonic()
        line.calls += 1
        status = ""
        if label:
            method, status, route = label.split(" ", 2)
            self._calls.labels(method, status, route).observe(line.since - line.begun)
        # Refused for too many long polls, say: another process may have room for one.
        if status.startswith("2") and line.calls < CALLS:
            self._keep(line)
        else:
            self._give_back(line)

    def has_room(self) -> bool:
        """Whether this process can have one connection more."""
        return self._doors is not None and not self._is_full and len(self._kept) < MOST_KEPT

    def adopt(self, line: socket.socket, addresses: Environ) -> None:
        """Keep the connection whose call has been answered, if the door gives it away."""
        line.settimeout(GIVE_SECONDS)
        # The engine may have gone on with its next call, or the door stands still.
        with suppress(OSError):
            _, descriptors, _, _ = socket.recv_fds(line, 1, 1)
            for descriptor in descriptors:
                self._keep(EngineLine(socket.socket(fileno=descriptor), addresses, self))

    def forget(self, line: EngineLine) -> None:
        """Ask no more whether anything comes: for as long as any other process has it open, this one would be told."""
        # Neither one that was never waited for, nor one that is closed.
        with suppress(FileNotFoundError, ValueError):
            self._poll.unregister(line.line)

    def _accept(self) -> socket.socket | None:
        try:
            return self._listener.accept()[0]
        except BlockingIOError:
            # Another process has been quicker.
            return None
        except OSError:
            # As many files are open as may be; a thread that ended here would never come again.
            sleep(BODY_SECONDS)
            return None

    def _take(self, descriptor: int) -> EngineLine | None:
        with self._keeping:
            return self._kept.pop(descriptor, None)

    def _keep(self, line: EngineLine) -> None:
        """Wait for the next call; where there is no room any more, let the door do it."""
        descriptor = line.line.fileno()
        with self._keeping:
            if is_kept := self.has_room():
                try:
                    self._poll.modify(descriptor, select.EPOLLIN | select.EPOLLONESHOT)
                except FileNotFoundError:
                    self._poll.register(descriptor, select.EPOLLIN | select.EPOLLONESHOT)
                self._kept[descriptor] = line
        if not is_kept:
            self._give_back(line)
        elif self._is_stopping:
            self.look_after(is_full=True)

    def _give_back(self, line: EngineLine, heard: bytes = b"") -> None:
        """Let the door go on with the connection, from where it has been read to."""
        if self._doors is not None:
            # Nobody takes it: the site is being stopped, or stands still. The engine will call again.
            with suppress(OSError):
                socket.send_fds(self._doors, [heard], [line.line.fileno()])
        line.close()

    def look_after(self, *, is_full: bool) -> None:
        """Give back those of which nothing has come for a while; all of them as long as no thread is free.

        The next look finds those that doors which stand still have not taken by then.
        """
        self._is_full = is_full
        begun = monotonic()
        for descriptor, line in list(self._kept.items()):
            if monotonic() > begun + GIVE_BACK_SECONDS:
                return
            if (is_full or line.since < begun - IDLE_SECONDS) and (taken := self._take(descriptor)) is not None:
                self._give_back(taken)

    def stop(self) -> None:
        """Keep nothing any more."""
        self._is_stopping = True
        self.look_after(is_full=True)

    def _read_call(self, source: EngineLine) -> Request | None:
        line = source.line
        line.settimeout(BODY_SECONDS)
        try:
            heard = line.recv(CALL_BYTES)
        except TimeoutError:
            # The number of a connection that is gone has become this one's.
            self._keep(source)
            return None
        except OSError:
            heard = b""
        if not heard:
            source.close()
            return None
        if (head := _plain_call(heard)) is not None:
            environ, begin = head
            size = begin + int(environ["CONTENT_LENGTH"])
            if size <= CALL_BYTES:
                heard += _rest(line, size - len(heard))
            if len(heard) == size:
                return Request(environ | source.addresses | {KEEP_ALIVE: STAYS_OPEN}, heard[begin:], source)
        self._give_back(source, heard)
        return None

    def _read_frame(self, line: socket.socket) -> Request | None:
        line.settimeout(SOCKET_SECONDS)
        frame = None
        with suppress(OSError):
            frame = _whole_frame(line)
        # The sender has gone or was told to come again, or the door itself is gone.
        if frame is None or _has_hung_up(line):
            line.close()
            return None
        environ, body = frame
        return Request(environ, body, DoorLine(line, environ, self))


def _plain_call(heard: bytes) -> tuple[Environ, int] | None:
    """The head of a call of the API, and where its body begins; None for what the door has to read."""
    try:
        head = plain_head(heard)
    except RequestError:
        # The door will find the same, and say so.
        return None
    return head if head is not None and is_call(head[0]["PATH_INFO"]) else None


def _rest(line: socket.socket, missing: int) -> bytes:
    """What comes of that many bytes within a moment."""
    heard = b""
    ends = monotonic() + BODY_SECONDS
    # Whoever is gone meanwhile, the door will find gone.
    with suppress(OSError):
        while len(heard) < missing and monotonic() < ends and (part := line.recv(missing - len(heard))):
            heard += part
    return heard


def _whole_frame(line: socket.socket) -> tuple[Environ, bytes] | None:
    """The document and the body that the door sends; None if it breaks off."""
    with line.makefile("rb") as stream:
        lengths = stream.read(REQUEST.size)
        if len(lengths) < REQUEST.size:
            return None
        of_environ, of_body = REQUEST.unpack(lengths)
        return json.loads(stream.read(of_environ)), stream.read(of_body)


def _has_hung_up(line: socket.socket) -> bool:
    poll = select.poll()
    poll.register(line, 0)
    return bool(poll.poll(0))
