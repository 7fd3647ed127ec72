"""R10: any number of workers may run; each signal is decided once and traded for real at most once."""

from __future__ import annotations

from functools import partial
from uuid import UUID, uuid4

import pytest
from django.db import connection

from experiments.models import Experiment
from experiments.worker import queue as claim
from experiments.worker.pipeline import drain, process_batch
from experiments.worker.queue import Batch
from signals_app.models import Signal
from tests.database import rows, value
from tests.factories import make_available, make_experiment, make_signal
from tests.threads import succeeded, together, uncommitted

pytestmark = pytest.mark.django_db(transaction=True)


def test_r10_1_many_workers_on_one_signal_make_one_experiment() -> None:
    signal = make_signal()
    batch = Batch(uuid4(), [signal.pk])

    decided = succeeded(together(*[partial(process_batch, batch, [signal.pk])] * 6))

    assert sum(len(result) for result in decided) == 1
    assert Experiment.objects.count() == 1


def test_r10_1_many_draining_workers_make_one_experiment_of_each_signal() -> None:
    make_available("A", "B")
    for _ in range(30):
        make_signal()

    decided = succeeded(together(*[drain] * 4))

    assert sum(decided) == Experiment.objects.count() == 30


def test_r10_2_context_experiment_decision_and_mark_are_one_transaction() -> None:
    signal = make_signal()
    tables = ("market_contexts", "experiments", "execution_policy", "signal_distributions")

    with uncommitted(drain):
        assert [value(f"SELECT count(*) FROM {table}") for table in tables] == [0, 0, 0, 0]
        assert Signal.objects.get(pk=signal.pk).status == "PENDING"

    assert [value(f"SELECT count(*) FROM {table}") for table in tables] == [1, 1, 1, 2]
    # READ COMMITTED is enough, because the row lock and the unique keys exclude every race.
    assert value("SHOW transaction_isolation") == "read committed"


def test_r10_3_a_signal_that_has_its_experiment_is_skipped() -> None:
    experiment = make_experiment("A")

    assert process_batch(Batch(uuid4(), [experiment.signal_id]), [experiment.signal_id]) == []
    assert drain() == 0
    assert Experiment.objects.count() == 1


def test_r10_4_a_signal_that_one_worker_has_locked_is_passed_over_by_others() -> None:
    signal = make_signal()
    assert "FOR UPDATE SKIP LOCKED" in claim.LOCK

    with uncommitted(partial(claim.lock_signals, [signal.pk])):
        assert drain() == 0

    assert drain() == 1


def test_r10_5_a_signal_in_work_is_written_down_and_then_marked_with_its_claim() -> None:
    signal = make_signal()
    batch = claim.claim_fresh(10)
    assert batch is not None

    assert rows("SELECT token, signal_ids, backend_pid FROM worker_batches") == [
        (batch.token, [signal.pk], connection.connection.info.backend_pid)
    ]
    process_batch(batch, batch.signal_ids)
    claim.finish(batch)

    lock: UUID | None = Signal.objects.get(pk=signal.pk).processing_lock
    assert lock == batch.token
    assert value("SELECT count(*) FROM worker_batches") == 0
