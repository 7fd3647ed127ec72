"""Whether a report can be true, judged without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from kernel.errors import DomainError
from outcomes.core.pricing import Leg
from outcomes.core.reports import (
    CLOCK_SKEW,
    ExitReport,
    OpeningReport,
    ReportedLeg,
    ShadowExitReport,
    judge_exit,
    judge_opening,
    judge_shadow_exit,
    refuse_bad_quotes,
)

NOW = datetime(2014, 6, 5, 20, tzinfo=UTC)
ENTRY = datetime(2014, 6, 5, 14, tzinfo=UTC)
EXIT = datetime(2014, 6, 5, 18, tzinfo=UTC)
ONE = (Leg("X", "LONG", 1, Decimal("1.39")),)
SPREAD = (Leg("LOW", "LONG", 1, Decimal(3)), Leg("HIGH", "SHORT", 2, Decimal(1)))


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


def exit_leg(instrument: str, **said: Any) -> ReportedLeg:
    return ReportedLeg(instrument, **said)


def code_of_opening(**changes: Any) -> str:
    with pytest.raises(DomainError) as caught:
        judge_opening(opening(**changes), NOW)
    return caught.value.code


def code_of_exit(entered: tuple[Leg, ...] = ONE, **changes: Any) -> str:
    with pytest.raises(DomainError) as caught:
        judge_exit(leaving(**changes), entered, entry_time=ENTRY, now=NOW)
    return caught.value.code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"entry_time": NOW + CLOCK_SKEW + timedelta(microseconds=1)}, "time_in_future"),
        ({"fees": Decimal("-0.01")}, "negative_fees"),
        ({"entry_price": Decimal("1.40")}, "price_mismatch"),
        ({"legs": (reported("X", entry_price="-1"),), "entry_price": Decimal(-1)}, "negative_price"),
        ({"legs": (reported("X"),), "entry_price": None}, "price_missing"),
        ({"legs": (reported("X"), reported("Y", entry_price="1"))}, "price_missing"),
        ({"legs": (reported("X", entry_price="1"), reported("X", "SHORT", entry_price="1"))}, "duplicate_leg"),
        ({"legs": (reported("X", entry_price="1"), reported("Y", entry_price="1"))}, "price_mismatch"),
    ],
)
def test_an_opening_that_cannot_be_is_refused_by_name(changes: dict[str, Any], code: str) -> None:
    assert code_of_opening(**changes) == code


def test_a_clock_that_is_a_little_ahead_is_forgiven() -> None:
    judge_opening(opening(entry_time=NOW + CLOCK_SKEW), NOW)


@pytest.mark.parametrize("leg", [reported("X"), reported("X", entry_price="1.390")])
@pytest.mark.parametrize("price", [Decimal("1.39"), None])
def test_a_single_leg_and_its_trade_need_one_price_between_them(leg: ReportedLeg, price: Decimal | None) -> None:
    if leg.entry_price is None and price is None:
        return

    legs, entry_price = judge_opening(opening(legs=(leg,), entry_price=price), NOW)

    assert (legs, entry_price) == (ONE, Decimal("1.39"))


def test_a_spread_costs_its_net_debit_and_a_credit_is_negative() -> None:
    legs = (reported("LOW", entry_price="3"), reported("HIGH", "SHORT", 2, entry_price="1"))
    sold = (reported("LOW", "SHORT", entry_price="3"), reported("HIGH", entry_price="1"))

    assert judge_opening(opening(legs=legs, entry_price=Decimal(1)), NOW) == (SPREAD, Decimal(1))
    assert judge_opening(opening(legs=sold, entry_price=Decimal(-2)), NOW)[1] == Decimal(-2)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exit_time": ENTRY - timedelta(microseconds=1)}, "exit_before_entry"),
        ({"exit_time": NOW + timedelta(seconds=6)}, "time_in_future"),
        ({"exit_price": Decimal(-1)}, "negative_price"),
        ({"exit_price": None}, "price_missing"),
        ({"fees": Decimal(-1)}, "negative_fees"),
        ({"legs": (exit_leg("Y", exit_price=Decimal(1)),)}, "unknown_leg"),
        ({"legs": (exit_leg("X", exit_price=Decimal(1)),)}, "price_mismatch"),
        ({"legs": (exit_leg("X"), exit_leg("X"))}, "duplicate_leg"),
        ({"legs": (exit_leg("X", side="SHORT"),)}, "leg_differs"),
        ({"legs": (exit_leg("X", ratio=2),)}, "leg_differs"),
        ({"legs": (exit_leg("X", entry_price=Decimal(1)),)}, "leg_differs"),
    ],
)
def test_an_exit_that_cannot_be_is_refused_by_name(changes: dict[str, Any], code: str) -> None:
    assert code_of_exit(**changes) == code


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


def quote(bid: str = "1.31", ask: str = "1.37", quote_time: str = "2014-06-05T18:00:00Z") -> dict[str, str]:
    return {"bid": bid, "ask": ask, "quote_time": quote_time}


def shadow_exit(**changes: Any) -> ShadowExitReport:
    return replace(ShadowExitReport({"X": quote()}, None, None, (), Decimal(0)), **changes)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quotes": {}}, "quote_missing"),
        ({"quotes": {"X": quote(quote_time="2014-06-05T18:00:00.000001Z")}}, "lookahead"),
        ({"quotes": {"X": quote(bid="1.38")}}, "crossed_quote"),
        ({"quotes": {"X": {"bid": "1"}}}, "one_sided_quote"),
        ({"quotes": {"X": quote(quote_time="")}}, "quote_time_missing"),
        ({"quotes": {"X": "1.31"}}, "not_a_quote"),
        ({"exit_time": EXIT + timedelta(microseconds=1)}, "exit_time_differs"),
        ({"exit_price": Decimal("1.37")}, "price_mismatch"),
        ({"legs": (exit_leg("X", exit_price=Decimal("1.34")),)}, "price_mismatch"),
        ({"legs": (exit_leg("Y"),)}, "unknown_leg"),
        ({"fees": Decimal(-1)}, "negative_fees"),
    ],
)
def test_a_shadow_exit_that_cannot_be_is_refused_by_name(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(DomainError) as caught:
        judge_shadow_exit(shadow_exit(**changes), ONE, exit_time=EXIT)

    assert caught.value.code == code


def test_a_shadow_exit_takes_the_touch_of_its_own_quotes() -> None:
    report = shadow_exit(exit_time=EXIT, exit_price=Decimal("1.31"), legs=(exit_leg("X", exit_price=Decimal("1.310")),))

    prices, price, _ = judge_shadow_exit(report, ONE, exit_time=EXIT)

    assert (prices, price) == ({"X": Decimal("1.31")}, Decimal("1.31"))


@pytest.mark.parametrize(
    ("raw", "code"),
    [(quote(quote_time="2014-06-05T18:00:01Z"), "lookahead"), (quote(bid="2"), "crossed_quote")],
)
def test_a_shadows_own_report_must_not_hold_such_quotes(raw: dict[str, str], code: str) -> None:
    with pytest.raises(DomainError) as caught:
        refuse_bad_quotes({"quotes": {"anything": raw}}, EXIT)

    assert caught.value.code == code


def test_other_shortcomings_of_quotes_that_price_nothing_are_let_pass() -> None:
    refuse_bad_quotes({"quotes": {"X": {"bid": 1}, "Y": "?"}}, EXIT)
