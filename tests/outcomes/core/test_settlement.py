"""Settlements that can have happened, and those that cannot."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from kernel.errors import DomainError
from outcomes.core.checks import Settlement, refuse_impossible_settlement

CALL, PUT = "TWX   140621C00070000", "TWX   140621P00070000"
EXPIRY_EVENING = datetime(2014, 6, 21, 20, 0, tzinfo=UTC)
# Still the day before in New York.
JUST_TOO_EARLY = datetime(2014, 6, 21, 3, 59, tzinfo=UTC)


def settled(kind: str, price: str, underlying: str | None = None, at: datetime = EXPIRY_EVENING) -> Settlement:
    return Settlement(kind, Decimal(price), at, Decimal(underlying) if underlying else None)


@pytest.mark.parametrize(
    ("instrument", "side", "settlement"),
    [
        (CALL, "LONG", settled("EXPIRED", "0")),
        (CALL, "LONG", settled("EXPIRED", "0", "69.99")),
        (CALL, "SHORT", settled("EXPIRED", "0", "70")),
        (CALL, "LONG", settled("CASH_SETTLED", "3.25", "73.25")),
        (PUT, "LONG", settled("EXERCISED", "5", "65", datetime(2014, 6, 3, 20, tzinfo=UTC))),
        (PUT, "SHORT", settled("ASSIGNED", "5", "65", datetime(2014, 6, 3, 20, tzinfo=UTC))),
        ("TWX140621C00070000", "LONG", settled("EXPIRED", "0", "60")),
        ("VIX/FUT", "LONG", settled("CASH_SETTLED", "17.3")),
    ],
)
def test_what_can_have_happened_is_accepted(instrument: str, side: str, settlement: Settlement) -> None:
    refuse_impossible_settlement(instrument, side, settlement)


@pytest.mark.parametrize(
    ("instrument", "side", "settlement", "reason"),
    [
        (CALL, "LONG", settled("EXPIRED", "0", at=JUST_TOO_EARLY), "it expires on 2014-06-21, after settled_at."),
        (
            CALL,
            "LONG",
            settled("CASH_SETTLED", "3", "73", JUST_TOO_EARLY),
            "it expires on 2014-06-21, after settled_at.",
        ),
        (CALL, "LONG", settled("ASSIGNED", "3", "73"), "only a SHORT position can be assigned."),
        (CALL, "SHORT", settled("EXERCISED", "3", "73"), "only a LONG position can be exercised."),
        (CALL, "SHORT", settled("ASSIGNED", "0", "73"), "at an underlying price of 73.00 it settles at 3.00."),
        (CALL, "LONG", settled("EXPIRED", "0", "73"), "at an underlying price of 73.00 it settles at 3.00."),
        (CALL, "LONG", settled("CASH_SETTLED", "3"), "state the underlying price that it settled at."),
        (CALL, "SHORT", settled("EXPIRED", "0"), "state the underlying price that it settled at."),
        ("TWX", "LONG", settled("EXPIRED", "0"), "EXPIRED needs an option contract."),
    ],
)
def test_what_cannot_have_happened_is_refused(instrument: str, side: str, settlement: Settlement, reason: str) -> None:
    with pytest.raises(DomainError) as caught:
        refuse_impossible_settlement(instrument, side, settlement)

    assert (caught.value.code, caught.value.detail) == ("settlement_impossible", f"{instrument}: {reason}")
    assert caught.value.pointer == f"/settlements/{instrument}"
