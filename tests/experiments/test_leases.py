"""Leases: several workers of one engine never get the same work while a lease holds."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import pytest

from experiments import distribution
from experiments.distribution import Assignment, claim_assignments
from experiments.worker.pipeline import drain
from tests.database import execute, rows, value
from tests.factories import make_available, make_experiment, make_signal
from tests.threads import in_background, succeeded, together, uncommitted, wait_for_blocked_sessions


def claim(engine: str = "A", limit: int = 100, lease_seconds: int = 60) -> list[UUID]:
    found = claim_assignments(engine, limit=limit, lease_seconds=lease_seconds, wait_seconds=0)
    return [assignment.experiment_id for assignment in found]


def make_work(count: int) -> None:
    make_available("A", "B")
    for _ in range(count):
        make_signal()
    drain()


def let_leases_end() -> None:
    execute("UPDATE signal_distributions SET lease_expires_at = now()")


@pytest.mark.django_db
def test_leased_work_is_not_given_again() -> None:
    experiment = make_experiment("A")

    assert claim() == [experiment.pk]
    assert claim() == []


@pytest.mark.django_db
def test_a_lease_of_one_engine_does_not_concern_the_other() -> None:
    experiment = make_experiment("A")

    assert claim("A") == claim("B") == [experiment.pk]
    assert value("SELECT count(DISTINCT lease_token) FROM signal_distributions") == 2


@pytest.mark.django_db
def test_work_is_given_again_once_its_lease_has_ended() -> None:
    experiment = make_experiment("A")
    claim()
    (first,) = rows("SELECT lease_token FROM signal_distributions WHERE engine = 'A'")
    let_leases_end()

    assert claim() == [experiment.pk]
    assert rows("SELECT lease_token FROM signal_distributions WHERE engine = 'A'") != [first]


@pytest.mark.django_db
def test_a_lease_holds_to_its_last_moment() -> None:
    make_experiment("A")
    claim(lease_seconds=60)
    execute("UPDATE signal_distributions SET lease_expires_at = now() + interval '1 microsecond'")

    assert claim() == []


@pytest.mark.django_db
def test_the_lease_ends_by_the_database_clock() -> None:
    make_experiment("A")

    claim(lease_seconds=45)

    expiry = value("SELECT lease_expires_at - now() FROM signal_distributions WHERE engine = 'A'")
    assert expiry.total_seconds() == 45


@pytest.mark.django_db
def test_answered_work_is_never_given_again() -> None:
    make_experiment("A")
    claim()
    execute("UPDATE signal_distributions SET answered_at = now()")
    let_leases_end()

    assert claim() == []


@pytest.mark.django_db
def test_work_with_an_ended_lease_comes_before_newer_work() -> None:
    old, new = make_experiment("A"), make_experiment("A")
    claim(limit=1)
    let_leases_end()

    assert claim() == [old.pk, new.pk]


@pytest.mark.django_db(transaction=True)
def test_workers_of_one_engine_that_claim_together_never_get_the_same_work() -> None:
    make_work(40)

    claims = succeeded(together(*[partial(claim, "A", 10)] * 4))

    given = [experiment_id for claim in claims for experiment_id in claim]
    assert len(given) == len(set(given)) == 40


@pytest.mark.django_db(transaction=True)
def test_work_that_another_worker_is_just_claiming_is_passed_over() -> None:
    make_work(2)
    (first,) = rows("SELECT experiment_id FROM signal_distributions WHERE engine = 'A' ORDER BY id LIMIT 1")

    with uncommitted(partial(claim, "A", 1)):
        assert first[0] not in claim("A")


@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_two_workers_get_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    make_work(1)
    lockless = distribution.CLAIM.replace("FOR UPDATE SKIP LOCKED", "")
    assert lockless != distribution.CLAIM
    monkeypatch.setattr(distribution, "CLAIM", lockless)
    found: list[list[UUID]] = []

    with uncommitted(lambda: found.append(claim("A", 1))) as commit, in_background(partial(claim, "A", 1)) as second:
        wait_for_blocked_sessions()
        commit()
        found.append(second.result())

    assert found[0] == found[1] != []


@pytest.mark.django_db
def test_an_assignment_knows_its_signal() -> None:
    make_experiment("A", symbol="QQQ")

    (assignment,) = claim_assignments("A", limit=1, lease_seconds=60, wait_seconds=0)

    assert isinstance(assignment, Assignment)
    assert assignment.signal["symbol"] == "QQQ"
