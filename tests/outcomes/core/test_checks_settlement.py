"""Settlements that can have happened, and those that cannot."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from kernel.errors import DomainError
from outcomes.core.checks import (
    Settlement,
    read_settlements,
    refuse_impossible_settlement,
    refuse_unreadable_settlements,
)

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


SENT: dict[str, Any] = {
    "kind": "CASH_SETTLED",
    "price": "3.25",
    "settled_at": "2014-06-21T20:00:00Z",
    "underlying": "73.25",
}


def test_a_settlement_is_read_by_the_one_spelling_of_its_instrument_and_stored_as_text() -> None:
    (found,) = read_settlements({"settlements": {"TWX140621C00070000": SENT}}).items()

    assert found == (CALL, settled("CASH_SETTLED", "3.25", "73.25"))
    assert found[1].document() == SENT | {"settled_at": "2014-06-21T20:00:00.000000Z"}


@pytest.mark.parametrize(
    "settled_at", ["2014-06-21T16:00:00-04:00", "2014-06-21T20:00:00.000000999Z", 1403380800, 1403380800000]
)
def test_a_settlement_is_read_however_its_time_is_written(settled_at: Any) -> None:
    conditions = {"settlements": {CALL: SENT | {"settled_at": settled_at}}}

    assert read_settlements(conditions)[CALL].settled_at == EXPIRY_EVENING


@pytest.mark.parametrize("kind", ["EXPIRED", "CASH_SETTLED", "EXERCISED", "ASSIGNED"])
def test_a_settlement_needs_no_price_of_the_underlying(kind: str) -> None:
    conditions = {"settlements": {CALL: {"kind": kind, "price": 0, "settled_at": SENT["settled_at"]}}}

    refuse_unreadable_settlements(conditions)

    assert read_settlements(conditions) == {CALL: settled(kind, "0")}
    assert "underlying" not in settled(kind, "0").document()


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "EXPIRED",
        SENT | {"kind": "SOLD"},
        SENT | {"kind": None},
        SENT | {"price": "-1"},
        SENT | {"price": None},
        SENT | {"settled_at": "2014-06-21"},
        SENT | {"settled_at": None},
        SENT | {"underlying": "much"},
    ],
)
def test_a_settlement_that_cannot_be_read_is_refused_and_ends_nothing(raw: Any) -> None:
    conditions = {"settlements": {PUT: SENT, CALL: raw}}

    with pytest.raises(DomainError) as caught:
        refuse_unreadable_settlements(conditions)

    assert (caught.value.code, caught.value.pointer) == ("settlement_impossible", f"/settlements/{CALL}")
    assert caught.value.detail == f"{CALL}: send price, settled_at, kind and the underlying price."
    assert list(read_settlements(conditions)) == [PUT]


@pytest.mark.parametrize("conditions", [{}, {"settlements": None}, {"settlements": [SENT]}])
def test_conditions_without_settlements_settle_nothing(conditions: dict[str, Any]) -> None:
    refuse_unreadable_settlements(conditions)

    assert read_settlements(conditions) == {}
