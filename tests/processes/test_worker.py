"""The worker as real processes: it decides, and no kill stops it or loses a signal."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

from experiments.models import Experiment, WorkerHeartbeat
from experiments.worker import liveness
from kernel import process_group
from signals_app.models import Signal
from tests.chaos.services import service
from tests.factories import make_available, make_signal
from tests.processes.harness import descendants, is_alive, manage, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def all_decided(expected: int) -> bool:
    return Experiment.objects.count() == expected and not Signal.objects.exclude(status="PROCESSED").exists()


def wait_for_decisions(expected: int) -> None:
    wait_until(lambda: all_decided(expected), what=f"{expected} decisions")


def wait_for_ordinary_tasks() -> None:
    """Queue tasks as schedules do until one is done and struck off: by pusher, worker and monitor.

    One that a process had claimed when it died comes back only after minutes.
    """
    queued: list[int] = []

    def one_is_done() -> bool:
        if not queued or OrmQ.objects.filter(pk=queued[-1], lock__gt=timezone.now()).exists():
            async_task("math.copysign", 1, -1)  # type: ignore[no-untyped-call]  # django-q2 has no types
            queued.append(OrmQ.objects.latest("pk").pk)
            time.sleep(0.5)
        return OrmQ.objects.filter(pk__in=queued).count() < len(queued)

    wait_until(one_is_done, what="the end of an ordinary task")


def test_the_worker_decides_what_waits_and_what_comes_and_sigterm_ends_every_process(tmp_path: Path) -> None:
    make_available("A", "B")
    make_signal()

    with manage("worker", log=tmp_path / "log") as worker:
        wait_for_decisions(1)
        make_signal()
        wait_for_decisions(2)
        family = descendants(worker.pid)
        assert len(family) >= 4  # cluster, sentinel, worker, monitor, pusher
        loaded = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in (worker.pid, *family))
        assert "psycopg" in loaded
        # What pages need is in none of them.
        assert "pyarrow" not in loaded
        assert "cryptography" not in loaded

        worker.terminate()

        assert worker.wait(10) == 0
    wait_until(lambda: not any(map(is_alive, family)), seconds=5, what="the end of all processes")
    lines = (tmp_path / "log").read_text()
    assert '"event": "experiment.created"' in lines
    assert '"event": "policy.applied"' in lines


def test_a_task_that_takes_long_holds_up_no_decision(tmp_path: Path) -> None:
    """An evaluation that is judged, say; nor does the cluster count as hung while it runs."""
    make_available("A", "B")
    async_task("time.sleep", liveness.STARTING_SECONDS + 5)  # type: ignore[no-untyped-call]  # django-q2 has no types

    with service("worker", log=tmp_path / "log"):
        wait_until(OrmQ.objects.filter(lock__gt=timezone.now()).exists, what="a task in hand")
        make_signal()
        wait_for_decisions(1)
        assert OrmQ.objects.filter(lock__gt=timezone.now()).count() == 1
        wait_until(lambda: not OrmQ.objects.exists(), what="the end of the task")

    assert "worker.restarted" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("frozen", [slice(1, 2), slice(2, 3), slice(None)], ids=["sentinel", "worker", "all of it"])
def test_sigterm_ends_a_cluster_that_hangs_and_loses_nothing(tmp_path: Path, frozen: slice) -> None:
    make_available("A", "B")
    with service("worker", log=tmp_path / "log") as worker:
        make_signal()
        wait_for_decisions(1)
        for hung in worker.family()[1:][frozen]:
            os.kill(hung.pid, signal.SIGSTOP)
        make_signal()

        assert worker.stop() == 0
        wait_until(lambda: not worker.survivors(), seconds=5, what="the end of all processes")

    with manage("worker", log=tmp_path / "log"):
        wait_for_decisions(2)


def test_a_cluster_that_hangs_is_given_less_than_five_seconds_to_stop() -> None:
    assert liveness.STOP_SECONDS < process_group.STOP_SECONDS < 5


def test_a_killed_supervisor_takes_its_cluster_with_it(tmp_path: Path) -> None:
    with manage("worker", log=tmp_path / "log") as worker:
        wait_until(WorkerHeartbeat.objects.exists, what="the first heartbeat")
        family = descendants(worker.pid)

        worker.kill()

        wait_until(lambda: not any(map(is_alive, family)), seconds=10, what="the end of all processes")


@pytest.mark.parametrize("position", range(5), ids=["cluster", "sentinel", "child 1", "child 2", "child 3"])
def test_killing_any_process_of_the_cluster_stalls_nothing(tmp_path: Path, position: int) -> None:
    """An idle worker or monitor that is killed wedges django-q for good; the supervisor must notice."""
    make_available("A", "B")
    with manage("worker", log=tmp_path / "log") as worker:
        make_signal()
        wait_for_decisions(1)
        victim = descendants(worker.pid)[position]

        os.kill(victim, signal.SIGKILL)

        for _ in range(3):
            make_signal()
        wait_for_decisions(4)
        wait_for_ordinary_tasks()


def test_dropped_database_sessions_lose_nothing(tmp_path: Path) -> None:
    make_available("A", "B")
    with manage("worker", log=tmp_path / "log"):
        make_signal()
        wait_for_decisions(1)

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        make_signal()

        wait_for_decisions(2)
