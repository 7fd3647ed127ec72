"""As whom PostgreSQL runs.

PostgreSQL refuses uid 0. For root there are two ways: a user namespace, in which root's own uid appears as an
unprivileged one (files stay root's, no permission is changed), or another user.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
ROOT_FOLDER = Path("/")
# Without PG*, LD_* and locale variables of the caller: PGDATA, PGPORT or PGOPTIONS would change what runs.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Identity:
    """A way to run a program; `uid` and `gid` own the files it makes, as seen from outside."""

    kind: Literal["same", "namespace", "user"]
    uid: int
    gid: int

    def start(
        self, command: Sequence[str | Path], output: IO[bytes] | int, folder: Path = ROOT_FOLDER
    ) -> subprocess.Popen[bytes]:
        """Start a program as this identity, working in `folder`; its stdin is empty, both outputs go to `output`."""
        return subprocess.Popen(  # noqa: S603 - our programs only
            [os.fspath(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,  # entered before the identity changes, which may not be allowed to walk there
            env=ENVIRONMENT,
            # Runs between fork and exec; safe here because launcher and supervisor have a single thread.
            preexec_fn=_Preparation(self),  # noqa: PLW1509 - see above
        )

    def can(self, script: str, *arguments: str | Path) -> bool:
        """Tell whether a shell script succeeds as this identity; arguments are $1, $2, ..."""
        try:
            process = self.start(["/bin/sh", "-c", script, "sh", *arguments], subprocess.DEVNULL)
        except subprocess.SubprocessError:  # the preparation failed: no user namespaces here
            return False
        return process.wait() == 0


class _Preparation:
    """What the child does to itself between fork and exec."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._parent = os.getpid()
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._inner = _unprivileged_entry()

    def __call__(self) -> None:
        os.umask(0o077)
        if self._identity.kind == "namespace":
            self._enter_namespace()
        elif self._identity.kind == "user":
            os.setgroups([])
            os.setgid(self._identity.gid)
            os.setuid(self._identity.uid)
        if self._libc is not None:
            # After the change of user, which clears it: a supervisor killed by -9 takes its server along.
            self._libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)
            if os.getppid() != self._parent:
                os._exit(1)

    def _enter_namespace(self) -> None:
        if self._libc is None or self._libc.unshare(CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        for name, line in (
            ("setgroups", "deny"),
            ("uid_map", f"{self._inner.pw_uid} 0 1"),
            ("gid_map", f"{self._inner.pw_gid} {self._identity.gid} 1"),
        ):
            Path(f"/proc/self/{name}").write_text(line, encoding="ascii")


def same_user() -> Identity:
    """Run as the current user."""
    return Identity("same", os.geteuid(), os.getegid())


def namespace() -> Identity:
    """Run as the current user, who looks like an unprivileged one to the program (Linux)."""
    return Identity("namespace", os.geteuid(), os.getegid())


def other_user(uid: int) -> Identity:
    """Run as the user `uid`, in its own group only."""
    try:
        gid = pwd.getpwuid(uid).pw_gid
    except KeyError:  # a uid without a name, common in containers
        gid = uid
    return Identity("user", uid, gid)


def nobody() -> Identity:
    """Run as `nobody`, or as the first unprivileged user where that name is missing."""
    return other_user(_unprivileged_entry().pw_uid)


def _unprivileged_entry() -> pwd.struct_passwd:
    # initdb looks the name of its uid up, so it must be one that has a name.
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        return next(entry for entry in pwd.getpwall() if entry.pw_uid > 0)
