"""A failed signal that an operator gives up: nothing tries it again, and the database holds it to that."""

from __future__ import annotations

from functools import partial

import pytest

from experiments.models import Experiment
from experiments.services import discard_failed, requeue_failed
from experiments.worker import queue as claim
from experiments.worker.pipeline import drain, process_batch
from kernel.errors import DomainError
from signals_app.models import Signal
from tests.database import execute, refusal_of, value
from tests.experiments.raw_rows import corrupt_payload
from tests.factories import make_signal
from tests.orchestrator_site.console.rows import fail
from tests.policies.control import ADA
from tests.threads import in_background, uncommitted, wait_for_blocked_sessions

pytestmark = pytest.mark.django_db

SET_ASIDE = "UPDATE signals SET discarded_at = now(), discarded_by = 'ada', discard_reason = 'x' WHERE signal_id = %s"


def discarded(reason: str = "The sender was wrong.") -> Signal:
    signal = fail(make_signal())
    assert discard_failed(ADA, [signal.pk], reason=reason) == 1
    signal.refresh_from_db()
    return signal


def test_a_discarded_signal_has_no_next_attempt_and_no_drain_takes_it() -> None:
    signal = make_signal()
    corrupt_payload(signal.pk)
    drain()

    assert discard_failed(ADA, [signal.pk], reason="The sender was wrong.") == 1

    signal.refresh_from_db()
    assert (signal.status, signal.next_attempt_at) == ("FAILED", None)
    assert claim.claim_due() is None
    assert drain() == 0


def test_nobody_lets_a_discarded_signal_wait_again() -> None:
    assert requeue_failed(ADA, [discarded().pk]) == 0


def test_only_failed_signals_are_discarded() -> None:
    decided = make_signal()
    drain()

    assert discard_failed(ADA, [make_signal().pk, decided.pk], reason="x") == 0


@pytest.mark.parametrize("reason", ["", " \n"])
def test_a_reason_is_required(reason: str) -> None:
    with pytest.raises(DomainError, match="reason_missing"):
        discard_failed(ADA, [fail(make_signal()).pk], reason=reason)


def test_a_worker_that_fails_with_a_signal_meanwhile_discarded_leaves_it_alone() -> None:
    signal = discarded()

    assert claim.record_failure([signal.pk], "It broke again.") == []


def test_the_database_refuses_to_discard_what_has_not_failed() -> None:
    assert refusal_of(SET_ASIDE, (make_signal().pk,)) == "signals_discarded_is_failed_for_good"


def test_the_database_refuses_to_discard_without_name_and_reason() -> None:
    statement = "UPDATE signals SET discarded_at = now() WHERE signal_id = %s"

    assert refusal_of(statement, (fail(make_signal()).pk,)) == "signals_discarded_has_name_and_reason"


@pytest.mark.parametrize("change", ["status = 'PENDING'", "discarded_at = NULL", "discard_reason = 'other'"])
def test_the_database_refuses_to_change_a_discarded_signal(change: str) -> None:
    signal = discarded()

    refusal = refusal_of(f"UPDATE signals SET {change} WHERE signal_id = %s", (signal.pk,))

    assert refusal == f"signal {signal.pk} is discarded: UPDATE is refused"


@pytest.mark.django_db(transaction=True)
def test_a_signal_that_gets_its_decision_at_that_moment_is_not_discarded() -> None:
    signal = fail(make_signal())
    execute("UPDATE signals SET attempts = 1, next_attempt_at = now()")
    batch = claim.claim_due()
    assert batch is not None

    with (
        uncommitted(partial(process_batch, batch, batch.signal_ids)) as commit,
        in_background(partial(discard_failed, ADA, [signal.pk], reason="x")) as operator,
    ):
        wait_for_blocked_sessions()
        commit()
        assert operator.result() == 0

    assert Experiment.objects.filter(signal=signal).exists()
    assert value("SELECT status FROM signals") == "PROCESSED"
