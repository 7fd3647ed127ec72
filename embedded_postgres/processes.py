"""Which processes run on a data folder, whatever postmaster.pid claims."""

from __future__ import annotations

import contextlib
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

    On Linux a process counts when it is called postgres and works in the folder (every process of a server does),
    elsewhere when it is a `postgres` whose command line names the folder (the first one does).
    """
    if sys.platform == "linux":
        try:
            folder = data_dir.stat()
        except FileNotFoundError:
            return []
        return [pid for pid in _all_pids() if _works_in(pid, folder)]
    return _from_process_table(data_dir)


def end_processes(data_dir: Path) -> bool:
    """End what still runs on a data folder, politely first; return whether all are gone.

    Takes as long as a fast shutdown, 25 s at most.
    """
    for number, patience in ((signal.SIGINT, 15), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
        for pid in server_processes(data_dir):
            # A fast shutdown is the postmaster's affair: the others end with it, or by themselves when it is gone.
            if number != signal.SIGINT or _is_postmaster(pid):
                with contextlib.suppress(ProcessLookupError):  # it left in between, which is what we want
                    os.kill(pid, number)
        if wait_for(lambda: not server_processes(data_dir), patience):
            return True
    return False


def is_alive(pid: int) -> bool:
    """Tell whether a process of this number exists; a zombie does."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
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


def _is_postmaster(pid: int) -> bool:
    if sys.platform != "linux":
        return True  # the process table showed no others
    try:
        # The others replace their command line by a title.
        return not Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: ")
    except OSError:
        return False


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _works_in(pid: int, folder: os.stat_result) -> bool:
    try:
        # "pid (name) state ..."; the name may contain spaces and parentheses.
        name, _, rest = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
        if name.partition("(")[2] != "postgres" or rest.split()[0] in ("Z", "X"):
            return False
        return os.path.samestat(Path(f"/proc/{pid}/cwd").stat(), folder)
    except OSError:  # gone meanwhile, or another user's and so not ours
        return False


def _from_process_table(data_dir: Path) -> list[int]:
    command = ["/bin/ps", "-axww", "-o", "pid=,stat=,command="]
    listing = subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603 - fixed command
    pids = []
    for line in listing.splitlines():
        pid, state, words = line.split(maxsplit=2)
        program, option, rest = words.partition(b" -D ")
        is_server = option and program.endswith(b"/postgres") and rest.startswith(os.fsencode(data_dir) + b" ")
        if is_server and not state.startswith(b"Z"):
            pids.append(int(pid))
    return pids
