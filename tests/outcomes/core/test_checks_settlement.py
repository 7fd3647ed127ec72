"""Settlements that can have happened, and those that cannot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from kernel.errors import DomainError
from outcomes.core.checks import (
    ReportClock,
    Settlement,
    decisive_moment,
    is_borne_out,
    read_settlements,
    refuse_chosen_settlement,
    refuse_impossible_settlement,
    refuse_settlement_outside,
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


NOON, MONDAY = datetime(2014, 6, 21, 16, tzinfo=UTC), datetime(2014, 6, 23, 15, tzinfo=UTC)
EARLY = datetime(2014, 6, 3, 20, tzinfo=UTC)
# The next day already in UTC, but not in New York.
LATE_EVENING = datetime(2014, 6, 22, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("instrument", "at", "told_after", "decided"),
    [
        (CALL, NOON, 1, NOON),
        (CALL, NOON, 31, None),  # it has seen how the day went on
        (CALL, EXPIRY_EVENING, 7200, EXPIRY_EVENING),
        (CALL, EXPIRY_EVENING + timedelta(hours=1), 7200, EXPIRY_EVENING),
        (CALL, LATE_EVENING, 1, LATE_EVENING),
        (CALL, MONDAY, 1, EXPIRY_EVENING),  # ended on its day, wherever the underlying stands now
        (CALL, EARLY, 1, EARLY),
        (CALL, EARLY, 86400, None),
        ("VIX/FUT", NOON, 1, NOON),
        ("VIX/FUT", NOON, 31, None),
    ],
)
def test_who_tells_late_of_a_settlement_does_not_choose_its_moment(
    instrument: str, at: datetime, told_after: float, decided: datetime | None
) -> None:
    told = ReportClock(at + timedelta(seconds=told_after), timedelta(seconds=30))

    assert decisive_moment(instrument, settled("CASH_SETTLED", "3", "73", at), told) == decided


def test_the_moment_of_a_replayed_settlement_is_its_own_whenever_it_is_told() -> None:
    told = ReportClock(datetime(2026, 3, 16, tzinfo=UTC), timedelta(seconds=30), replayed_until=EARLY)

    assert decisive_moment(CALL, settled("CASH_SETTLED", "3", "73", NOON), told) == NOON


@pytest.mark.parametrize(
    ("instrument", "settlement", "is_true"),
    [
        (CALL, settled("CASH_SETTLED", "3", "73"), True),
        (CALL, settled("CASH_SETTLED", "2.9", "72.9"), True),
        (CALL, settled("CASH_SETTLED", "3.1", "73.1"), True),
        (CALL, settled("CASH_SETTLED", "3.5", "73.5"), False),
        (CALL, settled("EXPIRED", "0"), False),
        (PUT, settled("EXPIRED", "0"), True),
        ("VIX/FUT", settled("CASH_SETTLED", "72.9"), True),
        ("VIX/FUT", settled("CASH_SETTLED", "73.1"), True),
        ("VIX/FUT", settled("CASH_SETTLED", "0"), False),
        ("VIX/FUT", settled("CASH_SETTLED", "900", "73"), False),
    ],
)
def test_a_settlement_is_held_against_the_quotes_of_what_decides_it(
    instrument: str, settlement: Settlement, is_true: bool
) -> None:
    assert is_borne_out(instrument, settlement, Decimal("72.90"), Decimal("73.10")) == is_true


def test_a_shadows_option_ends_on_its_day_and_what_is_no_option_whenever_it_does() -> None:
    refuse_chosen_settlement(CALL, settled("EXERCISED", "3", "73"))
    refuse_chosen_settlement("VIX/FUT", settled("CASH_SETTLED", "17.3", at=EARLY))

    for before in (EARLY, JUST_TOO_EARLY):
        with pytest.raises(DomainError) as refused:
            refuse_chosen_settlement(CALL, settled("EXERCISED", "3", "73", before))

        assert (refused.value.code, refused.value.pointer) == ("settlement_impossible", f"/settlements/{CALL}")
        reason = "only from its expiry date on can a shadow be settled; until then it is sold."
        assert refused.value.detail == f"{CALL}: {reason}"


def test_a_contract_ends_between_entry_and_exit_of_its_trade() -> None:
    second = timedelta(seconds=1)
    settlement = settled("CASH_SETTLED", "3", "73", NOON)
    refuse_settlement_outside(CALL, settlement, NOON, NOON)

    for entered_at, exit_time in ((NOON + second, MONDAY), (EARLY, NOON - second)):
        with pytest.raises(DomainError) as refused:
            refuse_settlement_outside(CALL, settlement, entered_at, exit_time)

        assert (refused.value.code, refused.value.pointer) == ("settlement_impossible", f"/settlements/{CALL}")
        assert refused.value.detail == f"{CALL}: settled_at lies before the entry or after the exit."
