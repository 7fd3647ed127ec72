"""What the database refuses about amendments whatever the code does."""

from __future__ import annotations

from typing import Any

import pytest

from kernel.actors import Actor
from outcomes.models import RealTrade, ShadowTrade, TradeAmendment, TradeFill
from outcomes.services import accept_amendment
from tests.database import execute
from tests.outcomes.desk import last_amendment, make_desk
from tests.outcomes.services.test_amendments import bust, closed_pair, correction, execution, propose
from tests.outcomes.test_database_guards import refused_by

pytestmark = pytest.mark.django_db


@pytest.fixture
def amendment() -> TradeAmendment:
    """A proposal about a closed trade."""
    desk = make_desk()
    propose(desk, closed_pair(desk), correction("exit", execution("1.89")))
    return TradeAmendment.objects.get(pk=last_amendment())


@pytest.mark.parametrize(
    "change", ["values = '{}'", "reason = 'other'", "evidence = 'none'", "kind = 'BUST'", "fill_ref = 'entry'"]
)
def test_a_proposal_never_changes(amendment: TradeAmendment, change: str) -> None:
    assert "its proposal never changes" in refused_by(lambda: execute(f"UPDATE trade_amendments SET {change}"))
    assert "append-only" in refused_by(lambda: execute("DELETE FROM trade_amendments"))


def test_a_decision_is_taken_once_and_by_somebody(amendment: TradeAmendment) -> None:
    taken = "UPDATE trade_amendments SET state = '{}', decided_at = now(), decided_by = '{}', decision_reason = 'why'"
    nobody = refused_by(lambda: execute(taken.format("REFUSED", "")))
    execute(taken.format("REFUSED", "ada"))

    assert nobody == "trade_amendments_decided_by_somebody"
    assert "is decided once" in refused_by(lambda: execute(taken.format("ACCEPTED", "bob")))


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"engine": "B", "fill_ref": "entry"}, "trade_amendments_of_their_real_trade"),
        ({"real_trade_id": None}, "trade_amendments_of_one_trade"),
        ({"kind": "BUST"}, "trade_amendments_real_one_open"),
        ({"kind": "SPLIT", "fill_ref": "entry"}, "trade_amendments_kind_known"),
        ({"state": "ACCEPTED", "fill_ref": "entry"}, "trade_amendments_decided_by_somebody"),
    ],
)
def test_an_amendment_is_of_its_engines_trade_and_one_waits_for_each_fill(
    amendment: TradeAmendment, change: dict[str, Any], constraint: str
) -> None:
    values = {"pk": None} | change
    for name, value in values.items():
        setattr(amendment, name, value)

    def write() -> None:
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        amendment.save(force_insert=True)

    assert refused_by(write) == constraint


@pytest.mark.parametrize("change", ["status = 'OPEN', exit_time = NULL, exit_price = NULL, exit_reason = ''", ""])
def test_a_closed_trade_opens_again_by_an_accepted_amendment_only(amendment: TradeAmendment, change: str) -> None:
    revised = ", ".join(part for part in ("revision = 2", change) if part)

    assert "closed once" in refused_by(lambda: execute(f"UPDATE real_trades SET {revised}"))


@pytest.mark.parametrize("named", [True, False])
def test_a_fill_is_revised_by_an_accepted_amendment_of_that_fill_only(amendment: TradeAmendment, named: bool) -> None:
    fill = TradeFill.objects.get(fill_ref="exit", real_trade__isnull=False)
    fill.pk, fill.revision, fill.amendment = None, 2, amendment if named else None

    assert "by an accepted amendment only" in refused_by(lambda: fill.save(force_insert=True))


def test_a_second_exit_needs_a_busted_first_one(amendment: TradeAmendment) -> None:
    accept_amendment(Actor("ada"), amendment.pk, reason="Checked.")
    fill = TradeFill.objects.get(fill_ref="exit", real_trade__isnull=False, revision=2)
    fill.pk, fill.number, fill.revision, fill.amendment = None, 3, 3, None

    assert "by an accepted amendment only" in refused_by(lambda: fill.save(force_insert=True))


def test_a_shadow_is_opened_again_by_nothing(amendment: TradeAmendment) -> None:
    accept_amendment(Actor("ada"), amendment.pk, reason="Checked.")

    assert ShadowTrade.objects.get().revision == 1
    assert "closed once" in refused_by(lambda: execute("UPDATE shadow_trades SET revision = 2, exit_reason = ''"))
    assert RealTrade.objects.get().revision == 2


def test_a_bust_leaves_an_empty_fill_behind() -> None:
    desk = make_desk()
    propose(desk, closed_pair(desk), bust("exit"))

    accept_amendment(Actor("ada"), last_amendment(), reason="Checked.")

    assert TradeFill.objects.get(revision=2).legs == []
