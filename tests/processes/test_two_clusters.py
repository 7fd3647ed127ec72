"""Two clusters of two workers on one database, while their processes and sessions die: everything exactly once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.chaos.faults import Random, random_fault, seeded
from tests.chaos.invariants import breaches, unsettled
from tests.chaos.services import Service, service
from tests.database import value
from tests.factories import make_available, make_signal
from tests.processes.harness import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

FAULTS = 6
# Always the same faults here; `make chaos` draws new ones.
SEED = 20_260_316
FRESH_BEATS = """
SELECT count(*) FROM worker_heartbeats WHERE split_part(cluster, ':', 2)::int = ANY(%s) AND heartbeat_at > %s
"""


@contextmanager
def two_clusters(folder: Path) -> Iterator[list[Service]]:
    """Run two clusters of two workers each and wait until both make progress."""
    with ExitStack() as stack:
        clusters = [
            stack.enter_context(service("worker", log=folder / f"cluster-{number}.log", WORKERS="2"))
            for number in (1, 2)
        ]
        wait_until_all_make_progress(clusters)
        yield clusters


def wait_until_all_make_progress(clusters: list[Service]) -> None:
    """Wait for a heartbeat of each cluster that began after this call; one that ended is started again."""
    since = value("SELECT clock_timestamp()")

    def all_made_progress() -> bool:
        for cluster in clusters:
            cluster.keep_up()
        return bool(value(FRESH_BEATS, [c.process.pid for c in clusters if c.process], since) == len(clusters))

    wait_until(all_made_progress, seconds=120, what="a heartbeat of every cluster")


def let_things_go_wrong(random: Random, clusters: list[Service]) -> None:
    """Send signals, hurt anything at any moment of the work, and be the service manager."""
    for _ in range(random.randrange(1, 40)):
        make_signal()
    time.sleep(random.uniform(0.05, 2.5))
    print(random_fault(random, clusters).told)
    for cluster in clusters:
        cluster.keep_up()


def test_every_signal_is_decided_exactly_once_whatever_is_killed(tmp_path: Path) -> None:
    random = seeded(SEED)
    make_available("A", "B")

    with two_clusters(tmp_path) as clusters:
        for _ in range(FAULTS):
            let_things_go_wrong(random, clusters)

        wait_until_all_make_progress(clusters)
        wait_until(lambda: not unsettled(), seconds=120, what="a decision for every signal")
        assert breaches() == []
        assert [cluster.stop() for cluster in clusters] == [0, 0]
        wait_until(lambda: not any(c.survivors() for c in clusters), seconds=10, what="the end of all processes")
