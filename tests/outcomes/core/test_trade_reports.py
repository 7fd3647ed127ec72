"""Whether a report can be true, its exact text and its hash, without a database."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import DomainError
from outcomes.core.trade_reports import (
    CLOCK_SKEW,
    ExitReport,
    OpeningReport,
    ReportedLeg,
    ShadowExitReport,
    exact_document,
    field_text,
    judge_exit,
    judge_opening,
    judge_shadow_exit,
    refuse_bad_quotes,
    request_hash,
)
from outcomes.core.trades import Leg

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
Error = tuple[str, str, str]  # code, pointer, detail

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


def parts(error: DomainError) -> Error:
    return error.code, error.pointer, error.detail


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


def parsed(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{"r":null}', "null"),
        ('{"r":1.50}', "1.50"),
        ('{"r":1E+2}', "1E+2"),
        ('{"a": 1 , "r" :\n {"x" : [1,  2] , "y":{} } , "b":2}', '{"x" : [1,  2] , "y":{} }'),
        ('{"r":"\\u00e9 \\" } \\\\"}', '"\\u00e9 \\" } \\\\"'),
        ('{"r":"é € 𝄞"}', '"é € 𝄞"'),
        ('{"x":{"r":"inner"},"r":"outer"}', '"outer"'),
        ('{"x":"r\\":1","r":2}', "2"),
        ('{"\\u0072":[true]}', "[true]"),
        ('\ufeff \t{ "r" : -0.0 }\r\n', "-0.0"),
        ('{"r":' + "9" * 5000 + "}", "9" * 5000),
    ],
)
def test_a_field_is_returned_with_the_very_characters_it_was_sent_with(source: str, expected: str) -> None:
    assert field_text(source.encode(), "r") == expected


@pytest.mark.parametrize("body", [b'{"a": {"r": 1}}', b"{ }"])
def test_a_missing_field_is_a_key_error(body: bytes) -> None:
    with pytest.raises(KeyError, match=r"^'r'$"):
        field_text(body, "r")


@given(JSON_VALUES, JSON_VALUES, st.sampled_from([None, 0, 1, 3]), st.booleans())
def test_any_value_is_found_whole_wherever_it_stands(
    value: Any, other: Any, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    neighbour = json.dumps(other, indent=indent)
    body = f'{{"a": {neighbour},\n"r" :{text} , "z": {neighbour}}}'

    assert field_text(body.encode(), "r") == text


def test_all_spellings_of_one_number_have_one_hash() -> None:
    spellings = ("1.5", "1.50", "15e-1", "0.15E1")

    assert len({request_hash(parsed(f'{{"x": {text}}}')) for text in spellings}) == 1


def test_the_order_of_fields_and_white_space_do_not_matter() -> None:
    assert request_hash(parsed('{"a":1,"b":[2]}')) == request_hash(parsed('{ "b": [ 2 ], "a": 1 }'))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"x": 1.5}', '{"x": 1.6}'),
        ('{"x": 0.1}', '{"x": 0.10000000000000000555}'),
        ('{"x": 1e-400}', '{"x": 0}'),
        ('{"x": null}', "{}"),
        ('{"x": 9007199254740993}', '{"x": 9007199254740992}'),
    ],
)
def test_different_documents_have_different_hashes(one: str, other: str) -> None:
    assert request_hash(parsed(one)) != request_hash(parsed(other))


def test_a_number_that_no_double_holds_keeps_every_digit_as_text() -> None:
    assert exact_document({"p": Decimal("0.12345678901234567890")}) == {"p": "0.12345678901234567890"}


def test_a_number_that_a_double_names_stays_a_number() -> None:
    assert exact_document([Decimal("1.39"), Decimal("2.0"), 3, "x", None, True]) == [1.39, 2.0, 3, "x", None, True]
