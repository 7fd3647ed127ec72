"""Where one checkout's embedded PostgreSQL keeps its files."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from embedded_postgres.errors import EmbeddedPostgresError

MAJOR_VERSION = 18
DATABASE = "orchestrator"
# Who makes the tables, and who works with them and owns nothing.
OWNER, APPLICATION = "postgres", "orchestrator_app"
PORT = 5432
# PostgreSQL keeps paths in buffers of 1024 bytes and appends file names to the data directory.
LONGEST_DATA_PATH = 900
# Not tempfile.gettempdir(): TMPDIR differs between a terminal, cron and a service of one user, and all must meet here.
# It is short, too: a socket path may have 103 bytes on macOS, and checkouts lie deeper than that.
RUNTIME_ROOT = Path("/tmp")  # noqa: S108 - we use an own folder below it and check its owner


@dataclass(frozen=True)
class Place:
    """The files of the server whose data directory is `data_dir`, as seen by the user `uid`."""

    data_dir: Path
    uid: int

    @classmethod
    def of(cls, data_dir: Path) -> Place:
        """The place of a data directory, links resolved, for the current user. Raise when the path is too long."""
        resolved = Path(os.path.realpath(data_dir))
        if len(os.fsencode(resolved)) > LONGEST_DATA_PATH:
            raise EmbeddedPostgresError(
                "path_too_long",
                f"The path of the data directory exceeds PostgreSQL's limit of {LONGEST_DATA_PATH} bytes: {resolved}.",
                "Move the checkout to a shorter path, or set DATABASE_URL to a PostgreSQL server.",
            )
        return cls(resolved, os.geteuid())

    @property
    def digest(self) -> str:
        """A short name of the data directory."""
        return hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]

    @property
    def lock_file(self) -> Path:
        """Locked by the one supervisor for as long as it lives."""
        return self.data_dir.with_name(self.data_dir.name + ".lock")

    @property
    def log_file(self) -> Path:
        """The output of supervisor and server."""
        return self.data_dir.with_name(self.data_dir.name + ".log")

    @property
    def runtime_dir(self) -> Path:
        """Folder of the sockets; exists while a supervisor lives."""
        return RUNTIME_ROOT / f"orchestrator-{self.uid}-{self.digest}"

    @property
    def control_socket(self) -> Path:
        """Where clients connect to the supervisor."""
        return self.runtime_dir / "control"

    @property
    def socket_dir(self) -> Path:
        """Where clients connect to PostgreSQL."""
        return self.runtime_dir / "pg"

    def url(self, database: str = DATABASE) -> str:
        """The connection URL; the port is in it so that PGPORT in the environment cannot redirect the client."""
        return f"postgresql://{OWNER}@:{PORT}/{database}?host={self.socket_dir}"

    def runtime_dir_exists(self) -> bool:
        """Whether the runtime folder is there; raise when it is not ours alone: another user may have created it."""
        try:
            found = os.lstat(self.runtime_dir)
        except FileNotFoundError:
            return False
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.uid or found.st_mode & 0o022:
            raise EmbeddedPostgresError(
                "runtime_folder_taken",
                f"{self.runtime_dir} is not a directory that only this user can write to; "
                "another user may have created it.",
                "Remove it (as its owner or as root), or set DATABASE_URL to a PostgreSQL server.",
            )
        return True

    def create_runtime_dir(self) -> None:
        """Create the runtime folder, closed to others, unless it is there."""
        try:
            self.runtime_dir.mkdir(mode=0o700)
        except FileExistsError:
            self.runtime_dir_exists()

    def create_socket_dir(self, server_uid: int, server_gid: int) -> None:
        """Create the folder of PostgreSQL's socket: open to the server's user only."""
        if server_uid != self.uid:
            # The server runs as another user (root started it): let that user pass through, not look around.
            self.runtime_dir.chmod(0o711)
        try:
            self.socket_dir.mkdir(mode=0o700)
        except FileExistsError:
            # A lock file from before a kill -9 may name a process that lives again; we hold the only right to be here.
            for leftover in self.socket_dir.iterdir():
                leftover.unlink()
        os.chown(self.socket_dir, server_uid, server_gid)

    def remove_runtime_dir(self) -> None:
        """Remove the runtime folder with the sockets in it."""
        for folder in (self.socket_dir, self.runtime_dir):
            if folder.is_dir():
                for leftover in folder.iterdir():
                    leftover.unlink()
                folder.rmdir()
