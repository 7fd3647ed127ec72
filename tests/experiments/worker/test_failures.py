"""What becomes of signals that cannot be decided: found, counted, tried again, and in nobody's way."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError

from experiments.models import Experiment
from experiments.worker import queue as claim
from experiments.worker.pipeline import drain
from signals_app.models import Signal
from tests.database import execute, row_of, rows, value
from tests.experiments.raw_rows import corrupt_payload, repair_payload, without_triggers
from tests.factories import make_available, make_signal
from tests.threads import uncommitted

CORRUPT = "SignalCorruptError: signal_hash does not follow from the signal's identity and payload"


def state_of(signal: Signal) -> tuple[str, int, str]:
    row = row_of("signals", signal_id=signal.pk)
    return row["status"], row["attempts"], row["last_error"]


def seconds_until_next_attempt(signal: Signal) -> float | None:
    query = "SELECT extract(epoch FROM next_attempt_at - now())::float8 FROM signals WHERE signal_id = %s"
    seconds: float | None = value(query, signal.pk)
    return seconds


def make_due(signal: Signal) -> None:
    execute("UPDATE signals SET next_attempt_at = now() WHERE signal_id = %s", signal.pk)


def make_unstorable(signal: Signal) -> None:
    """Give the signal a context already, so that only the database can refuse to store its batch."""
    execute(
        "INSERT INTO market_contexts (signal_id, context, context_hash, created_at)"
        " VALUES (%s, '{}', encode(sha256('{}'), 'hex'), now())",
        signal.pk,
    )


# A signal that was changed behind its hash


@pytest.mark.django_db
def test_a_corrupt_signal_fails_and_the_others_of_its_batch_are_decided() -> None:
    signals = [make_signal() for _ in range(9)]
    corrupt_payload(signals[4].pk)

    assert drain() == 8

    assert {signal.pk for signal in Signal.objects.filter(status="PROCESSED")} == {
        signal.pk for signal in signals if signal != signals[4]
    }
    assert not Experiment.objects.filter(signal=signals[4]).exists()
    # The first retry follows at once, in the same drain.
    assert state_of(signals[4]) == ("FAILED", 2, CORRUPT)
    assert value("SELECT count(*) FROM worker_batches") == 0


@pytest.mark.django_db
def test_several_corrupt_signals_stop_nobody() -> None:
    signals = [make_signal() for _ in range(16)]
    for signal in signals[::5]:
        corrupt_payload(signal.pk)

    assert drain() == 12
    assert Signal.objects.filter(status="FAILED").count() == 4


@pytest.mark.django_db
def test_attempts_are_spaced_until_only_an_operator_tries_again() -> None:
    signal = make_signal()
    corrupt_payload(signal.pk)
    drain()

    waits = [seconds_until_next_attempt(signal)]
    for _ in range(3):
        make_due(signal)
        drain()
        waits.append(seconds_until_next_attempt(signal))

    assert waits == [10.0, 20.0, 40.0, None]
    assert state_of(signal) == ("FAILED", 5, CORRUPT)
    assert claim.MAX_ATTEMPTS == 5


@pytest.mark.django_db
def test_a_signal_is_not_tried_before_its_time() -> None:
    signal = make_signal()
    corrupt_payload(signal.pk)
    drain()
    repair_payload(signal.pk)

    assert drain() == 0
    assert state_of(signal) == ("FAILED", 2, CORRUPT)


@pytest.mark.django_db
def test_a_signal_that_recovers_is_decided_and_its_error_is_gone() -> None:
    signal = make_signal()
    corrupt_payload(signal.pk)
    drain()
    repair_payload(signal.pk)
    make_due(signal)

    assert drain() == 1

    assert state_of(signal) == ("PROCESSED", 2, "")
    assert seconds_until_next_attempt(signal) is None
    assert Experiment.objects.filter(signal=signal).count() == 1


@pytest.mark.django_db
def test_a_failed_signal_does_not_delay_fresh_ones() -> None:
    corrupt = make_signal()
    corrupt_payload(corrupt.pk)
    drain()
    make_due(corrupt)
    fresh = make_signal()

    assert drain() == 1
    assert Experiment.objects.filter(signal=fresh).exists()


@pytest.mark.django_db
def test_requeue_gives_failed_signals_all_their_attempts_back() -> None:
    signal, decided = make_signal(), make_signal()
    corrupt_payload(signal.pk)
    drain()
    repair_payload(signal.pk)

    assert claim.requeue([signal.pk, decided.pk, UUID(int=1)]) == 1

    assert state_of(signal) == ("PENDING", 0, "")
    assert drain() == 1
    assert state_of(signal) == ("PROCESSED", 0, "")


@pytest.mark.django_db
def test_requeue_leaves_a_decided_signal_alone() -> None:
    signal = make_signal()
    drain()

    assert claim.requeue([signal.pk]) == 0
    assert state_of(signal)[0] == "PROCESSED"


@pytest.mark.django_db
def test_a_failure_is_logged_with_signal_attempt_and_error(caplog: pytest.LogCaptureFixture) -> None:
    signal = make_signal()
    corrupt_payload(signal.pk)

    with caplog.at_level(logging.ERROR):
        drain()

    lines: list[Any] = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    failures = [line for line in lines if line["event"] == "signal.processing_failed"]
    assert [(line["signal_id"], line["attempts"], line["error"]) for line in failures] == [
        (str(signal.pk), 1, CORRUPT),
        (str(signal.pk), 2, CORRUPT),
    ]
    assert all("experiment_id" in line for line in failures)


@pytest.mark.django_db
def test_nothing_is_logged_as_decided_that_was_rolled_back(caplog: pytest.LogCaptureFixture) -> None:
    signal, corrupt = make_signal(), make_signal()
    corrupt_payload(corrupt.pk)

    with caplog.at_level(logging.INFO):
        drain()

    decided = [line for line in caplog.text.splitlines() if "experiment.created" in line]
    assert len(decided) == 1
    assert str(signal.pk) in decided[0]


# A row that only the database can refuse


@pytest.mark.django_db
@pytest.mark.parametrize("position", [0, 3, 6])
def test_a_row_the_database_refuses_is_found_by_splitting_the_batch(position: int) -> None:
    signals = [make_signal() for _ in range(7)]
    make_unstorable(signals[position])

    assert drain() == 6

    status, attempts, error = state_of(signals[position])
    assert (status, attempts) == ("FAILED", 2)
    assert error.startswith('IntegrityError: duplicate key value violates unique constraint "market_contexts_pkey"')
    assert Experiment.objects.count() == 6


@pytest.mark.django_db
def test_a_refused_signal_leaves_no_row_behind() -> None:
    signal = make_signal()
    make_unstorable(signal)

    drain()

    tables = ("experiments", "execution_policy", "signal_distributions", "worker_batches")
    assert [value(f"SELECT count(*) FROM {table}") for table in tables] == [0, 0, 0, 0]


@pytest.mark.django_db
def test_a_refused_signal_is_decided_once_its_cause_is_gone() -> None:
    signal = make_signal()
    make_unstorable(signal)
    drain()

    with without_triggers():
        execute("DELETE FROM market_contexts")
    claim.requeue([signal.pk])

    assert drain() == 1


@contextmanager
def refusing_contexts_of(signal: Signal, *, state: str) -> Iterator[None]:
    """Let the database refuse to store one signal's context with this SQLSTATE."""
    execute(f"""
        CREATE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{state}'; END $$;
        CREATE TRIGGER refuse_one BEFORE INSERT ON market_contexts FOR EACH ROW
        WHEN (NEW.signal_id = '{signal.pk}') EXECUTE FUNCTION refuse_one();
    """)
    try:
        yield
    finally:
        execute("DROP TRIGGER refuse_one ON market_contexts; DROP FUNCTION refuse_one();")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", ["54000", "54001", "22003", "XX000", "P0001"])
