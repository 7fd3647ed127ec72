"""The data directory: is it ours to use, which processes work in it, what did a crash leave there.

Which processes work in it is asked of the operating system, whatever postmaster.pid claims.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.place import MAJOR_VERSION

POLL_SECONDS = 0.02
# Number, folder, start time, port, socket folder. A file without them was cut off, and PostgreSQL may refuse it.
PID_FILE_LINES = 5


def has_cluster(data_dir: Path) -> bool:
    """Whether a data directory holds a database of our major version; raise when it holds anything else."""
    try:
        version = (data_dir / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        if data_dir.is_dir() and not any(data_dir.iterdir()):
            return False
        if os.path.lexists(data_dir):
            raise EmbeddedPostgresError(
                "not_a_cluster",
                f"{data_dir} exists but is not a PostgreSQL data directory (it has no PG_VERSION).",
                "Move it away, or set DATABASE_URL to a PostgreSQL server.",
            ) from None
        return False
    if version != str(MAJOR_VERSION):
        raise EmbeddedPostgresError(
            "wrong_major_version",
            f"{data_dir} was created by PostgreSQL {version or '(unknown)'}; the embedded one is {MAJOR_VERSION}.",
            f"Move it away to start empty, or dump it with PostgreSQL {version} and load the dump here, "
            "or set DATABASE_URL to a PostgreSQL server.",
        )
    return True


def give_to(data_dir: Path, uid: int, gid: int) -> None:
    """Make the data directory and all in it that user's alone; nothing outside is touched, links are not followed."""
    found = data_dir.stat()
    if found.st_uid != uid:
        for folder, folders, files in os.walk(data_dir):
            for name in (*folders, *files):
                os.lchown(Path(folder, name), uid, gid)
        # The top folder last: its owner says that the work is complete.
        os.lchown(data_dir, uid, gid)
    if found.st_mode & 0o077:
        data_dir.chmod(0o700)  # a restored copy is often open to others, which PostgreSQL refuses


def clear_remains(data_dir: Path) -> None:
    """Stop an orphaned server of this folder and remove a postmaster.pid that would keep PostgreSQL from starting.

    Call with the lock held. PostgreSQL itself judges a pid file of a dead process well, but takes any live process (a
    stranger, a zombie) for a server and refuses an empty or damaged file. Its other guard, the shared memory block tied
    to the folder, stays in force when the file is gone.
    """
    pid_file = data_dir / "postmaster.pid"
    pid = read_pid(pid_file)
    if server_processes(data_dir) and not end_processes(data_dir):
        raise EmbeddedPostgresError(
            "orphan_remains",
            f"An earlier PostgreSQL is still running in {data_dir} and could not be stopped.",
            "Stop its processes by hand (`ps aux | grep postgres`), then start again.",
        )
    if pid is None or is_alive(pid):
        pid_file.unlink(missing_ok=True)


def read_pid(pid_file: Path) -> int | None:
    """The process number in a postmaster.pid; None when the file is missing, empty, truncated or damaged."""
    try:
        lines = pid_file.read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < PID_FILE_LINES or not lines[0].isdecimal() or not 0 < int(lines[0]) < 2**31:
        return None
    return int(lines[0])


def server_processes(data_dir: Path) -> list[int]:
    """The PIDs of the live PostgreSQL processes of a data directory, zombies left out.

    On Linux a process counts when it is called postgres and works in the folder (every process of a server does),
    elsewhere when it is a `postgres` whose command line names the folder (the first one does).
    """
    if sys.platform != "linux":
        return processes_in_table(data_dir)
    try:
        folder = data_dir.stat()
    except FileNotFoundError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # "pid (name) state ..."; the name may contain spaces and parentheses.
            name, _, rest = (entry / "stat").read_text(errors="replace").rpartition(")")
            is_live_server = name.partition("(")[2] == "postgres" and rest.split()[0] not in ("Z", "X")
            if is_live_server and os.path.samestat((entry / "cwd").stat(), folder):
                found.append(int(entry.name))
        except OSError:  # gone meanwhile, or another user's and so not ours
            continue
    return found


def processes_in_table(data_dir: Path) -> list[int]:
    """The postmaster of a data directory, found in the process table: how macOS does without /proc."""
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


def end_processes(data_dir: Path) -> bool:
    """End what still runs on a data directory, politely first; whether all are gone.

    Takes as long as a fast shutdown, 25 s at most.
    """
    for number, patience in ((signal.SIGINT, 15), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
        for pid in server_processes(data_dir):
            # A fast shutdown is the postmaster's affair: the others end with it, or by themselves when it is gone.
            if number != signal.SIGINT or is_postmaster(pid):
                with contextlib.suppress(ProcessLookupError):  # it left in between, which is what we want
                    os.kill(pid, number)
        if wait_for(lambda: not server_processes(data_dir), patience):
            return True
    return False


def is_postmaster(pid: int) -> bool:
    """Whether a PostgreSQL process is the first of its server; the others replace their command line by a title."""
    if sys.platform != "linux":
        return True  # the process table showed no others
    try:
        return not Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: ")
    except OSError:
        return False


def is_alive(pid: int) -> bool:
    """Whether a process of this number exists; a zombie does."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds, `seconds` at most; whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
