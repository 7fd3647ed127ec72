"""Whatever is killed: acknowledged rows stay, and the processes that live get their server back under the same URL."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from embedded_postgres.data_folder import processes_in_table, server_processes
from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.identity import choose_home, find_bin_dir
from embedded_postgres.place import Place
from embedded_postgres.server import Guard
from tests.embedded_postgres.conftest import leave_nothing
from tests.embedded_postgres.harness import (
    HoldingProcess,
    Writer,
    answers,
    eventually,
    kill_all,
    pid_of,
    postmaster_pid,
    query,
    supervisor_pid,
    wait_until_gone,
)

ROWS = 200


@pytest.fixture(scope="module")
def holder(stopped_cluster: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HoldingProcess]:
    """A living holder of one server, which goes through all the crashes of this module."""
    data_dir = tmp_path_factory.mktemp("crashes") / "postgres"
    shutil.copytree(stopped_cluster, data_dir)
    with HoldingProcess(data_dir) as holding:
        assert holding.url
        yield holding
        holding.leave()
    leave_nothing(data_dir)


def kill_client_backend(holder: HoldingProcess) -> None:
    kill_all([pid_of(holder.url, "client backend' AND query LIKE 'INSERT%")])


def kill_checkpointer(holder: HoldingProcess) -> None:
    kill_all([pid_of(holder.url, "checkpointer")])


def kill_postmaster(holder: HoldingProcess) -> None:
    kill_all([postmaster_pid(holder.data_dir)])


def quit_postmaster(holder: HoldingProcess) -> None:
    kill_all([postmaster_pid(holder.data_dir)], signal.SIGQUIT)


def kill_every_server_process(holder: HoldingProcess) -> None:
    kill_all(server_processes(holder.data_dir))


def kill_supervisor(holder: HoldingProcess) -> None:
    kill_all([supervisor_pid(holder.data_dir)])


def kill_supervisor_and_server(holder: HoldingProcess) -> None:
    kill_all([supervisor_pid(holder.data_dir), *server_processes(holder.data_dir)])


FAULTS = [
    kill_client_backend,
    kill_checkpointer,
    kill_postmaster,
    quit_postmaster,
    kill_every_server_process,
    kill_supervisor,
    kill_supervisor_and_server,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_acknowledged_rows_survive_and_the_server_comes_back(
    holder: HoldingProcess, fault: Callable[[HoldingProcess], None]
) -> None:
    writer = Writer(holder.url)
    writer.wait_for_rows(ROWS)

    fault(holder)
    writer.wait_until_broken()
    eventually(lambda: answers(holder.url))

    assert writer.stored() == writer.acknowledged >= ROWS


def test_a_server_whose_owner_and_supervisor_are_killed_at_once_ends(data_dir: Path) -> None:
    with HoldingProcess(data_dir) as holder:
        assert holder.url
        holder.process.send_signal(signal.SIGSTOP)  # so that it cannot start another supervisor in between

        kill_all([supervisor_pid(data_dir), holder.process.pid])

        eventually(lambda: not server_processes(data_dir))
    with HoldingProcess(data_dir) as next_holder:
        assert answers(next_holder.url)


def test_a_server_that_recovers_from_a_crash_is_stopped_without_delay(data_dir: Path) -> None:
    # Asked for a fast shutdown meanwhile, PostgreSQL would stand still until the immediate one.
    with HoldingProcess(data_dir) as holder:
        url, supervisor = holder.url, supervisor_pid(data_dir)
        with psycopg.connect(url) as connection:
            # So that there is something to recover.
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000000)")
        kill_all([pid_of(url, "checkpointer")])
        eventually(lambda: not answers(url))
        # At once, not half a second after the last holder.
        holder.kill()
        os.kill(supervisor, signal.SIGTERM)
    wait_until_gone(data_dir)


def test_a_guard_stops_the_server_when_the_supervisor_dies(tmp_path: Path) -> None:
    """What macOS relies on, where no signal comes at the death of the parent."""
    ended = tmp_path / "ended"
    script = f"trap 'touch {ended}; exit' INT; while :; do sleep 0.05; done"
    # A shell cannot trap a signal that is ignored when it starts, as SIGINT is in background jobs.
    take_interrupts = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        ["/bin/sh", "-c", script],
        start_new_session=True,
        preexec_fn=take_interrupts,  # noqa: PLW1509 (no threads run here)
    ) as server:
        supervisor = os.fork()
        if supervisor == 0:
            Guard(server.pid)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(supervisor, 0)

        server.wait(60)
    assert ended.exists()


def test_a_dismissed_guard_sends_no_signal() -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as server:
        Guard(server.pid).dismiss()

        assert server.poll() is None
        server.kill()


def test_the_process_table_shows_the_postmaster_of_a_folder(holder: HoldingProcess) -> None:
    """How macOS finds orphans, where there is no /proc."""
    assert processes_in_table(holder.data_dir) == [postmaster_pid(holder.data_dir)]
    assert processes_in_table(holder.data_dir.parent) == []


@pytest.fixture
def stranger() -> Iterator[int]:
    """A live process of this user that has nothing to do with PostgreSQL."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def zombie() -> Iterator[int]:
    """A dead process that nobody has waited for, as in a container whose first process does not reap."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    yield pid
    os.waitpid(pid, 0)


def pid_file_of(pid: int, data_dir: Path) -> str:
    return f"{pid}\n{data_dir}\n1790000000\n5432\n{Place.of(data_dir).socket_dir}\n\n  1234567  99999999\nready   \n"


def write_pid_file(kind: str, data_dir: Path, request: pytest.FixtureRequest) -> None:
    """Leave what a power loss or a restarted container leaves."""
    if kind in ("stranger", "zombie"):
        content = pid_file_of(request.getfixturevalue(kind), data_dir)
    else:
        content = {"empty": "", "truncated": "12", "damaged": "\0\0\0\0garbage\n"}[kind]
    (data_dir / "postmaster.pid").write_text(content)


KINDS = ["stranger", "zombie", "empty", "truncated", "damaged"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stale_pid_file_does_not_keep_the_server_from_starting(
    kind: str, data_dir: Path, request: pytest.FixtureRequest
) -> None:
    write_pid_file(kind, data_dir, request)

    with HoldingProcess(data_dir) as holder:
        assert answers(holder.url)


@pytest.mark.parametrize("kind", ["stranger", "zombie", "empty", "damaged"])
def test_control_postgresql_alone_refuses_such_a_pid_file(
    kind: str, data_dir: Path, request: pytest.FixtureRequest
) -> None:
    """Show that the test above tests something: without the supervisor's care the server does not start."""
    write_pid_file(kind, data_dir, request)
    home = choose_home(Place.of(data_dir), find_bin_dir())

    process = home.identity.start(
        [home.bin_dir / "postgres", "-D", data_dir, "-k", data_dir.parent], subprocess.DEVNULL
    )

    assert process.wait(60) == 1


