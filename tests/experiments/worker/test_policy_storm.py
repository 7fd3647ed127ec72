"""Many policy changes a second while signals are decided: every decision agrees with the version it names."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from experiments.core.verification import Difference
from experiments.history.replay import Selection, replay
from experiments.worker import pipeline
from policies.core.rules import PolicyState
from policies.selectors import active_policy, state_in_force
from signals_app.models import Signal
from tests.database import rows, value
from tests.factories import make_available, make_policy, make_signal
from tests.threads import in_background, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

CHANGES = 60
MODES = ("SPLIT_CAPITAL", "ENGINE_A_PRIMARY", "SHADOW_ONLY", "ENGINE_B_PRIMARY", "AUTO")
# 50 a second, or as fast as the machine can.
PERIOD_SECONDS = 0.02


@contextmanager
def policy_changes() -> Iterator[None]:
    """Put one version after the other in force while the block runs, from another session."""
    stop = threading.Event()

    def change_on_and_on() -> None:
        due = time.monotonic()
        for mode, split in zip(itertools.cycle(MODES), itertools.cycle(range(101)), strict=False):
            make_policy(configured_mode=mode, split_percentage=str(split), heartbeat_ttl_seconds=600)
            due += PERIOD_SECONDS
            if stop.wait(max(due - time.monotonic(), 0)):
                return

    with in_background(change_on_and_on) as changes:
        try:
            yield
        finally:
            stop.set()
            changes.result()


def differences() -> list[Difference]:
    return [difference for one in replay(Selection()) for difference in one.differences]


def decide_until_version(version: int) -> int:
    """Decide signals in many batches, on and on, until this version is in force; return how many.

    By some versions at least, however few batches a busy machine has done by then.
    """
    decided = 0
    while state_in_force().version < version or decided_by() <= 10:
        for _ in range(20):
            make_signal()
        decided += pipeline.drain()
    return decided


def decided_by() -> int:
    """By how many versions something was decided."""
    return int(value("SELECT count(DISTINCT policy_version) FROM experiments"))


def test_no_decision_disagrees_with_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    make_available("A", "B")
    monkeypatch.setattr(pipeline, "BATCH_SIZE", 5)

    with policy_changes():
        decided = decide_until_version(CHANGES)

    assert Signal.objects.filter(status="PROCESSED").count() == Signal.objects.count() == decided
    assert differences() == []
    assert (
        rows("""
        SELECT e.experiment_id FROM experiments e JOIN execution_policy d USING (experiment_id)
          JOIN policy_versions p ON p.version = e.policy_version
         WHERE d.inputs->>'configured_mode' <> p.configured_mode OR e.split_percentage <> p.split_percentage
            OR d.policy_version <> e.policy_version OR d.decided_at < p.activated_at
            OR EXISTS (SELECT FROM policy_versions n WHERE n.version = p.version + 1 AND n.activated_at <= d.decided_at)
    """)
        == []
    )


def read_in_two_looks() -> PolicyState:
    """Read the settings, then the number of the version: what `state_in_force` does not do."""
    settings_of_before = state_in_force()
    wait_until(lambda: state_in_force().version > settings_of_before.version, "a change between the two looks")
    policy = active_policy()
    assert policy is not None
    return replace(settings_of_before, version=policy.version)


def test_control_with_two_looks_replay_would_find_decisions_that_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: Callable[[], PolicyState] = read_in_two_looks
    monkeypatch.setattr(pipeline, "state_in_force", looks)
    make_available("A", "B")
    make_signal()

    with policy_changes():
        failed_or_decided = pipeline.drain()

    # Either the database refuses the pair of version and split, or replay tells it.
    assert failed_or_decided == 0 or differences()
