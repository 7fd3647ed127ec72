"""The heart beats where the result of a drain arrives, and nothing that happens there may end the monitor."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import Any

import pytest
from django.db import connection
from django_q.signals import post_execute

from experiments.models import WorkerHeartbeat
from experiments.worker import liveness
from experiments.worker.liveness import DRAIN, SUPERVISED, Heartbeat
from experiments.worker.pipeline import drain_signals
from tests.database import execute, rows
from tests.threads import in_background

pytestmark = pytest.mark.django_db(transaction=True)

DRAINED: dict[str, Any] = {"func": DRAIN, "success": True}


def beats() -> list[str]:
    return [beat.cluster for beat in WorkerHeartbeat.objects.all()]


def test_a_drain_that_came_through_beats_for_its_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SUPERVISED, "desk:1")

    Heartbeat().task_executed(None, DRAINED)

    assert beats() == ["desk:1"]


def test_every_cluster_listens_to_its_monitor() -> None:
    post_execute.send(sender="django_q", task=DRAINED)

    assert len(beats()) == 1


def test_the_name_is_that_of_the_task() -> None:
    assert f"{drain_signals.__module__}.{drain_signals.__name__}" == DRAIN


@pytest.mark.parametrize(
    "task", [DRAINED | {"success": False}, DRAINED | {"func": "experiments.worker.schedules.prune"}, {}]
)
def test_a_drain_that_failed_and_other_tasks_are_no_beat(task: dict[str, Any]) -> None:
    Heartbeat().task_executed(None, task)

    assert beats() == []


def test_it_is_written_down_once_per_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now = monotonic()
    monkeypatch.setattr(liveness, "monotonic", lambda: now)
    heart = Heartbeat()
    heart.task_executed(None, DRAINED)
    execute("DELETE FROM worker_heartbeats")

    heart.task_executed(None, DRAINED)
    assert beats() == []

    now += 1.0
    heart.task_executed(None, DRAINED)
    assert len(beats()) == 1


def test_a_lost_session_only_delays_the_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    heart = Heartbeat()
    (pid,) = rows("SELECT pg_backend_pid()")[0]
    with in_background(partial(execute, "SELECT pg_terminate_backend(%s, 5000)", pid)) as other:
        other.result()
    # As if the session had been lost just after it was looked at.
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)

    heart.task_executed(None, DRAINED)
    assert beats() == []

    heart.task_executed(None, DRAINED)
    assert len(beats()) == 1
