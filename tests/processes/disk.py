"""A small disk of its own for the table of deliveries of the test database; only root can have one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.processes.harness import database_url


class Disk:
    """A file system in memory, mounted on a folder."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self._folder = folder
        self._size = f"size={megabytes}m"
        # All databases of a server share the names.
        self._name = f"small_{os.getpid()}"

    def mount(self) -> bool:
        """Move the table there; whether this machine allows it."""
        self._folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", self._size, "tmpfs", str(self._folder)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            return False
        tables = self._folder / "tables"
        tables.mkdir()
        with psycopg.connect(database_url(), autocommit=True) as other:
            ((data,),) = other.execute("SHOW data_directory").fetchall()
            owner = Path(data).stat()
            os.chown(tables, owner.st_uid, owner.st_gid)
            other.execute(f"CREATE TABLESPACE {self._name} LOCATION '{tables}'".encode())
            # The partition of this month, as the migration has left it, without what earlier tests have left in it:
            # a thousand alerts would find room there.
            other.execute("VACUUM FULL webhook_deliveries_before")
            other.execute(f"ALTER TABLE webhook_deliveries_before SET TABLESPACE {self._name}".encode())
        return True

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave no room on it within the block, but in pages that the table has already."""
        ballast = self._folder / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(65536)):
                pass
        try:
            yield
        finally:
            ballast.unlink()

    def remove(self) -> None:
        """Move the table back."""
        with psycopg.connect(database_url(), autocommit=True) as other:
            other.execute("ALTER TABLE webhook_deliveries_before SET TABLESPACE pg_default")
            other.execute(f"DROP TABLESPACE {self._name}".encode())
        subprocess.run(["umount", "-l", str(self._folder)], check=True)
