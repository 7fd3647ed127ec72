"""When a cluster counts as hung."""

from __future__ import annotations

import math

import pytest

from experiments.worker.liveness import RESTART_PAUSE_SECONDS, STALE_SECONDS, STARTING_SECONDS, no_progress
from experiments.worker.pipeline import MAX_DRAIN_SECONDS, MAX_STAY_SECONDS


@pytest.mark.parametrize(("heartbeat_age", "since_start", "expected"), [
    (math.inf, 19.0, None), (math.inf, 21.0, "no progress for 21 s"),  # before the first
    (500.0, 19.0, None), (500.0, 21.0, "no progress for 21 s"),  # none since its restart
    (1.0, 2.0, None), (14.9, 900.0, None), (15.1, 900.0, "no progress for 15 s"),  # no longer
    (15.1, 16.0, "no progress for 15 s"),  # soon after the start
])  # fmt: skip
def test_a_cluster_without_a_recent_heartbeat_counts_as_hung(
    heartbeat_age: float, since_start: float, expected: str | None
) -> None:
    assert no_progress(heartbeat_age, since_start=since_start) == expected


def test_a_worker_under_full_load_shows_its_heartbeat_in_time() -> None:
    assert MAX_DRAIN_SECONDS + MAX_STAY_SECONDS < STALE_SECONDS / 2


def test_a_wedge_leaves_enough_of_thirty_seconds_to_start_anew() -> None:
    assert max(STALE_SECONDS, STARTING_SECONDS) + RESTART_PAUSE_SECONDS <= 22