def test_a_signal_too_large_or_wrong_for_the_database_delays_no_other(state: str) -> None:
    signals = [make_signal() for _ in range(7)]

    with refusing_contexts_of(signals[3], state=state):
        assert drain() == 6

    assert state_of(signals[3])[:2] == ("FAILED", 2)
    assert "refused" in state_of(signals[3])[2]


# A database that is away is nobody's fault


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", ["40P01", "53100", "53200", "55P03", "57014"])
def test_a_database_that_is_full_busy_or_deadlocked_fails_no_signal(state: str) -> None:
    signals = [make_signal() for _ in range(3)]

    with refusing_contexts_of(signals[0], state=state), pytest.raises(OperationalError):
        drain()

    assert {state_of(signal) for signal in signals} == {("PENDING", 0, "")}
    assert drain() == 3


@pytest.mark.django_db(transaction=True)
def test_a_lost_database_fails_no_signal_and_the_next_drain_goes_on() -> None:
    signals = [make_signal() for _ in range(4)]

    with uncommitted(lambda: execute("LOCK TABLE experiments IN ACCESS EXCLUSIVE MODE")):
        execute("SET lock_timeout = '100ms'")
        with pytest.raises(OperationalError):
            drain()
        execute("SET lock_timeout = DEFAULT")

    assert {state_of(signal) for signal in signals} == {("PENDING", 0, "")}
    assert drain() == 4
    assert {state_of(signal) for signal in signals} == {("PROCESSED", 0, "")}
    assert value("SELECT count(*) FROM worker_batches") == 0


