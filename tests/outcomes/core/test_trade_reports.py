"""Whether the report of an opening or an exit can be true, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from outcomes.core.trade_reports import (
    CLOCK_SKEW,
    ExitReport,
    OpeningReport,
    ReportedLeg,
    judge_exit,
    judge_opening,
)

from kernel.errors import DomainError
from outcomes.core.trades import Leg
from tests.outcomes.core.reports import ENTRY, EXIT, NOW, ONE, SPREAD, Error, exit_leg, parts


def opening(**changes: Any) -> OpeningReport:
    report = OpeningReport(
        experiment_id=UUID(int=1),
        kind="REAL",
        legs=(reported("X", entry_price="1.39"),),
        quantity=Decimal(1),
        multiplier=Decimal(100),
        entry_price=Decimal("1.39"),
        entry_time=ENTRY,
        fees=Decimal(0),
        price_provenance="BROKER_FILL",
    )
    return replace(report, **changes)


def leaving(**changes: Any) -> ExitReport:
    report = ExitReport(
        exit_time=EXIT,
        exit_price=Decimal("1.99"),
        exit_reason="SIGNAL",
        legs=(),
        fees=Decimal(0),
        market_conditions={},
        price_provenance=None,
    )
    return replace(report, **changes)


def reported(instrument: str, side: str = "LONG", ratio: int = 1, **prices: str) -> ReportedLeg:
    return ReportedLeg(instrument, side, ratio, **{name: Decimal(text) for name, text in prices.items()})


def code_of_exit(entered: tuple[Leg, ...] = ONE, **changes: Any) -> str:
    with pytest.raises(DomainError) as caught:
        judge_exit(leaving(**changes), entered, entry_time=ENTRY, now=NOW)
    return caught.value.code


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (
            {"entry_time": NOW + CLOCK_SKEW + timedelta(microseconds=1)},
            ("time_in_future", "/entry_time", "entry_time is in the future; check the engine's clock."),
        ),
        ({"fees": Decimal("-0.01")}, ("negative_fees", "/fees", "Fees must be 0 or more.")),
        (
            {"entry_price": Decimal("1.40")},
            ("price_mismatch", "/entry_price", "Does not match the legs: expected 1.39."),
        ),
        (
            {"legs": (reported("X", entry_price="-1"),), "entry_price": Decimal(-1)},
            ("negative_price", "", "The entry_price of leg X must be 0 or more."),
        ),
        ({"legs": (reported("X"),), "entry_price": None}, ("price_missing", "/legs", "Leg X has no entry_price.")),
        (
            {"legs": (reported("X"), reported("Y", entry_price="1"))},
            ("price_missing", "/legs", "Leg X has no entry_price."),
        ),
        (
            {"legs": (reported("X", entry_price="1"), reported("X", "SHORT", entry_price="1"))},
            ("duplicate_leg", "/legs", "Leg X appears 2 times; use ratio instead."),
        ),
        (
            {"legs": (reported("X", entry_price="1"), reported("Y", entry_price="1"))},
            ("price_mismatch", "/entry_price", "Does not match the legs: expected 2.00."),
        ),
    ],
)
def test_an_opening_that_cannot_be_is_refused_by_name(changes: dict[str, Any], error: Error) -> None:
    with pytest.raises(DomainError) as caught:
        judge_opening(opening(**changes), NOW)

    assert parts(caught.value) == error


def test_a_clock_that_is_a_little_ahead_is_forgiven() -> None:
    judge_opening(opening(entry_time=NOW + CLOCK_SKEW), NOW)


def test_a_price_of_nothing_is_a_price() -> None:
    free, _ = judge_opening(opening(legs=(reported("X", entry_price="0"),), entry_price=Decimal(0)), NOW)

    assert free[0].entry_price == 0


@pytest.mark.parametrize(
    ("leg", "price"),
    [
        (reported("X"), Decimal("1.39")),
        (reported("X", entry_price="1.390"), Decimal("1.39")),
        (reported("X", entry_price="1.390"), None),
    ],
)
def test_a_single_leg_and_its_trade_need_one_price_between_them(leg: ReportedLeg, price: Decimal | None) -> None:
    legs, entry_price = judge_opening(opening(legs=(leg,), entry_price=price), NOW)

    assert (legs, entry_price) == (ONE, Decimal("1.39"))


def test_a_spread_costs_its_net_debit_and_a_credit_is_negative() -> None:
    legs = (reported("LOW", entry_price="3"), reported("HIGH", "SHORT", 2, entry_price="1"))
    sold = (reported("LOW", "SHORT", entry_price="3"), reported("HIGH", entry_price="1"))

    assert judge_opening(opening(legs=legs, entry_price=Decimal(1)), NOW) == (SPREAD, Decimal(1))
    assert judge_opening(opening(legs=sold, entry_price=Decimal(-2)), NOW)[1] == Decimal(-2)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (
            {"exit_time": ENTRY - timedelta(microseconds=1)},
            (
                "exit_before_entry",
                "/exit_time",
                "exit_time is before the trade's entry_time; check the engine's clock.",
            ),
        ),
        (
            {"exit_time": NOW + timedelta(seconds=6)},
            ("time_in_future", "/exit_time", "exit_time is in the future; check the engine's clock."),
        ),
        ({"exit_price": Decimal(-1)}, ("negative_price", "", "The exit_price of leg X must be 0 or more.")),
        ({"exit_price": None}, ("price_missing", "/legs", "Leg X has no exit_price.")),
        ({"fees": Decimal(-1)}, ("negative_fees", "/fees", "Fees must be 0 or more.")),
        ({"legs": (exit_leg("Y", exit_price=Decimal(1)),)}, ("unknown_leg", "/legs", "The trade has no leg Y.")),
        (
            {"legs": (exit_leg("X", exit_price=Decimal(1)),)},
            ("price_mismatch", "/exit_price", "Does not match the legs: expected 1.00."),
        ),
        (
            {"legs": (exit_leg("X"), exit_leg("X"))},
            ("duplicate_leg", "/legs", "Leg X appears 2 times; use ratio instead."),
        ),
        (
            {"legs": (exit_leg("X", side="SHORT"),)},
            ("leg_differs", "/legs", "Leg X does not match the entry; side, ratio and entry_price cannot change."),
        ),
        (
            {"legs": (exit_leg("X", ratio=2),)},
            ("leg_differs", "/legs", "Leg X does not match the entry; side, ratio and entry_price cannot change."),
        ),
        (
            {"legs": (exit_leg("X", entry_price=Decimal(1)),)},
            ("leg_differs", "/legs", "Leg X does not match the entry; side, ratio and entry_price cannot change."),
        ),
    ],
)
def test_an_exit_that_cannot_be_is_refused_by_name(changes: dict[str, Any], error: Error) -> None:
    with pytest.raises(DomainError) as caught:
        judge_exit(leaving(**changes), ONE, entry_time=ENTRY, now=NOW)

    assert parts(caught.value) == error


def test_an_exit_in_the_moment_of_the_entry_is_possible() -> None:
    judge_exit(leaving(exit_time=ENTRY), ONE, entry_time=ENTRY, now=NOW)


def test_several_legs_need_a_price_each() -> None:
    low = exit_leg("LOW", exit_price=Decimal(4))
    high = exit_leg("HIGH", exit_price=Decimal(1))

    assert code_of_exit(SPREAD, exit_price=Decimal(2)) == "price_missing"
    assert code_of_exit(SPREAD, legs=(low,), exit_price=Decimal(2)) == "price_missing"
    assert judge_exit(leaving(legs=(low, high), exit_price=None), SPREAD, entry_time=ENTRY, now=NOW) == (
        {"LOW": Decimal(4), "HIGH": Decimal(1)},
        Decimal(2),
    )
