"""What makes two proposals one: the same meaning, of the same execution."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from outcomes.models import RealTrade, TradeAmendment
from outcomes.services import accept_amendment, refuse_amendment
from tests.outcomes.desk import Desk, last_amendment, make_desk
from tests.outcomes.services.test_amendments import (
    OPERATOR,
    amend,
    broken,
    bust,
    closed_pair,
    correction,
    execution,
    propose,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def test_the_same_proposal_in_another_spelling_is_a_repetition(desk: Desk) -> None:
    real_id = closed_pair(desk)
    first = propose(desk, real_id, correction("exit", execution("1.89")))

    again = propose(desk, real_id, correction("exit", execution("1.890", instrument="TWX140621C00070000")))

    assert (again.status, again.body) == (200, first.body)


def test_evidence_may_be_a_document_which_is_the_same_in_any_spelling(desk: Desk) -> None:
    real_id = closed_pair(desk)
    first = propose(desk, real_id, bust("exit", evidence={"notice": 4711, "of": ["2014-06-05", 1.50]}))

    path, body = f"trades/{real_id}/amendments", '{"kind": "BUST", "of": "exit", "reason": "Clearly erroneous.", %s}'
    again = desk.a.post_text(path, body % '"evidence": {"of": ["2014-06-05", 1.5], "notice": 4711.0}')

    assert (first.status, again.status, again.body) == (201, 200, first.body)
    assert first.body["evidence"] == '{"notice":4711,"of":["2014-06-05",1.5]}'
    assert propose(desk, real_id, bust("exit", evidence={"notice": 4712})).code == "amendment_open"


def test_the_exit_after_a_busted_one_can_be_busted_in_the_same_words(desk: Desk) -> None:
    real_id = closed_pair(desk)
    amend(desk, real_id, bust("exit"))
    accepted = propose(desk, real_id, bust("exit"))
    desk.a.close(real_id, exit_time="2014-06-05T19:00:00Z", exit_price="2.09")

    amend(desk, real_id, bust("exit"))

    # Sent again after its own acceptance it gets the first answer.
    again = propose(desk, real_id, bust("exit"))
    assert [(answer.status, answer.body["state"]) for answer in (accepted, again)] == [(200, "ACCEPTED")] * 2
    assert (RealTrade.objects.get().status, TradeAmendment.objects.count()) == ("OPEN", 2)
    assert again.body["proposed_at"] != accepted.body["proposed_at"]
    assert broken() == []


@pytest.mark.parametrize("decide", [accept_amendment, refuse_amendment])
def test_a_correction_can_be_proposed_again_once_another_was_accepted(desk: Desk, decide: Callable[..., None]) -> None:
    real_id = closed_pair(desk)
    body = correction("exit", execution("1.89"))
    propose(desk, real_id, body)
    decide(OPERATOR, last_amendment(), reason="Read the notice.")
    assert propose(desk, real_id, body).status == 200
    amend(desk, real_id, correction("exit", execution("1.79")))

    amend(desk, real_id, body)

    assert (propose(desk, real_id, body).status, RealTrade.objects.get().exit_price) == (200, Decimal("1.89"))
    assert TradeAmendment.objects.count() == 3
    assert broken() == []