# A worker that dies


def leave_orphan(*signals: Signal) -> None:
    """Write down the batch of a worker whose database session is gone."""
    execute(
        "INSERT INTO worker_batches (token, signal_ids, backend_pid, backend_started_at, started_at)"
        " VALUES (gen_random_uuid(), %s, 1, now(), now())",
        [signal.pk for signal in signals],
    )


@pytest.mark.django_db
def test_signals_of_a_dead_worker_are_counted_and_decided_one_by_one() -> None:
    make_available("A", "B")
    signals = [make_signal() for _ in range(4)]
    leave_orphan(*signals)

    assert drain() == 4

    assert {state_of(signal) for signal in signals} == {("PROCESSED", 1, "")}
    # One batch each: whichever kills its worker dies alone.
    assert value("SELECT count(DISTINCT processing_lock) FROM signals") == 4
    assert value("SELECT count(*) FROM worker_batches") == 0


@pytest.mark.django_db
def test_signals_the_dead_worker_had_finished_are_left_alone() -> None:
    signal = make_signal()
    drain()
    before = row_of("signals", signal_id=signal.pk)
    leave_orphan(signal)

    assert drain() == 0
    assert row_of("signals", signal_id=signal.pk) == before
    assert value("SELECT count(*) FROM worker_batches") == 0


@pytest.mark.django_db
def test_a_signal_that_kills_every_worker_is_given_up_after_five() -> None:
    signal = make_signal()

    waits = []
    for _ in range(5):
        leave_orphan(signal)
        claim.release_orphans()
        waits.append(seconds_until_next_attempt(signal))

    assert waits == [0.0, 10.0, 20.0, 40.0, None]
    assert state_of(signal) == ("FAILED", 5, "The worker died while it was processing this signal.")
    assert drain() == 0
    assert claim.requeue([signal.pk]) == 1
    assert drain() == 1


@pytest.mark.django_db(transaction=True)
def test_a_batch_whose_session_lives_is_left_to_its_worker() -> None:
    signals = [make_signal() for _ in range(2)]
    own = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    workers: list[tuple[Any, ...]] = []

    with uncommitted(lambda: workers.extend(rows(own))) as end_worker:
        ((pid, start),) = workers
        leave_orphan(*signals)
        execute("UPDATE worker_batches SET backend_pid = %s, backend_started_at = %s", pid, start)

        assert claim.release_orphans() == []

        end_worker()


@pytest.mark.django_db
def test_a_session_that_got_a_dead_ones_number_does_not_pass_for_it() -> None:
    signal = make_signal()
    leave_orphan(signal)
    execute("UPDATE worker_batches SET backend_pid = pg_backend_pid(), backend_started_at = now() - interval '1 day'")

    assert claim.release_orphans() == [(signal.pk, signal.signal_hash, 1)]


@pytest.mark.django_db
def test_a_death_is_logged_for_every_signal_in_hand(caplog: pytest.LogCaptureFixture) -> None:
    signals = [make_signal() for _ in range(2)]
    leave_orphan(*signals)

    with caplog.at_level(logging.ERROR):
        drain()

    text = json.dumps([str(record.msg) for record in caplog.records])
    assert all(str(signal.pk) in text for signal in signals)
    assert text.count("The worker died while it was processing this signal.") == 2
