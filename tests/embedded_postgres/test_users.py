"""Root, root without user namespaces, and a normal user: everybody gets a server, and no permission changes."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from embedded_postgres import identity
from embedded_postgres.data_folder import give_to, server_processes
from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.identity import Identity, choose_home, copy_binaries, find_bin_dir, namespace, nobody
from embedded_postgres.place import Place
from tests.embedded_postgres.conftest import leave_nothing
from tests.embedded_postgres.harness import (
    CHECKOUT,
    HoldingProcess,
    answers,
    eventually,
    kill_all,
    pid_of,
    query,
    wait_until_gone,
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="about root; every other test runs as this normal user")
with_namespaces = pytest.mark.skipif(
    os.geteuid() == 0 and not namespace().can("true"), reason="user namespaces are not allowed on this machine"
)
UNSHARE_NUMBER = {"x86_64": 272, "aarch64": 97}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can pass; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="checkout-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def python_of(identity: Identity) -> str:
    """Return a Python with psycopg that the user can run; skip when there is none."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        script = 'PYTHONPATH="$2" exec "$1" -c "import psycopg"'
        if identity.can(script, python, packages()):
            return python
    pytest.skip(f"no Python with psycopg that uid {identity.uid} can run")


def packages() -> Path:
    return Path(psycopg.__file__).parents[1]


def forbid_namespaces() -> None:
    """Let unshare fail with EPERM in this process and its children, as Docker's default profile does."""
    # Load the number of the call; if it is unshare answer EPERM, else allow.
    number = UNSHARE_NUMBER[platform.machine()]
    steps = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HL", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    set_seccomp, filter_mode = 22, 2
    if libc.prctl(set_seccomp, filter_mode, ctypes.c_char_p(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


without_namespaces = pytest.mark.skipif(
    os.geteuid() != 0 or platform.machine() not in UNSHARE_NUMBER or sys.platform != "linux",
    reason="the filter that forbids user namespaces needs root, Linux and a known processor",
)


@as_root
@with_namespaces
def test_root_runs_the_server_below_a_closed_folder_and_owns_the_files(stopped_cluster: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    data_dir = closed / "checkout" / ".data" / "postgres"

    with HoldingProcess(data_dir) as holder:
        assert answers(holder.url)
    leave_nothing(data_dir)

    assert {path.stat().st_uid for path in data_dir.rglob("*")} == {0}
    assert closed.stat().st_mode & 0o777 == 0o700


@without_namespaces
@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_without_namespaces_root_runs_the_server_as_nobody_even_below_a_closed_folder(
    open_folder: Path, mode: int
) -> None:
    open_folder.chmod(mode)
    data_dir = open_folder / ".data" / "postgres"

    with HoldingProcess(data_dir, preexec_fn=forbid_namespaces) as holder:
        assert answers(holder.url)
        kill_all([pid_of(holder.url, "checkpointer")])
        eventually(lambda: answers(holder.url))
    leave_nothing(data_dir)

    assert {path.stat().st_uid for path in (data_dir, *data_dir.rglob("*"))} == {nobody().uid}
    assert data_dir.stat().st_mode & 0o777 == 0o700
    assert data_dir.parent.stat().st_uid == 0
    assert open_folder.stat().st_mode & 0o777 == mode


@without_namespaces
def test_a_database_made_with_namespaces_works_without_them_and_with_them_again(data_dir: Path) -> None:
    with HoldingProcess(data_dir, preexec_fn=forbid_namespaces) as holder:
        with psycopg.connect(holder.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        holder.leave()
    wait_until_gone(data_dir)

    with HoldingProcess(data_dir) as holder:
        assert query(holder.url, "SELECT answer FROM kept") == 42


@as_root
@with_namespaces
def test_root_runs_the_server_below_a_closed_folder_of_another_user(open_folder: Path) -> None:
    os.chown(open_folder, nobody().uid, nobody().gid)
    open_folder.chmod(0o700)
    data_dir = open_folder / ".data" / "postgres"

    with HoldingProcess(data_dir) as holder:
        assert answers(holder.url)
    leave_nothing(data_dir)


@as_root
def test_a_copy_of_the_binaries_can_be_run_by_everybody(open_folder: Path) -> None:
    bin_dir = copy_binaries(find_bin_dir(), open_folder)

    assert nobody().can('"$1" --version && "$2" --version', bin_dir / "postgres", bin_dir / "initdb")
    assert copy_binaries(find_bin_dir(), open_folder) == bin_dir
    assert [path.name for path in open_folder.iterdir()] == [bin_dir.parents[2].name]


@as_root
def test_binaries_that_another_user_cannot_reach_are_copied_for_him(
    data_dir: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreachable = copy_binaries(find_bin_dir(), data_dir.parent)
    give_to(data_dir, nobody().uid, nobody().gid)
    monkeypatch.setattr(identity, "ROOTS_OF_COPIES", (open_folder,))

    home = choose_home(Place.of(data_dir), unreachable)

    assert home.identity == nobody()
    assert home.bin_dir.is_relative_to(open_folder)
    assert home.identity.can(identity.RUNS, home.bin_dir)


@as_root
def test_a_normal_user_gets_a_server_of_his_own_and_root_is_told_so(open_folder: Path) -> None:
    user = nobody()
    os.chown(open_folder, user.uid, user.gid)
    open_folder.chmod(0o700)
    data_dir = open_folder / ".data" / "postgres"

    with hold_as(user, data_dir) as holder:
        assert answers(holder.url)  # root may pass the closed folder of the socket
        with HoldingProcess(data_dir) as roots, pytest.raises(EmbeddedPostgresError, match="locked by") as caught:
            assert roots.url
        holder.leave()

    place = Place(data_dir, user.uid)
    assert str(place.runtime_dir) in holder.url
    assert caught.value.code == "locked"
    eventually(lambda: not server_processes(data_dir) and not place.runtime_dir.exists())
    assert {path.stat().st_uid for path in data_dir.rglob("*")} == {user.uid}


@as_root
def test_a_normal_user_is_told_what_he_cannot_write(open_folder: Path) -> None:
    (open_folder / ".data").mkdir(mode=0o755)

    with (
        hold_as(nobody(), open_folder / ".data" / "postgres") as holder,
        pytest.raises(EmbeddedPostgresError, match="Permission denied") as caught,
    ):
        assert holder.url

    assert caught.value.code == "not_writable"
    assert str(open_folder) in caught.value.problem


def hold_as(user: Identity, data_dir: Path) -> HoldingProcess:
    """Start a holding process of another user."""
    return HoldingProcess(
        data_dir,
        python=python_of(user),
        environment={"PYTHONPATH": f"{CHECKOUT}:{packages()}"},
        user=user.uid,
        group=user.gid,
        extra_groups=[],
        cwd="/",
    )
