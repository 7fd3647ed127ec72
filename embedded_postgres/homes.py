"""Choose which binaries run and as whom; the answer differs only when root starts the server."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from embedded_postgres import identity as identities
from embedded_postgres.binaries import copy_binaries
from embedded_postgres.cluster import has_cluster
from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.identity import Identity
from embedded_postgres.places import Place

ROOTS_OF_COPIES = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - the owner of our folder is checked
FOLDER_OF_COPIES = "trading-orchestrator"

RUNS = '"$1/postgres" --version && "$1/initdb" --version'
PASSES = 'cd "$1"'
# A process may work in a folder although it could not walk there: the kernel checks the way only when it is walked.
# So the server starts inside its data folder, and the folders above may be closed to it.
WORKING_FOLDER = Path("/proc/self/cwd")


@dataclass(frozen=True)
class Home:
    """Binaries and identity of a server, and by which name it reaches the data folder it is started in."""

    data_dir: Path
    bin_dir: Path
    identity: Identity
    name: Path


def choose_home(place: Place, bin_dir: Path) -> Home:
    """Choose the home of a server, whose data folder need not exist yet.

    1. Not root: as this user.
    2. Root, and the data exists and is another user's: as that user.
    3. Root, and user namespaces work: as root in a namespace, where it looks like an unprivileged user.
    4. Root otherwise: as `nobody`.

    Raise EmbeddedPostgresError when root finds no way.
    """
    if place.uid != 0:
        return Home(place.data_dir, bin_dir, identities.same_user(), place.data_dir)
    identity = _identity_of_root(place)
    if not identity.can(RUNS, bin_dir):
        bin_dir = copy_binaries(bin_dir, _folder_of_copies())
    return Home(place.data_dir, bin_dir, identity, _name_for(identity, place))


def _identity_of_root(place: Place) -> Identity:
    if has_cluster(place.data_dir) and (owner := place.data_dir.stat().st_uid) != 0:
        return identities.other_user(owner)
    for identity in (identities.namespace(), identities.nobody()):
        if identity.can("true"):
            return identity
    raise _root_error("neither user namespaces nor a change of user are allowed here")


def _name_for(identity: Identity, place: Place) -> Path:
    if identity.can(PASSES, place.data_dir.parent):
        return place.data_dir
    if sys.platform == "linux":
        return WORKING_FOLDER
    raise _root_error(f"no other user reaches {place.data_dir}")


def _folder_of_copies() -> Path:
    """Create root's folder for copies that others can pass; raise when somebody else made it."""
    for root in ROOTS_OF_COPIES:
        if os.access(root, os.W_OK):
            folder = root / FOLDER_OF_COPIES
            folder.mkdir(exist_ok=True)
            if folder.is_symlink() or folder.stat().st_uid != 0:
                raise _root_error(f"{folder}, where another user could run it, does not belong to root")
            folder.chmod(0o711)
            return folder
    raise _root_error("/var/lib and /var/tmp, where another user could run it, are read-only")


def _root_error(reason: str) -> EmbeddedPostgresError:
    return EmbeddedPostgresError(
        "root_cannot_run",
        f"PostgreSQL does not run as root, and {reason}.",
        "Start as a normal user, or set DATABASE_URL to a PostgreSQL server.",
    )
