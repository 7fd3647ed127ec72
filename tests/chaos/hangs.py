"""What hangs around the site for a while: its database, the line to it, a table, a disk, the reader of its log."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from socket import create_server
from typing import Self

import psycopg

from tests.chaos.faults import Random
from tests.processes.disk import Disk
from tests.processes.harness import database_url
from tests.processes.line import Line, Network

TABLES = ("signals", "webhook_sources", "webhook_deliveries", "experiments")
DISK_MEGABYTES = 300


class LogReader:
    """Writes what comes through a pipe into a file, unless it hangs."""

    def __init__(self, log: Path) -> None:
        self._reading, self.pipe = os.pipe()
        self._log = log
        self.reads = threading.Event()
        self.reads.set()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with self._log.open("wb", buffering=0) as file:
            while self.reads.wait() and (part := os.read(self._reading, 65536)):
                file.write(part)


class Hangs:
    """The surroundings of one site; those that this machine cannot make are left out."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self.reader = LogReader(folder / "up.log")
        self._network, self._disk = Network(), Disk(folder / "disk", DISK_MEGABYTES)

    def __enter__(self) -> Self:
        self._stack.callback(self._network.remove)
        has_network = self._network.build()
        self.line = Line(self._network.listen() if has_network else create_server(("127.0.0.1", 0)))
        self.ways: list[tuple[str, Callable[[Random], AbstractContextManager[object]]]] = [
            ("the database is frozen", lambda _: closed(self.line.flows)),
            ("a table is locked", locked_table),
            ("nobody reads the log", lambda _: closed(self.reader.reads)),
        ]
        if has_network:
            self.ways.append(("the network loses every packet", lambda _: self._network.swallowing()))
        if self._disk.mount():
            self._stack.callback(self._disk.remove)
            self.ways.append(("the disk is full", lambda _: self._disk.full()))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


@contextmanager
def closed(gate: threading.Event) -> Iterator[None]:
    """Let nothing pass within the block."""
    gate.clear()
    yield
    gate.set()


@contextmanager
def locked_table(random: Random) -> Iterator[None]:
    """Let nobody else read or write a table within the block."""
    with psycopg.connect(database_url(), options="-c lock_timeout=60s") as other:
        other.execute(f"LOCK TABLE {random.choice(TABLES)}".encode())
        yield
