"""The broker: ordinary tasks first, a drain while a signal waits that nobody has, and a beat now and then."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from experiments.models import Experiment
from experiments.worker import queue as claim
from experiments.worker.liveness import DRAIN, SUPERVISED
from experiments.worker.pipeline import drain, drain_signals
from experiments.worker.queue import SPACING_SECONDS, SignalBroker
from signals_app.webhook.store import CHANNEL
from tests.database import execute, rows, value
from tests.experiments.raw_rows import corrupt_payload
from tests.factories import make_signal
from tests.threads import in_background, uncommitted, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
# Longer than any test takes.
BEAT_SECONDS = 600.0


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> SignalBroker:
    """A broker whose last drain has reached its worker, while no beat is due; it pauses shortly."""
    monkeypatch.setattr(Conf, "POLL", 0.01)
    monkeypatch.setattr(claim, "HEARTBEAT_SECONDS", BEAT_SECONDS)
    broker = SignalBroker(list_key=str(Conf.CLUSTER_NAME))
    broker._last_drain = monotonic() - 10 * SPACING_SECONDS
    return broker


def enqueue(broker: SignalBroker) -> None:
    """Queue an ordinary task, as a schedule does."""
    async_task("math.copysign", 1, -1, broker=broker)  # type: ignore[no-untyped-call]  # django-q2 has no types


def functions(tasks: list[tuple[Any, str]] | None) -> list[str]:
    loaded: list[Any] = [SignedPackage.loads(payload) for _, payload in tasks or []]
    return [task["func"] for task in loaded]


def test_a_session_lost_while_it_waits_for_a_hint_is_made_anew(
    broker: SignalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that left `dequeue` would cost ten seconds: django-q rests and replaces the process."""
    monkeypatch.setattr(Conf, "POLL", 30)
    broker._last_drain = monotonic()
    end_waiting = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND state = 'idle' AND query LIKE '%django_q_ormq%'"
    )

    with in_background(broker.dequeue) as waiting:
        wait_until(lambda: rows(end_waiting), "the session that waits for a hint")
        assert waiting.result() is None

    make_signal()
    assert functions(broker.dequeue()) == [DRAIN]


def test_without_work_there_is_no_task(broker: SignalBroker) -> None:
    assert broker.dequeue() is None


def test_a_waiting_signal_is_a_drain_that_needs_no_acknowledgement(broker: SignalBroker) -> None:
    make_signal()

    tasks = broker.dequeue()

    assert functions(tasks) == [DRAIN]
    assert [ack_id for ack_id, _ in tasks or []] == [None]
    assert OrmQ.objects.count() == 0


def test_many_waiting_signals_are_one_drain(broker: SignalBroker) -> None:
    for _ in range(5):
        make_signal()

    assert len(broker.dequeue() or []) == 1


def test_ordinary_tasks_come_before_the_drain(broker: SignalBroker) -> None:
    make_signal()
    enqueue(broker)

    assert functions(broker.dequeue()) == ["math.copysign"]
    assert functions(broker.dequeue()) == [DRAIN]


def test_under_a_supervisor_who_has_them_run_apart_ordinary_tasks_hold_up_no_drain(
    broker: SignalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SUPERVISED, "desk:1")
    make_signal()
    enqueue(broker)

    assert functions(broker.dequeue()) == [DRAIN]
    assert OrmQ.objects.count() == 1


def test_an_ordinary_task_is_handed_out_once_until_its_retry(broker: SignalBroker) -> None:
    enqueue(broker)

    assert functions(broker.dequeue()) == ["math.copysign"]
    assert broker.dequeue() is None
    assert OrmQ.objects.count() == 1


def test_a_signal_another_worker_has_in_hand_is_no_work(broker: SignalBroker) -> None:
    signal = make_signal()

    batch = claim.claim_fresh(10)
    assert batch is not None
    assert batch.signal_ids == [signal.pk]
    assert broker.dequeue() is None

    claim.finish(batch)
    assert functions(broker.dequeue()) == [DRAIN]


def test_one_free_signal_among_those_in_hand_is_work(broker: SignalBroker) -> None:
    for _ in range(3):
        make_signal()
    claim.claim_fresh(10)
    make_signal()

    assert functions(broker.dequeue()) == [DRAIN]


def test_the_next_drain_waits_until_the_last_has_reached_its_worker(
    broker: SignalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_signal()
    now = monotonic()
    monkeypatch.setattr(claim, "monotonic", lambda: now)

    assert broker.dequeue() is not None
    assert broker.dequeue() is None
    now += 2 * SPACING_SECONDS
    assert broker.dequeue() is not None


def test_a_hint_is_a_drain_at_once(broker: SignalBroker) -> None:
    assert broker.dequeue() is None  # listens from now on

    execute(f"NOTIFY {CHANNEL}")

    assert functions(broker.dequeue()) == [DRAIN]


def test_many_hints_are_one_drain(broker: SignalBroker) -> None:
    assert broker.dequeue() is None
    for _ in range(5):
        execute(f"NOTIFY {CHANNEL}")

    assert broker.dequeue() is not None
    assert broker.dequeue() is None


def test_a_decided_signal_is_no_work(broker: SignalBroker) -> None:
    make_signal()
    drain()

    assert broker.dequeue() is None


def test_a_failed_signal_is_work_when_its_next_attempt_is_due(broker: SignalBroker) -> None:
    corrupt_payload(make_signal().pk)
    drain()
    assert broker.dequeue() is None

    execute("UPDATE signals SET next_attempt_at = now()")
    assert functions(broker.dequeue()) == [DRAIN]


def test_a_signal_that_was_given_up_is_no_work(broker: SignalBroker) -> None:
    make_signal()
    execute("UPDATE signals SET status = 'FAILED', attempts = 5")

    assert broker.dequeue() is None


def test_without_work_a_drain_comes_once_per_beat(broker: SignalBroker) -> None:
    broker._last_drain = monotonic() - BEAT_SECONDS - 1

    assert functions(broker.dequeue()) == [DRAIN]
    assert broker.dequeue() is None


def test_the_broker_survives_a_dropped_connection(broker: SignalBroker) -> None:
    assert broker.dequeue() is None
    connection.close()
    make_signal()

    assert functions(broker.dequeue()) == [DRAIN]


def test_looking_for_work_leaves_no_lock_behind(broker: SignalBroker) -> None:
    signal = make_signal()
    broker.dequeue()

    with uncommitted(partial(claim.lock_signals, [signal.pk])):
        assert value("SELECT count(*) FROM (SELECT FROM signals FOR UPDATE SKIP LOCKED) AS free") == 0


def test_the_task_decides_what_waits() -> None:
    signal = make_signal()

    assert drain_signals() == 1

    assert Experiment.objects.get().signal_id == UUID(str(signal.pk))
