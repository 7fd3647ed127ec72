"""Renewing a lease, and answering under one: who lost it is refused while another worker holds the work."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from outcomes.models import Recommendation
from outcomes.services import case, recommendations
from tests.database import execute, value
from tests.factories import make_experiment
from tests.outcomes.desk import Answer, EngineClient, let_time_pass, live_desk, make_desk, now, recommendation
from tests.threads import Meeting, run_across, succeeded, together

LEFT = "SELECT extract(epoch FROM lease_expires_at - now())::float FROM signal_distributions WHERE engine = 'A'"


def claim(engine: EngineClient, **body: Any) -> str | None:
    """The token of a claim; None where there was nothing to claim."""
    token: str | None = engine.post("assignments/claim", {"lease_seconds": 60} | body).body["lease_token"]
    return token


def let_leases_end() -> None:
    execute("UPDATE signal_distributions SET lease_expires_at = now() - interval '1 second'")


def renew(engine: EngineClient, experiment_id: object, **body: Any) -> Answer:
    return engine.post(f"assignments/{experiment_id}/renew", {"lease_seconds": 600} | body)


@pytest.mark.django_db
@pytest.mark.parametrize("with_token", [False, True])
def test_who_holds_a_lease_lengthens_it(with_token: bool) -> None:
    desk = make_desk(recommended=False)
    token = claim(desk.a)

    answer = renew(desk.a, desk.experiment.pk, **({"lease_token": token} if with_token else {}))

    assert (answer.status, set(answer.body)) == (200, {"experiment_id", "lease_expires_at"})
    assert 590 < value(LEFT) <= 601


@pytest.mark.django_db
def test_a_renewal_never_shortens_a_lease() -> None:
    desk = make_desk(recommended=False)
    claim(desk.a, lease_seconds=900)

    renew(desk.a, desk.experiment.pk, lease_seconds=1)

    assert value(LEFT) == 900


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["never claimed", "ended", "answered", "another's"])
def test_what_is_not_held_is_not_lengthened(how: str) -> None:
    desk = make_desk(recommended=False)
    token = None if how == "never claimed" else claim(desk.a)
    if how == "ended":
        let_leases_end()
    if how == "answered":
        desk.a.recommend(desk.experiment)
    if how == "another's":
        let_leases_end()
        claim(desk.a)

    answer = renew(desk.a, desk.experiment.pk, lease_token=token)

    assert (answer.status, answer.code) == (409, "lease_lost")


@pytest.mark.django_db
def test_the_lease_of_the_other_engine_and_of_nothing_are_the_same_to_it() -> None:
    desk = make_desk(recommended=False)
    claim(desk.a)

    assert renew(desk.b, desk.experiment.pk).code == "lease_lost"
    assert renew(desk.b, uuid4()).code == "not_found"


@pytest.mark.django_db
def test_an_answer_is_refused_once_another_worker_holds_its_assignment() -> None:
    desk = make_desk(recommended=False)
    lost = claim(desk.a)
    let_leases_end()
    held = claim(desk.a)

    late = desk.a.recommend(desk.experiment, lease_token=lost)
    rightful = desk.a.recommend(desk.experiment, lease_token=held, recommendation="mine")

    assert (late.status, late.code) == (409, "lease_lost")
    assert rightful.status == 201
    assert Recommendation.objects.get().recommendation == '"mine"'


@pytest.mark.django_db
def test_an_ended_lease_that_nobody_took_over_still_lets_its_holder_answer() -> None:
    desk = make_desk(recommended=False)
    token = claim(desk.a)
    let_leases_end()

    assert desk.a.recommend(desk.experiment, lease_token=token).status == 201


@pytest.mark.django_db
def test_an_answer_under_a_lease_that_was_lost_and_is_held_by_nobody_is_judged_by_all_that_has_happened() -> None:
    desk = live_desk(recommended=False)
    desk.a.recommend(desk.experiment)
    lost = claim(desk.b)
    let_leases_end()
    claim(desk.b)
    let_leases_end()
    let_time_pass(seconds=2)
    desk.a.close(desk.open_real(entry_time=now(-1)), exit_time=now())

    answer = desk.b.recommend(desk.experiment, lease_token=lost)

    assert (answer.status, answer.body["reason"]) == (201, "STALE_ANSWER")


@pytest.mark.django_db
def test_an_answer_without_a_token_says_nothing_about_its_worker_and_is_taken() -> None:
    desk = make_desk(recommended=False)
    claim(desk.a)

    assert desk.a.recommend(desk.experiment).status == 201


@pytest.mark.django_db
def test_the_token_is_no_part_of_what_an_answer_means() -> None:
    desk = make_desk(recommended=False)
    first = desk.a.recommend(desk.experiment, lease_token=claim(desk.a))

    again = desk.a.recommend(desk.experiment, lease_token=str(uuid4()))

    assert (again.status, again.body) == (200, first.body)


@pytest.mark.django_db(transaction=True)
def test_of_20_workers_whose_leases_end_while_they_answer_only_the_holder_is_heard() -> None:
    experiment = make_experiment("A")
    workers = [EngineClient("A") for _ in range(20)]
    tokens = []
    for worker in workers:
        let_leases_end()
        tokens.append(claim(worker))

    def answer(number: int) -> Answer:
        body = recommendation(experiment, recommendation=number, lease_token=tokens[number])
        return workers[number].post("recommendations", body)

    answers = succeeded(together(*[lambda number=number: answer(number) for number in range(20)]))

    # Whoever looks after the holder's answer is stored hears that it came second.
    assert {one.code for one in answers[:-1]} <= {"lease_lost", "conflict"}
    assert (answers[-1].status, Recommendation.objects.get().recommendation) == (201, "19")


def answer_while_another_claims(monkeypatch: pytest.MonkeyPatch) -> tuple[Answer, str | None]:
    """Let a worker claim what another one's answer has just looked at, after its lease has ended."""
    desk = make_desk(recommended=False)
    token = claim(desk.a)
    let_leases_end()
    meeting = Meeting()
    after_looking = meeting.after(case.lock_experiment_and_ask)
    monkeypatch.setattr(recommendations, "lock_experiment_and_ask", after_looking)
    other = EngineClient("A")
    body = recommendation(desk.experiment, lease_token=token)

    answered, claimed = run_across(
        meeting, lambda: desk.a.post("recommendations", body), lambda: other.post("assignments/claim", {})
    )
    return answered, claimed.body["lease_token"]


@pytest.mark.django_db(transaction=True)
def test_what_is_being_answered_cannot_be_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    answered, claimed = answer_while_another_claims(monkeypatch)

    assert (answered.status, claimed) == (201, None)


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_a_second_worker_would_be_given_what_is_answered_already(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without = recommendations.LOCK_DISTRIBUTION.replace("FOR NO KEY UPDATE", "")
    assert without != recommendations.LOCK_DISTRIBUTION
    monkeypatch.setattr(recommendations, "LOCK_DISTRIBUTION", without)

    answered, claimed = answer_while_another_claims(monkeypatch)

    assert answered.status == 201
    assert claimed is not None