def test_a_socket_lock_file_of_a_stranger_does_not_keep_the_server_from_starting(data_dir: Path, stranger: int) -> None:
    place = Place.of(data_dir)
    place.socket_dir.mkdir(parents=True, mode=0o700)
    place.runtime_dir.chmod(0o700)
    (place.socket_dir / ".s.PGSQL.5432.lock").write_text(pid_file_of(stranger, data_dir))

    with HoldingProcess(data_dir) as holder:
        assert answers(holder.url)


@pytest.fixture
def orphan(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A running server of the data folder without a supervisor."""
    home = choose_home(Place.of(data_dir), find_bin_dir())
    command: list[str | Path] = [home.bin_dir / "postgres", "-D", data_dir, "-k", data_dir.parent]
    command += ["-c", "listen_addresses="]
    with home.identity.start(command, subprocess.DEVNULL) as process:
        eventually(lambda: len(server_processes(data_dir)) > 4)  # the postmaster and the helpers of a started server
        yield process
        process.kill()


@pytest.mark.parametrize("pid_file", ["intact", "damaged"])
def test_an_orphaned_server_is_stopped_politely_before_the_next_starts(
    data_dir: Path, orphan: subprocess.Popen[bytes], pid_file: str
) -> None:
    if pid_file == "damaged":
        (data_dir / "postmaster.pid").write_text("")

    with HoldingProcess(data_dir) as holder:
        assert answers(holder.url)
        assert orphan.wait(60) == 0


def test_a_removed_socket_folder_is_made_anew(data_dir: Path) -> None:
    with HoldingProcess(data_dir) as holder:
        place = Place.of(data_dir)
        assert answers(holder.url)

        place.control_socket.unlink()
        kill_all([postmaster_pid(data_dir)])  # wakes the supervisor at once

        eventually(lambda: place.control_socket.exists() and answers(holder.url))


def test_a_database_that_cannot_start_is_reported_with_the_servers_words(data_dir: Path) -> None:
    (data_dir / "global" / "pg_control").unlink()

    with HoldingProcess(data_dir) as holder, pytest.raises(EmbeddedPostgresError, match="pg_control") as caught:
        assert holder.url

    assert caught.value.code == "start_failed"


def test_a_database_removed_under_its_users_is_not_replaced_by_an_empty_one(data_dir: Path) -> None:
    with HoldingProcess(data_dir) as holder:
        assert query(holder.url, "SELECT 1") == 1
        supervisor = supervisor_pid(data_dir)

        data_dir.rename(data_dir.with_name("moved"))
        kill_all([supervisor])

        log = Place.of(data_dir).log_file
        eventually(lambda: "is gone" in log.read_text())
        assert not data_dir.exists()
        holder.kill()
    wait_until_gone(data_dir.with_name("moved"))
