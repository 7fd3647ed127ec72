"""Choose where the data lies, which binaries run and as whom; the answer differs only when root starts the server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from orchestrator_site.embedded_postgres import identity as identities
from orchestrator_site.embedded_postgres.binaries import copy_binaries
from orchestrator_site.embedded_postgres.cluster import has_cluster
from orchestrator_site.embedded_postgres.errors import EmbeddedPostgresError
from orchestrator_site.embedded_postgres.identity import Identity
from orchestrator_site.embedded_postgres.places import Place

# Not below /tmp: the data must outlive a restart of the machine.
ROOTS_ELSEWHERE = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - the owner of our folder is checked
FOLDER_ELSEWHERE = "trading-orchestrator"

RUNS = '"$1/postgres" --version && "$1/initdb" --version'
PASSES = 'cd "$1"'


@dataclass(frozen=True)
class Home:
    """Data folder, binaries and identity of a server."""

    data_dir: Path
    bin_dir: Path
    identity: Identity


def choose_home(place: Place, bin_dir: Path) -> Home:
    """Choose the home of a server.

    1. Not root: the data folder, as this user.
    2. Root, and the data exists and is another user's: as that user.
    3. Root, and user namespaces work: the data folder, in a namespace.
    4. Root otherwise: as `nobody`; in the data folder when `nobody` can get there, else below /var/lib.
    """
    if place.uid != 0:
        return Home(place.data_dir, bin_dir, identities.same_user())
    for data_dir in (
        place.data_dir,
        *(_elsewhere(root, place) for root in ROOTS_ELSEWHERE),
    ):
        if has_cluster(data_dir) and (owner := data_dir.stat().st_uid) != 0:
            return _home_of_other(data_dir, bin_dir, identities.other_user(owner))
    inside = identities.namespace()
    if inside.can(RUNS, bin_dir) and inside.can(PASSES, place.data_dir.parent):
        return Home(place.data_dir, bin_dir, inside)
    nobody = identities.nobody()
    if nobody.can(PASSES, place.data_dir.parent):
        return _home_of_other(place.data_dir, bin_dir, nobody)
    if has_cluster(place.data_dir) or not nobody.can("true"):
        raise EmbeddedPostgresError(
            "root_cannot_run",
            "PostgreSQL does not run as root, user namespaces are not allowed here, "
            f"and no other user can use {place.data_dir}.",
            "Start as a normal user, or move the checkout to a folder others can pass (such as /srv), "
            "or set DATABASE_URL to a PostgreSQL server.",
        )
    data_dir = _elsewhere(_make_elsewhere().parent, place)
    _make_passable(data_dir.parent)
    return _home_of_other(data_dir, bin_dir, nobody)


def _home_of_other(data_dir: Path, bin_dir: Path, identity: Identity) -> Home:
    if not identity.can(RUNS, bin_dir):
        bin_dir = copy_binaries(bin_dir, _make_elsewhere())
    return Home(data_dir, bin_dir, identity)


def _elsewhere(root: Path, place: Place) -> Path:
    return root / FOLDER_ELSEWHERE / place.digest / "postgres"


def _make_elsewhere() -> Path:
    """Create root's folder for what other users must reach; below the first root that can be written."""
    for root in ROOTS_ELSEWHERE:
        if os.access(root, os.W_OK):
            return _make_passable(root / FOLDER_ELSEWHERE)
    raise EmbeddedPostgresError(
        "not_usable",
        "PostgreSQL does not run as root, and /var/lib and /var/tmp, where another user could, are read-only.",
        "Start as a normal user, or set DATABASE_URL to a PostgreSQL server.",
    )


def _make_passable(folder: Path) -> Path:
    """Create a folder of root's that others can pass but not list; raise when somebody else made it."""
    folder.mkdir(exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != 0:
        raise EmbeddedPostgresError(
            "not_usable",
            f"{folder} does not belong to root.",
            "Remove it, or set DATABASE_URL to a PostgreSQL server.",
        )
    folder.chmod(0o711)
    return folder
