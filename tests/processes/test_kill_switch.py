"""The kill switch while real workers decide: from its commit on no worker decides for a real trade."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from experiments.models import Experiment
from experiments.worker import pipeline
from experiments.worker.pipeline import drain
from kernel.actors import Actor
from policies.selectors import state_in_force
from policies.services import engage_halt
from signals_app.models import Signal
from tests.database import value
from tests.factories import make_available, make_policy, make_signal
from tests.outcomes.desk import EngineClient
from tests.processes.harness import manage, wait_until
from tests.threads import in_background

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

# The state that decided was read after this instant, and yet somebody may trade for real.
FOR_REAL_AFTER = "SELECT count(*) FROM execution_policy WHERE decided_at > %s AND executed_engine IS NOT NULL"
PAUSE_SECONDS = 0.01


@contextmanager
def alerts_without_end() -> Iterator[None]:
    """Store one signal after the other while the block runs."""
    stop = threading.Event()

    def store_on_and_on() -> None:
        while not stop.wait(PAUSE_SECONDS):
            make_signal()

    with in_background(store_on_and_on) as sending:
        try:
            yield
        finally:
            stop.set()
            sending.result()


@contextmanager
def two_workers(folder: Path) -> Iterator[list[Path]]:
    """Run two clusters of two processes each; yield their logs."""
    logs = [folder / "one.log", folder / "two.log"]
    with ExitStack() as stack:
        for log in logs:
            stack.enter_context(manage("worker", log=log, WORKERS="2"))
        yield logs


def modes_applied(log: Path) -> set[str]:
    """Return the modes that this worker has logged of its decisions."""
    lines = [line for line in log.read_text().splitlines() if '"policy.applied"' in line and line.endswith("}")]
    return {json.loads(line)["execution_mode"] for line in lines}


def pull() -> datetime:
    """Pull the switch; return an instant by the database clock after its commit."""
    engage_halt(Actor("ada"), reason="strange fills")
    committed: datetime = value("SELECT clock_timestamp()")
    return committed


def test_from_its_commit_on_no_worker_decides_for_real(tmp_path: Path) -> None:
    make_available("A", "B")
    make_policy(configured_mode="ENGINE_A_PRIMARY", heartbeat_ttl_seconds=3600)

    with alerts_without_end(), two_workers(tmp_path) as logs:
        wait_until(lambda: all("ENGINE_A_PRIMARY" in modes_applied(log) for log in logs), what="work of both workers")
        committed = pull()
        wait_until(lambda: all("SHADOW_ONLY" in modes_applied(log) for log in logs), what="both workers under the halt")

    assert value(FOR_REAL_AFTER, committed) == 0
    assert value("SELECT count(*) FROM execution_policy WHERE decided_at > %s AND reason = 'HALTED'", committed) > 1


def test_roles_that_nobody_has_seen_yet_are_shadow_roles_from_then_on() -> None:
    make_available("A", "B")
    make_policy(configured_mode="ENGINE_A_PRIMARY")
    seen, unseen = make_signal(), make_signal()
    assert drain() == 2
    engine = EngineClient("A")
    first = engine.recommend(experiment_of(seen))

    pull()

    assert first.body["role"] == "REAL"
    answer: dict[str, Any] = engine.recommend(experiment_of(unseen)).body
    assert (answer["role"], answer["reason"]) == ("SHADOW", "HALTED")


def experiment_of(signal: Signal) -> Experiment:
    return Experiment.objects.get(signal=signal)


def test_control_a_worker_that_remembers_the_state_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    make_available("A", "B")
    make_policy(configured_mode="ENGINE_A_PRIMARY")
    before = state_in_force()
    committed = pull()
    later = state_in_force().at
    monkeypatch.setattr(pipeline, "state_in_force", lambda: replace(before, at=later))
    make_signal()

    assert drain() == 1

    assert value(FOR_REAL_AFTER, committed) == 1
