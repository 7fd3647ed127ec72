"""Entries at the ask and exits at the bid of real sessions, to the cent: whoever quotes them, and whatever it costs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from outcomes import services
from outcomes.models import RealOutcome, ShadowOutcome
from tests.factories import api_client
from tests.outcomes.desk import C72_5_JULY, ENTRY_TIME, EXIT_TIME, leg, make_desk, quote

pytestmark = pytest.mark.django_db

# Of the contract that a shadow plans: the ask at the entry, bid and ask at the exit, and what it comes to.
ANSWERS = {
    "33.00": ("0.98", "1.31", "1.37"),
    "19.00": ("0.42", "0.61", "0.64"),
    "8.00": ("1.63", "1.71", "1.89"),
    "30.00": ("4.70", "5.00", "5.15"),
}


@pytest.mark.parametrize("fee", ["0", "0.65"])
@pytest.mark.parametrize("quoted_by", ["the neutral feed", "the real exit", "its own engine"])
@pytest.mark.parametrize("gross", ANSWERS)
def test_a_shadow_is_worth_what_its_own_contract_was(gross: str, quoted_by: str, fee: str) -> None:
    entry, bid, ask = ANSWERS[gross]
    desk = make_desk(policy={"fee_per_contract": fee})
    at_exit = {C72_5_JULY: quote(bid, ask)}
    real = desk.open_real(fees=fee)
    if quoted_by == "the neutral feed":
        quotes = [quote("0.01", entry, ENTRY_TIME), quote(bid, ask, EXIT_TIME)]
        body = {"quotes": [{"instrument": C72_5_JULY} | each for each in quotes]}
        assert api_client("feeder").post("/api/v1/quotes", body, format="json").status_code == 201
    desk.open_shadow(legs=[leg(C72_5_JULY, entry_price=entry)])

    seen: dict[str, Any] = {"quotes": at_exit} if quoted_by == "the real exit" else {}
    desk.a.close(real, fees=fee, market_conditions=seen)
    services.settle_due()
    for directive in desk.b.pending():
        desk.b.report(directive["id"], quotes=at_exit)

    assert RealOutcome.objects.get().pnl == 60 - 2 * Decimal(fee)
    outcome = ShadowOutcome.objects.get()
    assert (outcome.gross_pnl, outcome.pnl) == (Decimal(gross), Decimal(gross) - 2 * Decimal(fee))
    assert outcome.price_provenance == {
        "the neutral feed": "NEUTRAL_QUOTE", "the real exit": "SAME_SNAPSHOT_QUOTE", "its own engine": "OWN_FEED_QUOTE"
    }[quoted_by]  # fmt: skip
