"""Many workers at once: one experiment per signal. Every race has its control without the guard."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction

from experiments.core.decision import Decided
from experiments.models import Experiment
from experiments.worker import queue as claim
from experiments.worker.pipeline import drain, process_batch, process_claimed
from experiments.worker.queue import Batch
from kernel.actors import Actor
from policies.services import engage_halt, release_halt
from signals_app.models import Signal
from tests.database import execute, rows, value
from tests.factories import make_available, make_experiment, make_policy, make_signal
from tests.threads import (
    in_background,
    succeeded,
    tables_without_constraints,
    together,
    uncommitted,
    unguarded,
    wait_for_blocked_sessions,
    wait_until,
    waiting_for_nobody,
)

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 6
ROWS_OF_A_DECISION = ("signals", "market_contexts", "experiments", "execution_policy", "signal_distributions")


def make_signals(count: int) -> list[UUID]:
    return [make_signal().pk for _ in range(count)]


def drain_in_small_batches() -> int:
    """Work as a worker does, but in batches of 7, so that workers meet all the time."""
    decided = 0
    while (batch := claim.claim_fresh(7)) is not None:
        decided += process_claimed(batch)
    return decided


def process(signal_ids: list[UUID]) -> list[Decided]:
    return process_batch(Batch(uuid4(), signal_ids), signal_ids)


def test_many_workers_make_exactly_one_experiment_of_each_signal() -> None:
    make_available("A", "B")
    make_signals(200)

    decided = succeeded(together(*[drain_in_small_batches] * WORKERS))

    assert sum(decided) == 200
    assert (
        value("SELECT count(*) FROM experiments") == value("SELECT count(DISTINCT signal_id) FROM experiments") == 200
    )
    assert value("SELECT count(*) FROM signal_distributions") == 400
    assert rows("SELECT DISTINCT status, attempts, last_error FROM signals") == [("PROCESSED", 0, "")]
    assert value("SELECT count(*) FROM worker_batches") == 0


def test_of_workers_that_claimed_the_same_signals_one_decides_each() -> None:
    signal_ids = make_signals(20)

    results = succeeded(together(*[partial(process, signal_ids)] * WORKERS))

    # Nearly always one worker locks all of them; two that begin at the same moment share them.
    decided = [one.signal.signal_id for result in results for one in result]
    assert sorted(decided) == sorted(map(str, signal_ids))
    assert Experiment.objects.count() == 20


# What a worker reads of the signals it works on, without lock and without asking whether they still wait.
READ_WITHOUT_LOCK = claim.LOCK.partition(" AND status")[0] + " ORDER BY received_at"


def test_control_without_lock_and_keys_every_worker_decides_every_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    signal_ids = make_signals(20)
    monkeypatch.setattr(claim, "LOCK", READ_WITHOUT_LOCK)

    with tables_without_constraints(*ROWS_OF_A_DECISION):
        succeeded(together(*[unguarded(partial(process, signal_ids))] * WORKERS))

        assert value("SELECT count(*) FROM unguarded.experiments") == 20 * WORKERS


def test_control_without_lock_the_keys_refuse_what_the_other_workers_write(monkeypatch: pytest.MonkeyPatch) -> None:
    signal_ids = make_signals(20)
    monkeypatch.setattr(claim, "LOCK", READ_WITHOUT_LOCK)

    results = together(*[partial(process, signal_ids)] * WORKERS)

    assert sum(isinstance(result, IntegrityError) for result in results) == WORKERS - 1
    assert Experiment.objects.count() == 20


def test_signals_that_one_worker_holds_are_skipped_by_others() -> None:
    held, free = make_signals(2)

    with uncommitted(partial(claim.lock_signals, [held])), waiting_for_nobody():
        assert drain_until_idle() == [free]
        assert drain_until_idle() == []

    assert drain_until_idle() == [held]


def drain_until_idle() -> list[UUID]:
    """Drain and return the ids of the signals that were decided by it."""
    before = set(Experiment.objects.values_list("signal_id", flat=True))
    drain()
    return [pk for pk in Experiment.objects.values_list("signal_id", flat=True) if pk not in before]


def test_a_worker_that_dies_in_the_middle_leaves_nothing_half_done() -> None:
    signal_ids = make_signals(3)

    def die() -> None:
        with transaction.atomic():
            process(signal_ids)
            raise SystemExit

    with in_background(die) as worker:
        assert isinstance(worker.exception(), SystemExit)

    assert [value(f"SELECT count(*) FROM {table}") for table in ROWS_OF_A_DECISION[1:]] == [0, 0, 0, 0]
    assert drain() == 3


def test_the_batch_of_a_session_that_ended_is_found_and_decided() -> None:
    make_signals(3)
    with in_background(partial(claim.claim_fresh, 10)) as worker:
        batch = worker.result()
    assert batch is not None
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE pid = (SELECT backend_pid FROM worker_batches)"
    wait_until(lambda: value(sessions) == 0, "the end of the worker's session")

    assert drain() == 3

    assert rows("SELECT DISTINCT status, attempts FROM signals") == [("PROCESSED", 1)]
    assert value("SELECT count(*) FROM worker_batches") == 0


def test_the_mark_of_a_signal_names_the_batch_that_decided_it() -> None:
    make_signals(14)

    succeeded(together(*[drain_in_small_batches] * 2))

    per_batch = rows("SELECT count(*) FROM signals GROUP BY processing_lock")
    assert sum(count for (count,) in per_batch) == 14
    assert all(count <= 7 for (count,) in per_batch)


# The kill switch and the policy while work goes on


def decide_while(change: Callable[[], object], table: str) -> Experiment:
    """Let a worker lock its signal, then commit a change before it reads the state in force."""
    signal = make_signal()

    def change_under_lock() -> None:
        execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        change()

    with uncommitted(change_under_lock) as commit, in_background(drain) as worker:
        wait_for_blocked_sessions()
        commit()
        assert worker.result() == 1
    return Experiment.objects.get(signal=signal)


def test_a_halt_counts_for_a_signal_that_a_worker_has_in_hand_already() -> None:
    make_available("A", "B")

    experiment = decide_while(lambda: engage_halt(Actor("ada"), reason="strange fills"), "halts")

    assert (experiment.decision.reason, experiment.decision.executed_engine) == ("HALTED", None)


def test_a_policy_counts_for_a_signal_that_a_worker_has_in_hand_already() -> None:
    make_available("A", "B")

    experiment = decide_while(lambda: make_policy(configured_mode="ENGINE_B_PRIMARY"), "policy_versions")

    assert (experiment.policy_version_id, experiment.decision.executed_engine) == (2, "B")


def test_a_halt_changes_no_decision_that_was_made_before_it() -> None:
    before = make_experiment("A")
    engage_halt(Actor("ada"), reason="strange fills")
    during = make_signal()
    drain()
    release_halt(Actor("ada"), reason="found it")
    after = make_signal()
    drain()

    reasons = [Experiment.objects.get(signal_id=pk).decision.reason for pk in (before.signal_id, during.pk, after.pk)]
    assert reasons == ["CONFIGURED", "HALTED", "CONFIGURED"]


def test_all_signals_of_a_batch_are_decided_by_one_policy_version() -> None:
    make_available("A", "B")
    make_signals(100)

    def edit() -> None:
        for split in range(5):
            make_policy(split_percentage=str(split))

    succeeded(together(drain_in_small_batches, drain_in_small_batches, edit))

    versions_per_batch = rows(
        "SELECT count(DISTINCT policy_version) FROM experiments JOIN signals USING (signal_id) GROUP BY processing_lock"
    )
    assert set(versions_per_batch) == {(1,)}
    assert Signal.objects.filter(status="PROCESSED").count() == 100
