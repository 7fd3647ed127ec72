"""The exact text of a report's fields, and its hash; without a database."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outcomes.core.trade_reports import exact_document, field_text, request_hash

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
