"""Sends HTTP requests at given times over a number of connections, and keeps every answer's time.

One thread and epoll: on two cores that are measured, the one who asks must cost little. Every request
has the time at which it is due; waiting for a free connection counts as the server's time, so that a
slow answer cannot hide the ones behind it.
"""

from __future__ import annotations

import select
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

LIMIT_SECONDS = 60.0
T = TypeVar("T")


@dataclass
class Answers:
    """What came back: how often each status (or "refused", "reset", "none"), and seconds from due to answer."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    duration: float = 0.0

    @property
    def per_second(self) -> float:
        """Return answers with status 200 per second."""
        return self.statuses["200"] / self.duration

    def percentile(self, percent: float) -> float:
        """The time within which that part of the answers came, in milliseconds."""
        return percentile(self.seconds, percent) * 1000


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that the given percentage does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]


def request(path: str, body: bytes, *, keep_alive: bool = True, **headers: str) -> bytes:
    """The bytes of a POST as TradingView sends it."""
    connection = "" if keep_alive else "Connection: close\r\n"
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{more}"
    return f"{head}{connection}Content-Length: {len(body)}\r\n\r\n".encode() + body


def send(
    port: int, requests: Sequence[bytes], *, connections: int, per_second: float = 0.0, keep_alive: bool = True
) -> Answers:
    """Send all requests: at an even rate, or each as soon as a connection is free when the rate is 0."""
    return _Load(port, requests, per_second, keep_alive=keep_alive).run(connections)


class _Exchange:
    """One connection with the request it is busy with."""

    def __init__(self, port: int, message: bytes, due: float) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(0)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(BlockingIOError):
            self.socket.connect(("127.0.0.1", port))
        self.start(message, due)

    def start(self, message: bytes, due: float) -> None:
        self.message, self.due, self.received = message, due, b""

    def send(self) -> None:
        self.socket.send(self.message)  # a kilobyte into an empty buffer: always whole

    def receive(self) -> str | None:
        """Take what has come; return the status when the answer is complete, "reset" when it never will be."""
        data = self.socket.recv(65536)
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if found:
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
            if not length:
                return "without length"
            if len(body) >= int(length):
                return head[9:12].decode()
        return None if data else "reset"


class _Load:
    def __init__(self, port: int, requests: Sequence[bytes], per_second: float, *, keep_alive: bool) -> None:
        self.port, self.requests, self.per_second, self.keep_alive = port, requests, per_second, keep_alive
        self.poll = select.epoll()
        self.busy: dict[int, _Exchange] = {}
        self.idle: deque[_Exchange] = deque()
        self.answers = Answers()
        self.next = 0

    def run(self, connections: int) -> Answers:
        started = time.perf_counter()
        deadline = started + LIMIT_SECONDS + (len(self.requests) / self.per_second if self.per_second else 0)
        while self.next < len(self.requests) or self.busy:
            now = time.perf_counter()
            if now > deadline:
                self.answers.statuses["none"] += len(self.requests) - self.answers.statuses.total()
                break
            pause = self._start_what_is_due(started, now, connections)
            for number, events in self.poll.poll(pause):
                self._advance(self.busy[number], events)
        self.answers.duration = time.perf_counter() - started
        for exchange in (*self.busy.values(), *self.idle):
            exchange.socket.close()
        self.poll.close()
        return self.answers

    def _start_what_is_due(self, started: float, now: float, connections: int) -> float:
        """Start requests while connections are free; return how long nothing more will be due."""
        while self.next < len(self.requests) and len(self.busy) < connections:
            due = started + self.next / self.per_second if self.per_second else now
            if due > now:
                return min(due - now, 1.0)
            self._start(self.requests[self.next], due)
            self.next += 1
        return 1.0

    def _start(self, message: bytes, due: float) -> None:
        if self.idle:
            exchange = self.idle.popleft()
            exchange.start(message, due)
            self.busy[exchange.socket.fileno()] = exchange
            exchange.send()
        else:
            exchange = _Exchange(self.port, message, due)
            self.busy[exchange.socket.fileno()] = exchange
            self.poll.register(exchange.socket, select.EPOLLOUT)

    def _advance(self, exchange: _Exchange, events: int) -> None:
        try:
            if events & select.EPOLLOUT:
                exchange.send()
                self.poll.modify(exchange.socket, select.EPOLLIN)
                return
            status = exchange.receive()
        except OSError as error:
            status = "refused" if isinstance(error, ConnectionRefusedError) else "reset"
        if status is not None:
            self._finish(exchange, status)

    def _finish(self, exchange: _Exchange, status: str) -> None:
        self.answers.statuses[status] += 1
        self.answers.seconds.append(time.perf_counter() - exchange.due)
        del self.busy[exchange.socket.fileno()]
        if self.keep_alive and status.isdigit():
            self.idle.append(exchange)
        else:
            self.poll.unregister(exchange.socket)
            exchange.socket.close()


def alternate(rounds: int, contestants: dict[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Run the contestants in turn, forward and back, so that a machine that gets slower favours nobody."""
    results: dict[str, list[T]] = {name: [] for name in contestants}
    for turn in range(rounds):
        for name in list(contestants)[:: -1 if turn % 2 else 1]:
            results[name].append(contestants[name]())
    return results
