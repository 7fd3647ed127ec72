"""Ordinary tasks that are run apart from the processes that decide."""

from __future__ import annotations

import pytest
from django.utils import timezone
from django_q.models import Failure, OrmQ
from django_q.tasks import async_task

from experiments.worker import tasks
from experiments.worker.queue import task_waits
from experiments.worker.tasks import run_tasks, run_while_due
from tests.database import execute, value

pytestmark = pytest.mark.django_db(transaction=True)


NOTE_DOWN = f"{__name__}.note_down"
RAN: list[str] = []


def note_down(what: str) -> None:
    RAN.append(what)


@pytest.fixture(autouse=True)
def _none_has_run() -> None:
    RAN.clear()


def enqueue(function: str, *arguments: object) -> None:
    async_task(function, *arguments)  # type: ignore[no-untyped-call]  # django-q2 has no types


def waits() -> object:
    return value(f"SELECT {task_waits().as_string()}")


def test_all_that_wait_are_run_and_struck_off() -> None:
    for name in ("one", "two", "three"):
        enqueue(NOTE_DOWN, name)
    assert waits() is True

    run_tasks()

    assert RAN == ["one", "two", "three"]
    assert not OrmQ.objects.exists()
    assert waits() is False


def test_without_a_task_it_ends() -> None:
    run_tasks()

    assert waits() is False


def test_one_that_fails_is_listed_with_its_reason_comes_again_and_does_not_stop_the_next() -> None:
    enqueue("math.sqrt", -1)
    enqueue(NOTE_DOWN, "the next")

    run_tasks()

    assert RAN == ["the next"]
    (failure,) = Failure.objects.all()
    assert "math domain error" in str(failure.result)
    assert OrmQ.objects.filter(lock__gt=timezone.now()).count() == 1


def test_what_another_has_in_hand_is_left_to_it() -> None:
    enqueue("math.sqrt", -1)
    execute("UPDATE django_q_ormq SET lock = now() + interval '1 minute'")

    run_tasks()

    assert waits() is False
    assert not Failure.objects.exists()


def test_when_the_time_is_over_no_further_task_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "TASKS_SECONDS", 0.0)
    enqueue("math.sqrt", -1)

    run_tasks()

    assert waits() is True


def test_what_is_due_is_done_again_while_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "DUE_SECONDS", 0.0)
    execute("CREATE TEMPORARY TABLE due AS SELECT generate_series(1, 3) AS id")

    run_while_due(
        "SELECT EXISTS (SELECT FROM due)", lambda: execute("DELETE FROM due WHERE id IN (SELECT min(id) FROM due)")
    )

    assert value("SELECT count(*) FROM due") == 0
    execute("DROP TABLE due")


def test_what_stays_due_is_left_to_the_next_process_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "DUE_SECONDS", 0.0)
    monkeypatch.setattr(tasks, "DUE_PROCESS_SECONDS", 0.05)

    run_while_due("true", lambda: note_down("again"))

    assert set(RAN) == {"again"}
