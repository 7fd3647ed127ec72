"""The queue is kept by the database: a signal that is to be tried is in it or in one batch, whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest
from django.db import connection

from experiments.services import discard_failed
from experiments.worker import queue as claim
from experiments.worker.pipeline import drain, process_batch, process_claimed
from orchestrator_site.invariants import INVARIANTS
from signals_app.models import Signal
from tests.database import execute, row_of, rows, value
from tests.experiments.raw_rows import corrupt_payload, without_triggers
from tests.factories import make_signal
from tests.policies.control import ADA
from tests.threads import (
    in_background,
    succeeded,
    together,
    uncommitted,
    wait_for_blocked_sessions,
    waiting_for_nobody,
)

pytestmark = pytest.mark.django_db
(ONE_PLACE,) = (one for one in INVARIANTS if one.name == "signals_wait_in_one_place")
QUEUED = "SELECT signal_id FROM waiting_signals ORDER BY is_retry, due_at"


def queued() -> list[UUID]:
    return [signal_id for (signal_id,) in rows(QUEUED)]


def claimed() -> set[UUID]:
    return {signal_id for (signal_id,) in rows("SELECT unnest(signal_ids) FROM worker_batches")}


def all_in_one_place() -> bool:
    return list(ONE_PLACE.violations()) == []


def claim_of(count: int) -> claim.Batch:
    """Claim so many fresh signals."""
    batch = claim.claim_fresh(count)
    assert batch is not None
    return batch


def end_of_its_worker() -> None:
    """Let the session that has claimed be one that is gone."""
    execute("UPDATE worker_batches SET backend_pid = 1")


# Whoever stores a signal


def by_the_models(signals: list[Signal]) -> None:
    Signal.objects.bulk_create(signals)


def by_copy(signals: list[Signal]) -> None:
    with connection.cursor() as cursor:
        with cursor.copy("COPY elsewhere TO STDOUT") as out:
            text = b"".join(bytes(part) for part in out)
        with cursor.copy("COPY signals FROM STDIN") as copy:
            copy.write(text)


def move_elsewhere() -> None:
    """Let the signals be rows of another table, as of a dump, and nothing be here."""
    execute("CREATE TEMPORARY TABLE elsewhere ON COMMIT DROP AS SELECT * FROM signals")
    with without_triggers():
        execute("DELETE FROM signals; DELETE FROM waiting_signals")


@pytest.mark.parametrize("way", [by_the_models, by_copy])
def test_whoever_stores_signals_has_them_decided(way: Callable[[list[Signal]], None]) -> None:
    signals = [make_signal() for _ in range(3)]
    move_elsewhere()

    way(signals)

    assert queued() == [signal.pk for signal in signals]
    assert drain() == 3


def test_a_signal_that_exists_is_not_queued_again() -> None:
    signal = make_signal()
    drain()

    execute("INSERT INTO signals SELECT * FROM signals ON CONFLICT DO NOTHING")

    assert (Signal.objects.get().pk, queued()) == (signal.pk, [])


@pytest.mark.parametrize(
    ("state", "place"),
    [
        ("status = 'FAILED', attempts = 2, next_attempt_at = now() + interval '1 hour'", [True]),
        ("status = 'FAILED', attempts = 5", []),
        ("status = 'PROCESSED', processed_at = now()", []),
    ],
)
def test_of_restored_rows_those_are_queued_that_are_to_be_tried(state: str, place: list[bool]) -> None:
    signal = make_signal()
    execute(f"UPDATE signals SET {state}")
    move_elsewhere()

    execute("INSERT INTO signals SELECT * FROM elsewhere")

    assert rows("SELECT is_retry, signal_id FROM waiting_signals") == [(retry, signal.pk) for retry in place]
    assert all_in_one_place()


# A claim


def test_the_oldest_are_claimed_first_and_are_in_the_queue_no_more() -> None:
    first, second, third = (make_signal().pk for _ in range(3))

    batch = claim_of(2)

    assert set(batch.signal_ids) == claimed() == {first, second}
    assert queued() == [third]
    assert all_in_one_place()


def test_a_fresh_signal_waits_for_no_clock() -> None:
    """Its time of receipt is that of the host that received it, which may be ahead."""
    make_signal()
    execute("UPDATE waiting_signals SET due_at = now() + interval '1 minute'")

    assert claim.what_waits() == (False, True)
    assert drain() == 1


def test_whether_a_signal_waits_is_answered_by_the_index_however_many_are_not_due() -> None:
    execute("SET LOCAL enable_seqscan = off")

    plan = [line for (line,) in rows(f"EXPLAIN SELECT {claim.SIGNAL_WAITS}")]

    assert sum("Index Cond" in line for line in plan) == 2
    assert not any("Filter" in line for line in plan)


def test_what_is_decided_is_in_no_place_while_the_rest_of_its_batch_is_worked_on() -> None:
    for _ in range(4):
        make_signal()
    batch = claim_of(4)

    process_batch(batch, batch.signal_ids[:2])

    assert claimed() == set(batch.signal_ids[2:])
    assert all_in_one_place()


def test_what_fails_goes_from_the_batch_to_the_queue() -> None:
    signals = [make_signal().pk for _ in range(3)]
    batch = claim_of(3)

    claim.record_failure([signals[1]], "A test.")

    assert (queued(), claimed()) == ([signals[1]], {signals[0], signals[2]})
    assert row_of("waiting_signals", signal_id=signals[1])["is_retry"]
    assert all_in_one_place()
    assert process_claimed(claim.Batch(batch.token, [signals[0], signals[2]])) == 2


def test_killed_after_a_failure_was_recorded_its_signal_counts_no_second_attempt() -> None:
    signals = [make_signal().pk for _ in range(3)]
    claim_of(3)
    claim.record_failure([signals[1]], "A test.")
    end_of_its_worker()

    released = {signal_id for signal_id, _, _ in claim.release_orphans()}

    assert released == {signals[0], signals[2]}
    assert rows("SELECT DISTINCT attempts FROM signals") == [(1,)]
    assert all_in_one_place()
    assert drain() == 3


def test_killed_in_the_middle_of_a_split_batch_only_the_rest_comes_back() -> None:
    for _ in range(4):
        make_signal()
    batch = claim_of(4)
    process_batch(batch, batch.signal_ids[:2])
    end_of_its_worker()

    assert {signal_id for signal_id, _, _ in claim.release_orphans()} == set(batch.signal_ids[2:])
    assert all_in_one_place()


def test_however_a_batch_ends_what_it_leaves_is_queued_again() -> None:
    signals = [make_signal().pk for _ in range(3)]
    claim_of(3)

    execute("DELETE FROM worker_batches")

    assert queued() == signals
    assert all_in_one_place()


def test_what_was_decided_by_a_batch_that_ends_is_not_queued() -> None:
    make_signal()
    batch = claim_of(1)
    process_batch(batch, batch.signal_ids)

    assert (queued(), claimed()) == ([], set())


def test_a_decision_writes_no_index_of_signals() -> None:
    """Where the page has room for the new row; before PostgreSQL 16 a BRIN index stands against it.

    Rows of tests that were rolled back keep their place in the file, and the row could come to stand at the end of a
    full page: the table gets an empty file.
    """
    if value("SHOW server_version_num") < "160000":
        pytest.skip("PostgreSQL 15 takes the index of ranges for one of rows")
    hot = "SELECT pg_stat_get_xact_tuples_hot_updated('signals'::regclass)"
    execute("TRUNCATE signals CASCADE")
    make_signal()
    before = value(hot)

    drain()

    assert value(hot) == before + 1


# An operator


def test_what_is_given_up_leaves_the_queue_and_comes_back_with_a_retry() -> None:
    signal = make_signal()
    corrupt_payload(signal.pk)
    drain()
    assert queued() == [signal.pk]

    execute("UPDATE signals SET attempts = 5, next_attempt_at = NULL")
    assert queued() == []

    claim.requeue([signal.pk])
    assert rows("SELECT is_retry, due_at, signal_id FROM waiting_signals") == [(False, signal.received_at, signal.pk)]
    assert all_in_one_place()


def test_a_discarded_signal_leaves_the_queue() -> None:
    signal = make_signal()
    corrupt_payload(signal.pk)
    drain()

    discard_failed(ADA, [signal.pk], reason="The sender was wrong.")

    assert queued() == []
    assert all_in_one_place()


def in_hand() -> tuple[Signal, claim.Batch]:
    """A failed signal that a worker has just claimed again."""
    signal = make_signal()
    claim_of(1)
    claim.record_failure([signal.pk], "A test.")
    execute("DELETE FROM worker_batches")
    batch = claim.claim_due()
    assert batch is not None
    return signal, batch


def test_a_retry_of_what_a_worker_has_in_hand_is_queued_when_its_batch_ends() -> None:
    signal, batch = in_hand()

    claim.requeue([signal.pk])
    assert queued() == []
    assert all_in_one_place()

    claim.finish(batch)
    assert queued() == [signal.pk]
    assert all_in_one_place()


# Races


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_ends_waits_for_no_operator_and_keeps_his_signal() -> None:
    signal, batch = in_hand()

    with uncommitted(partial(claim.requeue, [signal.pk])) as commit:
        with waiting_for_nobody():
            claim.finish(batch)
        assert (queued(), claimed()) == ([], {signal.pk})
        commit()

    assert all_in_one_place()
    assert drain() == 1
    assert (queued(), claimed()) == ([], set())


@pytest.mark.django_db(transaction=True)
def test_of_a_dead_workers_batch_what_somebody_holds_is_counted_once_he_lets_go() -> None:
    held, free = (make_signal().pk for _ in range(2))
    claim_of(2)
    end_of_its_worker()

    with uncommitted(partial(claim.lock_signals, [held])), waiting_for_nobody():
        assert [signal_id for signal_id, _, _ in claim.release_orphans()] == [free]
        assert (queued(), claimed()) == ([free], {held})
        assert claim.release_orphans() == []

    assert [signal_id for signal_id, _, _ in claim.release_orphans()] == [held]
    assert rows("SELECT DISTINCT attempts FROM signals") == [(1,)]
    assert all_in_one_place()


@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_the_queue_holds_what_was_true_before() -> None:
    definition = value("SELECT pg_get_functiondef('queue_what_a_batch_leaves'::regproc)")
    execute(definition.replace("FOR UPDATE SKIP LOCKED", ""))
    try:
        signal, batch = in_hand()
        with uncommitted(partial(claim.requeue, [signal.pk])) as commit:
            claim.finish(batch)
            commit()

        assert not all_in_one_place()
    finally:
        execute(definition)


def claim_all(count: int) -> list[UUID]:
    """Claim in small batches until nothing waits."""
    found: list[UUID] = []
    while (batch := claim.claim_fresh(count)) is not None:
        found += batch.signal_ids
    return found


@pytest.mark.django_db(transaction=True)
def test_of_workers_that_claim_at_once_no_two_get_the_same_signal() -> None:
    signals = [make_signal().pk for _ in range(60)]

    found = succeeded(together(*[partial(claim_all, 4)] * 6))

    assert sorted(signal_id for one in found for signal_id in one) == sorted(signals)
    assert all_in_one_place()


@pytest.mark.django_db(transaction=True)
def test_a_claim_passes_over_what_another_worker_claims_at_this_moment() -> None:
    first, second = (make_signal().pk for _ in range(2))

    with uncommitted(partial(claim.claim_fresh, 1)):
        assert claim_of(1).signal_ids == [second]

    assert claimed() == {first, second}


@pytest.mark.django_db(transaction=True)
def test_control_without_skipping_a_claim_waits_and_comes_back_with_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        make_signal()
    monkeypatch.setattr(claim, "CLAIM_FRESH", claim.CLAIM_FRESH.replace("FOR UPDATE SKIP LOCKED", ""))

    with uncommitted(partial(claim.claim_fresh, 1)) as commit, in_background(partial(claim.claim_fresh, 1)) as other:
        wait_for_blocked_sessions()
        commit()
        assert other.result() is None

    assert len(queued()) == 1


@pytest.mark.django_db(transaction=True)
def test_control_without_taking_them_out_every_worker_claims_every_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    make_signal()
    insert = claim.CLAIM_FRESH.partition("INSERT INTO")
    monkeypatch.setattr(
        claim, "CLAIM_FRESH", "WITH taken AS (SELECT signal_id FROM waiting_signals) INSERT INTO" + insert[2]
    )

    assert claim_of(1).signal_ids == claim_of(1).signal_ids
    assert not all_in_one_place()


def test_what_is_pending_is_counted_claimed_or_not() -> None:
    signals = [make_signal() for _ in range(3)]
    claim_of(2)

    assert sorted(rows("SELECT received_at, signal_id FROM pending_signals")) == sorted(
        (signal.received_at, signal.pk) for signal in signals
    )
    drain()
    assert rows("SELECT FROM pending_signals") == []
