"""Whether the report of a shadow's exit, and its quotes, can be true; without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from outcomes.core.trade_reports import ShadowExitReport, judge_shadow_exit, refuse_bad_quotes

from kernel.errors import DomainError
from tests.outcomes.core.reports import EXIT, ONE, Error, exit_leg, parts


def quote(bid: str = "1.31", ask: str = "1.37", quote_time: str = "2014-06-05T18:00:00Z") -> dict[str, str]:
    return {"bid": bid, "ask": ask, "quote_time": quote_time}


def shadow_exit(**changes: Any) -> ShadowExitReport:
    return replace(ShadowExitReport({"X": quote()}, None, None, (), Decimal(0)), **changes)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"quotes": {}}, ("quote_missing", "/quotes/X", "The quote for X is missing; send one for every leg.")),
        (
            {"quotes": {"X": quote(quote_time="2014-06-05T18:00:00.000001Z")}},
            (
                "lookahead",
                "/quotes/X",
                "The quote for X is dated after exit_time; send the last quote at or before it.",
            ),
        ),
        (
            {"quotes": {"X": quote(bid="1.38")}},
            (
                "crossed_quote",
                "/quotes/X",
                "The quote for X has a bid above its ask; send the last quote that was not crossed.",
            ),
        ),
        (
            {"quotes": {"X": {"bid": "1"}}},
            (
                "one_sided_quote",
                "/quotes/X",
                "The quote for X is one-sided; send the last quote with both bid and ask.",
            ),
        ),
        (
            {"quotes": {"X": quote(quote_time="")}},
            ("quote_time_missing", "/quotes/X", "The quote for X has no valid quote_time."),
        ),
        (
            {"quotes": {"X": "1.31"}},
            (
                "not_a_quote",
                "/quotes/X",
                (
                    "The quote for X must be {bid, ask, quote_time},"
                    " with prices of 0 or more and at most 8 decimal places."
                ),
            ),
        ),
        (
            {"exit_time": EXIT + timedelta(microseconds=1)},
            ("exit_time_differs", "/exit_time", "exit_time must equal the directive's, to the microsecond."),
        ),
        ({"exit_price": Decimal("1.37")}, ("price_mismatch", "/exit_price", "Does not match the legs: expected 1.31.")),
        (
            {"legs": (exit_leg("X", exit_price=Decimal("1.34")),)},
            ("price_mismatch", "/legs/X/exit_price", "Does not match the legs: expected 1.31."),
        ),
        ({"legs": (exit_leg("Y"),)}, ("unknown_leg", "/legs", "The trade has no leg Y.")),
        ({"fees": Decimal(-1)}, ("negative_fees", "/fees", "Fees must be 0 or more.")),
    ],
)
def test_a_shadow_exit_that_cannot_be_is_refused_by_name(changes: dict[str, Any], error: Error) -> None:
    with pytest.raises(DomainError) as caught:
        judge_shadow_exit(shadow_exit(**changes), ONE, exit_time=EXIT)

    assert parts(caught.value) == error


def test_a_shadow_exit_takes_the_touch_of_its_own_quotes() -> None:
    report = shadow_exit(exit_time=EXIT, exit_price=Decimal("1.31"), legs=(exit_leg("X", exit_price=Decimal("1.310")),))

    prices, price, _ = judge_shadow_exit(report, ONE, exit_time=EXIT)

    assert (prices, price) == ({"X": Decimal("1.31")}, Decimal("1.31"))


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (
            quote(quote_time="2014-06-05T18:00:01Z"),
            (
                "lookahead",
                "/market_conditions/quotes/anything",
                "The quote for anything is dated after exit_time; send the last quote at or before it.",
            ),
        ),
        (
            quote(bid="2"),
            (
                "crossed_quote",
                "/market_conditions/quotes/anything",
                "The quote for anything has a bid above its ask; send the last quote that was not crossed.",
            ),
        ),
    ],
)
def test_a_shadows_own_report_must_not_hold_such_quotes(raw: dict[str, str], error: Error) -> None:
    with pytest.raises(DomainError) as caught:
        refuse_bad_quotes({"quotes": {"anything": raw}}, EXIT)

    assert parts(caught.value) == error


def test_other_shortcomings_of_quotes_that_price_nothing_are_let_pass() -> None:
    refuse_bad_quotes({"quotes": {"X": {"bid": 1}, "Y": "?"}}, EXIT)
