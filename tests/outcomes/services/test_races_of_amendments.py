"""Two operators, two proposals, or an exit and a decision at once: one comes first, and nothing is amended twice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError

from kernel.actors import Actor
from kernel.errors import DomainError
from outcomes.models import RealOutcome, RealTrade, TradeAmendment, TradeFill
from outcomes.services import accept_amendment, amendments, fills, refuse_amendment
from tests.outcomes.desk import make_desk
from tests.outcomes.services.locks import take_locks_away
from tests.outcomes.services.test_amendments import broken, bust, closed_pair, correction, execution, propose
from tests.threads import Meeting, run_across

pytestmark = pytest.mark.django_db(transaction=True)


def decision(decide: Callable[..., None], name: str) -> Callable[[], str]:
    """What the operator is told."""
    amendment_id = TradeAmendment.objects.get().pk

    def decided() -> str:
        try:
            decide(Actor(name), amendment_id, reason="Checked.")
        except DomainError as error:
            return error.code
        return "decided"

    return decided


def crossed(monkeypatch: pytest.MonkeyPatch, *steps: Callable[[], Any]) -> list[Any]:
    """Let the first step read the fills before the second begins."""
    meeting = Meeting()
    monkeypatch.setattr(amendments, "stored_fills", meeting.after(fills.stored_fills))
    return list(run_across(meeting, *steps))


def proposed() -> None:
    desk = make_desk()
    assert propose(desk, closed_pair(desk), correction("exit", execution("1.89"))).status == 201


def test_of_two_operators_at_once_the_second_is_told_what_the_first_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    proposed()

    told = crossed(monkeypatch, decision(accept_amendment, "ada"), decision(refuse_amendment, "bob"))

    assert told == ["decided", "amendment_settled"]
    assert (TradeAmendment.objects.get().decided_by, RealOutcome.objects.count()) == ("ada", 2)
    assert broken() == []


def test_two_acceptances_at_once_amend_once(monkeypatch: pytest.MonkeyPatch) -> None:
    proposed()

    told = crossed(monkeypatch, decision(accept_amendment, "ada"), decision(accept_amendment, "bob"))

    assert told == ["decided", "amendment_settled"]
    assert (RealTrade.objects.get().revision, TradeFill.objects.filter(revision=2).count()) == (2, 1)


def test_without_the_lock_the_database_refuses_the_second_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    proposed()
    take_locks_away(monkeypatch)

    with pytest.raises(IntegrityError, match="is decided once"):
        crossed(monkeypatch, decision(accept_amendment, "ada"), decision(refuse_amendment, "bob"))


def test_of_two_proposals_for_one_fill_at_once_one_waits_for_an_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make_desk()
    real_id = closed_pair(desk)

    first, second = crossed(
        monkeypatch,
        partial(propose, desk, real_id, correction("exit", execution("1.89"))),
        partial(propose, desk, real_id, bust("exit")),
    )

    assert (first.status, second.code) == (201, "amendment_open")
    assert TradeAmendment.objects.count() == 1


def test_without_the_lock_the_database_refuses_the_second_proposal(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make_desk()
    real_id = closed_pair(desk)
    take_locks_away(monkeypatch)

    with pytest.raises(IntegrityError, match="trade_amendments_real_one_open"):
        crossed(
            monkeypatch,
            partial(propose, desk, real_id, correction("exit", execution("1.89"))),
            partial(propose, desk, real_id, bust("exit")),
        )


def test_an_exit_and_an_accepted_bust_of_the_first_one_come_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = make_desk()
    real_id = closed_pair(desk)
    assert propose(desk, real_id, bust("exit")).status == 201

    told, answer = crossed(
        monkeypatch,
        decision(accept_amendment, "ada"),
        partial(desk.a.close, real_id, exit_time="2014-06-05T19:00:00Z", exit_price="2.09"),
    )

    # The exit waited for the decision, and closes what it had opened again.
    assert (told, answer.status, answer.body["status"]) == ("decided", 200, "CLOSED")
    assert [o.withdrawn for o in RealOutcome.objects.order_by("revision")] == [False, True, False]
    assert broken() == []
