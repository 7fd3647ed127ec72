"""Which processes run on a data folder, whatever postmaster.pid claims."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

POLL_SECONDS = 0.02


def server_processes(data_dir: Path) -> list[int]:
    """Return the PIDs of the live PostgreSQL processes of a data folder, zombies left out.

    Other processes are never named: on Linux a process counts when it is called postgres and works in the folder (every
    process of a server does), elsewhere when it is a `postgres` whose command line names the folder (the first one does).
    """
    if sys.platform == "linux":
        try:
            folder = os.stat(data_dir)
        except FileNotFoundError:
            return []
        return [pid for pid in _all_pids() if _works_in(pid, folder)]
    return _from_process_table(data_dir)


def end_processes(data_dir: Path, first: int | None) -> bool:
    """End what still runs on a data folder: `first` (its postmaster) politely, later all. Return whether all are gone.

    Takes as long as a fast shutdown, 30 s at most.
    """
    if first is not None and first in server_processes(data_dir):
        os.kill(first, signal.SIGINT)
        wait_for(lambda: first not in server_processes(data_dir), 15)
    # The others leave by themselves as soon as they see that their postmaster is gone.
    for last_resort in (None, signal.SIGQUIT, signal.SIGKILL):
        for pid in server_processes(data_dir) if last_resort else ():
            _kill(pid, last_resort)
        if wait_for(lambda: not server_processes(data_dir), 5):
            return True
    return False


def is_alive(pid: int) -> bool:
    """Tell whether a process of this number exists; a zombie does."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds, `seconds` at most; return whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _kill(pid: int, number: signal.Signals | None) -> None:
    if number is not None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:  # it left in between, which is what we want
            return


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _works_in(pid: int, folder: os.stat_result) -> bool:
    try:
        # "pid (name) state ..."; the name may contain spaces and parentheses.
        name, _, rest = (
            Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
        )
        if name.partition("(")[2] != "postgres" or rest.split()[0] in ("Z", "X"):
            return False
        return os.path.samestat(os.stat(f"/proc/{pid}/cwd"), folder)
    except OSError:  # gone meanwhile, or another user's and so not ours
        return False


def _from_process_table(data_dir: Path) -> list[int]:
    listing = subprocess.run(
        ["ps", "-axww", "-o", "pid=,stat=,command="], capture_output=True, check=True
    ).stdout
    pids = []
    for line in listing.splitlines():
        pid, state, command = line.split(maxsplit=2)
        program = command.split(b" -D ")[0]
        if (
            program.endswith(b"/postgres")
            and os.fsencode(data_dir) in command
            and not state.startswith(b"Z")
        ):
            pids.append(int(pid))
    return pids
