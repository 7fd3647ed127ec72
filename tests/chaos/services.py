"""A `manage.py` command under a service manager: started again when it ends or hangs, and all it started is known."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from tests.processes.harness import MANAGE, application_url, descendants

# Until the first word and between two, as in deploy/systemd.
WATCHDOG_SECONDS = 15.0


@dataclass(frozen=True)
class Member:
    """One process; its number alone may recur, so its start belongs to it."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        return member(self.pid) == self

    def program(self) -> str:
        """The program it runs: up, worker, the module, or the title it gave itself; a fork runs its parent's."""
        try:
            line = (Path("/proc") / str(self.pid) / "cmdline").read_bytes().decode()
        except (FileNotFoundError, ProcessLookupError):
            return "ended"
        # A process that set a title of its own leaves empty words behind it.
        words = [word for word in line.split("\0") if word]
        # The processes of the web server are called by what they do.
        place = 3 if words[2:3] == ["orchestrator_site.web"] else 2
        return words[place] if len(words) > place else " ".join(words)


def member(pid: int) -> Member | None:
    """Return the living process of this number; None when there is none."""
    try:
        fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else Member(pid, fields[19])


@dataclass
class Service:
    """A command that `keep_up` starts again when it has ended, or says no longer that it goes on, as systemd does.

    What it prints goes to the file or the pipe `log`.
    """

    arguments: tuple[str, ...]
    log: Path | int
    environment: dict[str, str] = field(default_factory=dict)
    starts: int = 0
    seen: set[Member] = field(default_factory=set)
    process: subprocess.Popen[bytes] | None = None
    words: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    due: float = 0.0

    def __post_init__(self) -> None:
        # Linux finds an abstract name.
        self.words.bind("")
        self.words.setblocking(False)

    def start(self) -> None:
        address = "@" + self.words.getsockname()[1:].decode()
        with nullcontext(self.log) if isinstance(self.log, int) else self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, MANAGE, *self.arguments],
                env={**os.environ, "DATABASE_URL": application_url(), "NOTIFY_SOCKET": address, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.starts += 1
        self.due = monotonic() + WATCHDOG_SECONDS

    def keep_up(self) -> None:
        """Start it again if it has ended, or has not said for too long that it goes on."""
        with suppress(BlockingIOError):
            while self.words.recv(64):
                self.due = monotonic() + WATCHDOG_SECONDS
        if self.process is None or self.process.poll() is not None or monotonic() > self.due:
            # Whatever is left of it, too: one that was stopped before it could ask to die with its parent, say.
            self.kill_all()
            self.start()

    def reap(self) -> None:
        """Wait for the end of a main process that has just been killed; a moment, for one that has not."""
        assert self.process is not None
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(0.1)

    def family(self) -> list[Member]:
        """Return its main process and all below, the eldest first; remember them."""
        assert self.process is not None
        living = [found for pid in (self.process.pid, *descendants(self.process.pid)) if (found := member(pid))]
        self.seen.update(living)
        return living

    def stop(self, seconds: float = 20.0) -> int:
        """Send SIGTERM and return the exit code; raise TimeoutExpired when it does not end in time."""
        assert self.process is not None
        self.family()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def survivors(self) -> list[Member]:
        """Return all processes ever seen of it that still live."""
        return [one for one in self.seen if one.is_alive()]

    def kill_all(self) -> None:
        if self.process is None:
            return
        self.family()
        for one in self.survivors():
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(one.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def service(*arguments: str, log: Path | int, **environment: str) -> Iterator[Service]:
    """Run a command as a service against the test database; nothing of it outlives the block."""
    running = Service(arguments, log, environment)
    running.start()
    try:
        yield running
    finally:
        running.kill_all()
        running.words.close()
