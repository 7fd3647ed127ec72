"""Processes that hold an embedded server, and ways to look at and to hurt one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from embedded_postgres.data_folder import server_processes, wait_for
from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.place import Place

PATIENCE_SECONDS = 60
CHECKOUT = Path(__file__).parents[2]

HOLD = """
import os, sys
from pathlib import Path
from embedded_postgres import EmbeddedPostgresError, ensure_running
try:
    print(ensure_running(Path(os.fsdecode(sys.argv[1]))), flush=True)
except EmbeddedPostgresError as error:
    sys.exit(error.to_json())
{then}
sys.stdin.read()
"""


class HoldingProcess:
    """A program of a checkout: calls `ensure_running` and then waits until it is told to leave."""

    def __init__(self, data_dir: Path, *, python: str = sys.executable, then: str = "", **options: Any) -> None:
        self.data_dir = data_dir
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")])}
        environment.pop("DATABASE_URL", None)
        environment.update(options.pop("environment", {}))
        self.process = subprocess.Popen(
            [python, "-W", "error", "-c", HOLD.format(then=then), data_dir],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            **options,
        )

    @property
    def url(self) -> str:
        """Wait for the server and return its URL; raise the process's EmbeddedPostgresError instead if it has one."""
        if not hasattr(self, "_url"):
            assert self.process.stdout is not None
            self._url = str(self.process.stdout.readline()).strip()
        if not self._url:
            _, said = self.process.communicate()
            raise EmbeddedPostgresError.from_json(said)
        return self._url

    def read_line(self) -> str:
        assert self.process.stdout is not None
        return str(self.process.stdout.readline()).strip()

    def leave(self) -> None:
        """End as programs do; nothing must be left on stderr."""
        _, said = self.process.communicate("")
        assert said == ""
        assert self.process.returncode == 0

    def kill(self) -> None:
        """End without a chance to clean up."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


class Writer:
    """Inserts rows one by one and notes each acknowledged one, until the connection breaks."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.acknowledged = 0
        with psycopg.connect(url) as connection:
            connection.execute("DROP TABLE IF EXISTS written")
            connection.execute("CREATE TABLE written (number int PRIMARY KEY)")
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def _write(self) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True) as connection:
                while True:
                    connection.execute("INSERT INTO written VALUES (%s)", (self.acknowledged + 1,))
                    self.acknowledged += 1
        except psycopg.OperationalError:
            return

    def wait_for_rows(self, number: int) -> None:
        eventually(lambda: self.acknowledged >= number)

    def wait_until_broken(self) -> None:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    def stored(self) -> int:
        """Return how many of the rows 1 .. acknowledged are there."""
        found = query(self._url, f"SELECT count(*) FROM written WHERE number <= {self.acknowledged}")
        assert isinstance(found, int)
        return found


def eventually(condition: Callable[[], bool]) -> None:
    assert wait_for(condition, PATIENCE_SECONDS), "the condition did not come true"


def query(url: str, statement: str) -> object:
    """Return the first column of the first row."""
    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def answers(url: str) -> bool:
    try:
        return query(url, "SELECT 1") == 1
    except psycopg.OperationalError:
        return False


def postmaster_pid(data_dir: Path) -> int:
    return int((data_dir / "postmaster.pid").read_text().splitlines()[0])


def supervisor_pid(data_dir: Path) -> int:
    """Return the parent of the postmaster."""
    listed = subprocess.run(["ps", "-o", "ppid=", "-p", str(postmaster_pid(data_dir))], capture_output=True, check=True)
    return int(listed.stdout)


def end_grace_period(data_dir: Path) -> None:
    """Ask the supervisor, if there is one, to stop now. A process that still holds the server gets a new one."""
    listed = subprocess.run(["ps", "-axww", "-o", "pid=,args="], capture_output=True, check=True, text=True).stdout
    for line in listed.splitlines():
        pid, arguments = line.split(maxsplit=1)
        if f"embedded_postgres {Place.of(data_dir).data_dir} " in arguments:
            kill_all([int(pid)], signal.SIGTERM)


def pid_of(url: str, backend_type: str) -> int:
    found = query(url, f"SELECT pid FROM pg_stat_activity WHERE backend_type = '{backend_type}'")
    assert isinstance(found, int)
    return found


def kill_all(pids: list[int], number: signal.Signals = signal.SIGKILL) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # a backend that ended in between
            os.kill(pid, number)


def wait_until_gone(data_dir: Path) -> None:
    """Wait until server and supervisor have left nothing running and no sockets."""
    eventually(lambda: not server_processes(data_dir) and not Place.of(data_dir).runtime_dir.exists())


def measured(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
