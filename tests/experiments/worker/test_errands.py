"""Errands: work in processes of their own, which end with their supervisor."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from experiments.worker import queue, supervisor
from experiments.worker.liveness import HANG_LIMIT
from experiments.worker.supervisor import ClusterSupervisor, Errand, run_apart
from experiments.worker.tasks import run_when_due
from tests.database import execute, value
from tests.processes.harness import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def errands() -> Iterator[list[Errand]]:
    """None; whatever a test adds is gone after it."""
    before = list(supervisor.ERRANDS)
    supervisor.ERRANDS.clear()
    yield supervisor.ERRANDS
    supervisor.ERRANDS[:] = before
    connection.close()


def run_all(errands: list[Errand]) -> list[int | None]:
    """Run what is due to its end; the exit codes."""
    worker = ClusterSupervisor()
    worker.run_errands(worker.look()[1])
    return [ended(errand) for errand in errands]


def ended(errand: Errand) -> int | None:
    assert errand.process is not None
    errand.process.join(30)
    return errand.process.exitcode


def test_the_session_of_one_that_waits_for_nobody_outside_ends_if_it_hangs(
    errands: list[Errand], tmp_path: Path
) -> None:
    def note(name: str) -> None:
        (tmp_path / name).write_text(str(value("SHOW idle_in_transaction_session_timeout")))

    run_apart("true", lambda: note("limited"), every=0.0, is_limited=True)
    run_apart("true", lambda: note("free"), every=0.0)

    assert run_all(errands) == [0, 0]

    assert (tmp_path / "limited").read_text() == HANG_LIMIT
    assert (tmp_path / "free").read_text() == "0"


def test_one_that_hangs_is_ended_told_and_delays_nobody(
    errands: list[Errand], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_apart("true", lambda: time.sleep(60), every=0.0, longest=0.0)
    run_apart("true", (tmp_path / "done").touch, every=0.0)
    run_apart("false", (tmp_path / "not due").touch, every=0.0)
    worker = ClusterSupervisor()

    worker.run_errands(worker.look()[1])
    wait_until((tmp_path / "done").exists, what="the other errand")
    worker.run_errands(worker.look()[1])

    assert ended(errands[0]) == -9
    assert ended(errands[1]) == 0
    assert not (tmp_path / "not due").exists()
    assert re.search(r'"error": "killed after \d+ s"', capfd.readouterr().err)


def test_what_a_killed_one_has_asked_for_is_ended_and_piles_up_nowhere(errands: list[Errand]) -> None:
    run_apart("true", lambda: execute("SELECT pg_sleep(60)"), every=0.0, longest=0.0)
    worker = ClusterSupervisor()
    worker.run_errands(worker.look()[1])
    wait_until(lambda: sleeping() == 1, what="its statement")

    worker.run_errands(worker.look()[1])
    assert ended(errands[0]) == -9

    wait_until(lambda: sleeping() == 0, seconds=30, what="the end of what it has asked for")


def sleeping() -> int:
    """How many statements of errands run."""
    return int(
        value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()")
    )


def test_one_whose_database_is_lost_says_so_and_is_due_again(
    errands: list[Errand], capfd: pytest.CaptureFixture[str]
) -> None:
    run_apart("true", lambda: execute("SELECT pg_terminate_backend(pg_backend_pid())"), every=0.0)

    assert run_all(errands) == [0]

    assert '"event": "worker.database_unavailable"' in capfd.readouterr().err


def divide_by_zero() -> None:
    1 / 0  # noqa: B018 (what it raises is wanted)


def test_one_that_raises_is_told_by_the_name_of_what_it_does(
    errands: list[Errand], capfd: pytest.CaptureFixture[str]
) -> None:
    run_when_due("SELECT true", divide_by_zero)
    due_work = queue.DUE_WORK.pop()

    assert run_all(errands) == [1]

    said = capfd.readouterr().err
    assert f'"what": "{due_work[1]}", "error": "ZeroDivisionError: division by zero"' in said
    assert '"event": "worker.errand_failed"' in said


def test_the_plan_of_what_is_asked_all_the_time_stays_good_when_tables_grow(errands: list[Errand]) -> None:
    """It is made once, maybe while they are empty."""
    worker = ClusterSupervisor()

    worker.look()

    assert value("SHOW enable_seqscan") == "off"
