"""The exact text of a report's fields, and a hash of what they mean."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.canonical import canonical_json, exact_document
from outcomes.core.amendments import AmendmentReport, Successor
from outcomes.core.books import LegFill
from outcomes.core.repeats import meaning_hash, one_spelling
from outcomes.core.reports import field_text

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


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


EASTERN = timezone(timedelta(hours=-4))
NOON = datetime(2014, 6, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"price": Decimal("1.390")}, {"price": Decimal("1.39")}),
        ({"price": Decimal("1E+2")}, {"price": Decimal(100)}),
        ({"price": Decimal("-0.0")}, {"price": Decimal(0)}),
        ({"at": NOON}, {"at": NOON.astimezone(EASTERN)}),
        ({"id": UUID(int=7)}, {"id": str(UUID(int=7))}),
        ({"legs": [{"price": Decimal("1.0")}]}, {"legs": ({"price": Decimal(1)},)}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ],
)
def test_a_report_means_the_same_however_it_is_written(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert meaning_hash(one) == meaning_hash(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"price": Decimal("1.39")}, {"price": Decimal("1.3900000000000000000000000001")}),
        ({"price": Decimal(1)}, {"price": None}),
        ({"price": None}, {}),
        ({"at": NOON}, {"at": NOON + timedelta(microseconds=1)}),
        ({"legs": [1, 2]}, {"legs": [2, 1]}),
        ({"on": True}, {"on": 1}),
        ({"note": None}, {"note": "None"}),
    ],
)
def test_different_reports_have_different_hashes(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert meaning_hash(one) != meaning_hash(other)


CALL = "TWX   140621C00070000"
SENT = {
    "underlying": {"symbol": "TWX", "bid": "70.00", "ask": 70.1, "last": "70.050"},
    "quotes": {"TWX140621C00070000": {"bid": "1.390", "ask": "1.4", "quote_time": "2014-06-05T14:00:00.000+02:00"}},
    "settlements": {"O:TWX140621C00070000": {"price": "0.0", "underlying": "70", "settled_at": 1401969600}},
    "seen": ["1.390", {"bid": "2.0"}, None],
}
NOON_TEXT = "2014-06-05T12:00:00.000000Z"


def test_quotes_and_settlements_in_another_spelling_are_the_same() -> None:
    assert one_spelling(SENT) == {
        "underlying": {"symbol": "TWX", "bid": "70", "ask": "70.1", "last": "70.05"},
        "quotes": {CALL: {"bid": "1.39", "ask": "1.4", "quote_time": NOON_TEXT}},
        "settlements": {CALL: {"price": "0", "underlying": "70", "settled_at": NOON_TEXT}},
        "seen": ["1.390", {"bid": "2"}, None],
    }


@given(JSON_VALUES)
def test_whatever_was_seen_has_one_spelling_that_stays_as_it_is(seen: Any) -> None:
    once = one_spelling({"quotes": seen, "bid": seen, "quote_time": seen})

    assert one_spelling(once) == once


def test_what_is_no_price_and_no_time_is_the_same_in_the_same_text_alone() -> None:
    document = {"bid": "-1.0", "ask": "much", "quote_time": "noon", "settled_at": None, "price": {"bid": "x"}}

    assert one_spelling(document) == document


def test_a_number_that_no_double_holds_keeps_every_digit_as_text() -> None:
    numbers = [
        Decimal("0.12345678901234567891"),
        Decimal("0.12345678901234567890"),
        Decimal("1.2345678901234567890e-90"),
    ]

    assert exact_document(numbers) == ["0.12345678901234567891", "0.1234567890123456789", "1.234567890123456789E-90"]


@pytest.mark.parametrize(
    "written",
    [
        "9007199254740992.0", "9007199254740993.0", "-9007199254740993.00", "9.007199254740993e15", "1e22", "1e79",
        "12345678901234567890.0", "1.2345678901234567891e90", f"{10**308}.0", f"{10**80 + 1}.0",
    ],
)  # fmt: skip
def test_a_whole_number_is_the_same_with_a_point(written: str) -> None:
    assert meaning_hash({"n": [exact_document(Decimal(written))]}) == meaning_hash({"n": [int(Decimal(written))]})


@pytest.mark.parametrize("written", ["1e80", "1e400", "1e999999", "-1e999999", "1e-999999", "0e999999"])
def test_an_exponent_makes_no_long_text(written: str) -> None:
    assert len(canonical_json(exact_document([Decimal(written)]))) < 15


def test_a_number_that_a_double_names_stays_a_number() -> None:
    assert exact_document([Decimal("1.39"), Decimal("2.0"), 3, "x", None, True]) == [1.39, 2.0, 3, "x", None, True]


def test_an_amendment_is_stored_with_the_values_that_it_changes_as_text() -> None:
    legs = (LegFill("SPY", "OPEN", "LONG", Decimal(1), Decimal("1.5")),)
    successor = Successor("SPY", "SPY1", Decimal("2.50"), datetime(2026, 3, 16, 14, 30, tzinfo=UTC))

    nothing = AmendmentReport("CORRECT", "fill-1", None, None, None, "Price corrected.", "Confirmation 7.")

    assert nothing.values() == {}
    assert replace(nothing, legs=legs).values() == {"legs": [legs[0].document()]}
    assert replace(nothing, fees=Decimal("-0.5")).values() == {"fees": "-0.50"}
    assert replace(nothing, successor=successor).values() == {
        "successor": {
            "instrument": "SPY", "becomes": "SPY1", "ratio": "2.5", "effective_at": "2026-03-16T14:30:00.000000Z",
        }
    }  # fmt: skip
