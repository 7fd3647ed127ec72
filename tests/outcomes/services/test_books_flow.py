"""The books of a pair over the API: known answers to the cent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from outcomes.models import RealOutcome, ShadowOutcome, ShadowTrade, TradeFill, Violation
from tests.outcomes.desk import C72_5_JULY, make_desk, quote

pytestmark = pytest.mark.django_db


def test_a_pair_in_other_contracts_comes_to_the_known_answer() -> None:
    desk = make_desk()
    real, shadow = desk.open_real(), desk.open_shadow()

    answer = desk.a.close(real, market_conditions={"quotes": {C72_5_JULY: quote()}})

    assert answer.status == 200, answer.body
    assert RealOutcome.objects.get().pnl == Decimal(60)
    outcome = ShadowOutcome.objects.get()
    assert outcome.pnl == Decimal(33)
    assert outcome.price_provenance == "SAME_SNAPSHOT_QUOTE"
    assert not Violation.objects.exists()
    assert TradeFill.objects.count() == 4
    assert str(ShadowTrade.objects.get().pk) == shadow


def test_a_shadow_waits_for_its_own_quotes_when_nobody_quoted_it() -> None:
    desk = make_desk()
    real = desk.open_real()
    desk.open_shadow()

    desk.a.close(real)
    pending = desk.b.pending()
    answer = desk.b.report(pending[0]["id"], quotes={C72_5_JULY: quote()})

    assert answer.status == 200, answer.body
    assert answer.body["state"] == "DONE"
    assert ShadowOutcome.objects.get().pnl == Decimal(33)
