"""Start real processes, wait for them, and read from /proc what they cost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.database import DATA_DIR, ROOT, Connection, number
from kernel.processes import kill_group, start_child

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@contextmanager
def running(name: str, *command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of the project with its output in a file; everything it started ends with the block."""
    process = start_child(command, {"PYTHONPATH": str(ROOT), **environment}, DATA_DIR / f"{name}.log")
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        kill_group(process.pid)
        process.wait()


def python(*arguments: str) -> tuple[str, ...]:
    """The command that runs this interpreter."""
    return (sys.executable, *arguments)


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait until the condition holds; raise TimeoutError naming it when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.05)


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def family(pid: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it ended while we looked
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def pss_mib(pids: list[int]) -> float:
    """The memory of the processes, shared pages counted once, in MiB."""
    total = 0
    for pid in pids:
        with suppress(OSError):  # it ended while we looked
            for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total / 1024


def cpu_seconds(pids: list[int]) -> float:
    """The processor time of the processes and of those they have reaped."""
    total = 0
    for pid in pids:
        with suppress(OSError):  # it ended while we looked
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / TICKS


def server_pids(connection: Connection) -> list[int]:
    """PostgreSQL's processes; none when it runs elsewhere."""
    backend = PROC / str(int(number(connection, "SELECT pg_backend_pid()"))) / "stat"
    if not backend.exists() or "postgres" not in backend.read_text():
        return []
    return family(int(backend.read_text().rpartition(")")[2].split()[1]))
