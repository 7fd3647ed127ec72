"""The data folder: is it ours to use, create it, clear what a crash left in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from embedded_postgres.binaries import MAJOR_VERSION
from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.identity import Identity
from embedded_postgres.processes import end_processes, is_alive, server_processes

if TYPE_CHECKING:  # it imports this module
    from embedded_postgres.homes import Home

# The builtin provider sorts and folds case alike on Linux and macOS; the operating system's C.UTF-8 may be missing.
INITDB_OPTIONS = (
    "--username=postgres",
    "--auth-local=trust",
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)


# Number, folder, start time, port, socket folder. A file without them was cut off, and PostgreSQL may refuse it.
PID_FILE_LINES = 5


def has_cluster(data_dir: Path) -> bool:
    """Tell whether a data folder holds a database of our major version; raise when it holds anything else."""
    try:
        version = (data_dir / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        if data_dir.is_dir() and not any(data_dir.iterdir()):
            return False
        if os.path.lexists(data_dir):
            raise EmbeddedPostgresError(
                "not_a_cluster",
                f"{data_dir} exists and is not a PostgreSQL data folder (it has no PG_VERSION).",
                "Move it away, or set DATABASE_URL to a PostgreSQL server.",
            ) from None
        return False
    if version != str(MAJOR_VERSION):
        raise EmbeddedPostgresError(
            "wrong_major_version",
            f"{data_dir} belongs to PostgreSQL {version or '(no version)'}; the embedded one is {MAJOR_VERSION}.",
            f"Move it away to start empty, or dump it with PostgreSQL {version} and load the dump here, "
            "or set DATABASE_URL to a PostgreSQL server.",
        )
    return True


def create_cluster(home: Home, log_file: Path) -> None:
    """Create the data folder (mode 0700) all at once: an interrupted attempt leaves nothing that looks like one."""
    data_dir = home.data_dir
    unfinished = data_dir.with_name(data_dir.name + ".initdb")
    if unfinished.exists():
        end_processes(unfinished)
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    os.chown(unfinished, home.identity.uid, home.identity.gid)
    name = unfinished if home.name == data_dir else home.name
    with log_file.open("a+b") as log:
        start = log.tell()
        code = home.identity.start([home.bin_dir / "initdb", *INITDB_OPTIONS, "-D", name], log, unfinished).wait()
        log.seek(start)
        said = log.read().decode(errors="replace")
    if code != 0:
        shutil.rmtree(unfinished)
        raise start_error("initdb could not create the database", said, data_dir)
    unfinished.rename(data_dir)


def give_to(data_dir: Path, identity: Identity) -> None:
    """Make the data folder and all in it the identity's alone; nothing outside is touched, links are not followed."""
    found = data_dir.stat()
    if found.st_uid != identity.uid:
        for folder, folders, files in os.walk(data_dir):
            for name in (*folders, *files):
                os.lchown(Path(folder, name), identity.uid, identity.gid)
        # The top folder last: it says that the work is complete.
        os.lchown(data_dir, identity.uid, identity.gid)
    if found.st_mode & 0o077:
        data_dir.chmod(0o700)  # a restored copy is often open to others, which PostgreSQL refuses


def clear_remains(data_dir: Path) -> None:
    """End an orphaned server of this folder and remove a postmaster.pid that would keep PostgreSQL from starting.

    Call with the lock held. PostgreSQL itself judges a pid file of a dead process well, but takes any live process (a
    stranger, a zombie) for a server and refuses an empty or damaged file. Its other guard, the shared memory block tied
    to the folder, stays in force when the file is gone.
    """
    pid_file = data_dir / "postmaster.pid"
    pid = read_pid(pid_file)
    if server_processes(data_dir) and not end_processes(data_dir):
        raise EmbeddedPostgresError(
            "orphan_remains",
            f"An earlier PostgreSQL still works in {data_dir} and cannot be ended.",
            "End its processes by hand (`ps aux | grep postgres`), then start again.",
        )
    if pid is None or is_alive(pid):
        pid_file.unlink(missing_ok=True)


def read_pid(pid_file: Path) -> int | None:
    """Return the process number in a postmaster.pid; None when the file is missing, empty, truncated or damaged."""
    try:
        lines = pid_file.read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < PID_FILE_LINES or not lines[0].isdecimal() or not 0 < int(lines[0]) < 2**31:
        return None
    return int(lines[0])


TELLING = ("FATAL", "PANIC", "error:", "DETAIL", "HINT")


def start_error(doing: str, output: str, data_dir: Path) -> EmbeddedPostgresError:
    """Turn the last words of a PostgreSQL program into an error with advice."""
    words = [line.strip() for line in output.splitlines() if any(mark in line for mark in TELLING)]
    said = " ".join(words[-4:]) or " ".join(output.split())[-500:] or "it said nothing"
    if "No space left on device" in output:
        return EmbeddedPostgresError(
            "disk_full",
            f"The disk is full: {doing} ({said}).",
            f"Free space on the file system of {data_dir}; committed data is kept.",
        )
    return EmbeddedPostgresError(
        "start_failed",
        f"{doing[0].upper()}{doing[1:]}: {said}.",
        "The log beside the data folder tells more. Or set DATABASE_URL to a PostgreSQL server.",
    )
