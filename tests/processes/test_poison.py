"""A signal that kills whoever works on it: found, out of retries after five attempts, and in nobody's way."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from orchestrator_site.invariants import verify
from signals_app.models import Signal
from tests.chaos.services import service
from tests.database import execute, row_of, value
from tests.factories import make_available, make_signal
from tests.processes.harness import manage, wait_until
from tests.processes.poison import STOPPED_FILE, STOPPING_SYMBOL, SYMBOL, poisoned_database

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

POISONED_WORKER = {"DJANGO_SETTINGS_MODULE": "tests.processes.poisoned_settings"}
GIVEN_UP = ("FAILED", 5, None, "The worker died while it was processing this signal.")


def state_of(signal: Signal) -> tuple[object, ...]:
    row = row_of("signals", signal_id=signal.pk)
    return row["status"], row["attempts"], row["next_attempt_at"], row["last_error"]


def wait_for_good_ones(count: int) -> None:
    decided = "SELECT count(*) = %s FROM signals WHERE status = 'PROCESSED'"
    wait_until(lambda: value(decided, count), what=f"decisions for {count} good signals")


@pytest.mark.parametrize(
    ("environment", "poison"),
    [(POISONED_WORKER, nullcontext()), ({}, poisoned_database())],
    ids=["kills its worker", "kills its database session"],
)
def test_a_signal_that_kills_is_given_up_and_delays_no_other(
    tmp_path: Path, environment: dict[str, str], poison: AbstractContextManager[None]
) -> None:
    make_available("A", "B")
    good = [make_signal() for _ in range(30)]
    poisonous = make_signal(symbol=SYMBOL)
    good += [make_signal() for _ in range(30)]

    with poison, manage("worker", log=tmp_path / "log", **environment):
        for attempt in range(1, 6):
            # The next attempt is due now, not after its pause; good ones come along with it.
            execute("UPDATE signals SET next_attempt_at = now() WHERE next_attempt_at > now()")
            good += [make_signal() for _ in range(5)]
            wait_until(lambda n=attempt: state_of(poisonous)[1] >= n, what=f"attempt {attempt}")  # type: ignore[misc]
            wait_for_good_ones(len(good))

        assert state_of(poisonous) == GIVEN_UP
        make_signal()
        wait_for_good_ones(len(good) + 1)

    # Everything holds, but that the poisonous one has no decision.
    violated = {one.invariant.name: [row["signal_id"] for row in one.rows] for one in verify("decided") if one.rows}
    assert violated == {"no_signal_waits": [poisonous.pk]}


def test_signals_in_hand_of_a_worker_that_hangs_are_decided_by_another(tmp_path: Path) -> None:
    make_available("A", "B")
    make_signal(symbol=STOPPING_SYMBOL)
    for _ in range(5):
        make_signal()
    environment = {**POISONED_WORKER, STOPPED_FILE: str(tmp_path / "stopped"), "WORKERS": "2"}

    with service("worker", log=tmp_path / "log", **environment):
        wait_until((tmp_path / "stopped").exists, what="the worker that hangs")
        wait_for_good_ones(6)

    assert '"event": "worker.restarted"' not in (tmp_path / "log").read_text()
