"""The schedules exist once, however many workers start together."""

from __future__ import annotations

from math import inf

import pytest
from django.utils.module_loading import import_string
from django_q.models import Schedule

from experiments.models import DecisionTime, Experiment, WorkerHeartbeat
from experiments.worker.schedules import EVERY_MINUTE, count_decision_times, ensure_schedules, prune
from tests.database import execute
from tests.factories import make_experiment
from tests.threads import in_background, succeeded, together, uncommitted, wait_for_blocked_sessions

LOCK = "SELECT pg_advisory_xact_lock(hashtext('orchestrator schedules'))"


def names() -> list[str]:
    return sorted(str(schedule.name) for schedule in Schedule.objects.all())


def make_all() -> None:
    for name, function in EVERY_MINUTE.items():
        Schedule.objects.create(name=name, func=function, schedule_type=Schedule.MINUTES, minutes=1)


@pytest.mark.django_db
def test_every_schedule_runs_each_minute_for_ever() -> None:
    ensure_schedules()

    schedules = {schedule.name: schedule for schedule in Schedule.objects.all()}
    assert {name: schedule.func for name, schedule in schedules.items()} == EVERY_MINUTE
    for schedule in schedules.values():
        assert (schedule.schedule_type, schedule.minutes, schedule.repeats) == (Schedule.MINUTES, 1, -1)


@pytest.mark.parametrize("function", EVERY_MINUTE.values())
def test_every_scheduled_function_exists(function: str) -> None:
    assert callable(import_string(function))


@pytest.mark.django_db
def test_starting_again_adds_nothing_and_keeps_an_operators_change() -> None:
    ensure_schedules()
    Schedule.objects.update(minutes=5)

    ensure_schedules()

    assert names() == sorted(EVERY_MINUTE)
    assert set(Schedule.objects.values_list("minutes", flat=True)) == {5}


@pytest.mark.django_db(transaction=True)
def test_workers_that_start_together_make_each_schedule_once() -> None:
    succeeded(together(*[ensure_schedules] * 6))

    assert names() == sorted(EVERY_MINUTE)


@pytest.mark.django_db(transaction=True)
def test_a_starting_worker_waits_for_one_that_is_making_the_schedules() -> None:
    def make_them_slowly() -> None:
        execute(LOCK)
        make_all()

    with uncommitted(make_them_slowly) as commit, in_background(ensure_schedules) as second:
        wait_for_blocked_sessions()
        commit()
        second.result()

    assert names() == sorted(EVERY_MINUTE)


@pytest.mark.django_db(transaction=True)
def test_control_beside_a_worker_that_takes_no_lock_every_schedule_is_made_twice() -> None:
    with uncommitted(make_all) as commit:
        ensure_schedules()
        commit()

    assert names() == sorted([*EVERY_MINUTE, *EVERY_MINUTE])


@pytest.mark.django_db
def test_pruning_forgets_old_heartbeats_and_keeps_young_ones() -> None:
    for cluster, age in (("old", "2 days"), ("young", "1 hour")):
        execute(f"INSERT INTO worker_heartbeats VALUES ('{cluster}', now() - interval '{age}')")

    prune()

    assert [beat.cluster for beat in WorkerHeartbeat.objects.all()] == ["young"]


def counted() -> dict[float, int]:
    return {one.up_to_seconds: one.decisions for one in DecisionTime.objects.all() if one.decisions}


@pytest.mark.django_db
def test_decisions_are_counted_by_how_long_they_took_each_once() -> None:
    for symbol in ("QQQ", "SPY"):
        make_experiment(symbol=symbol)
    first, second = Experiment.objects.values_list("signal_id", flat=True)
    execute("SET session_replication_role = replica")
    execute("UPDATE experiments SET created_at = now() - interval '40 seconds'")
    for signal, arrived in ((first, 40.003), (second, 100)):
        execute(
            "UPDATE signals SET received_at = now() - make_interval(secs => %s) WHERE signal_id = %s", arrived, signal
        )
    execute("SET session_replication_role = DEFAULT")

    count_decision_times()
    count_decision_times()

    assert counted() == {0.01: 1, inf: 1}
    assert 60.0 < sum(one.seconds for one in DecisionTime.objects.all()) < 60.1


@pytest.mark.django_db
def test_a_decision_that_may_not_be_committed_yet_is_counted_later() -> None:
    make_experiment()

    count_decision_times()
    assert counted() == {}

    execute("UPDATE decision_times SET counted_until = counted_until - interval '5 minutes'")
    execute("SET session_replication_role = replica")
    execute("UPDATE experiments SET created_at = created_at - interval '1 minute'")
    execute("UPDATE signals SET received_at = received_at - interval '1 minute'")
    execute("SET session_replication_role = DEFAULT")
    count_decision_times()
    assert sum(counted().values()) == 1
