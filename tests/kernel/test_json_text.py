"""The canonical form is RFC 8785, whatever the document; the numbers are where implementations differ."""

from __future__ import annotations

import json
import struct
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any
from uuid import uuid5

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from kernel.canonical import (
    MAX_SAFE_INTEGER,
    NAMESPACE,
    canonical_json,
    expand_float,
    load_canonical,
    to_jsonb_text,
    with_big_integers_as_text,
)
from kernel.errors import CanonicalFormError
from tests.kernel.json_strategies import finite_floats, json_values, safe_documents


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        # Appendix B of RFC 8785.
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("ffefffffffffffff", "-1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"),
        ("41b3de4355555555", "333333333.3333333"),
        ("41b3de4355555556", "333333333.3333334"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_a_double_is_written_as_in_the_standard(bits: str, text: str) -> None:
    number = struct.unpack(">d", bytes.fromhex(bits))[0]

    assert canonical_json(number) == text.encode()


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (None, "null"),
        (True, "true"),
        ([], "[]"),
        ({}, "{}"),
        ((1, "a"), '[1,"a"]'),
        (15.0, "15"),
        (MAX_SAFE_INTEGER, "9007199254740991"),
        (-MAX_SAFE_INTEGER, "-9007199254740991"),
        (MAX_SAFE_INTEGER + 1, '"9007199254740992"'),
        (-MAX_SAFE_INTEGER - 1, '"-9007199254740992"'),
        ({"a": [{"b": 10**30}]}, '{"a":[{"b":"1000000000000000000000000000000"}]}'),
        ({"b": 1, "a": 2, "B": 3, "": 4}, '{"":4,"B":3,"a":2,"b":1}'),
        ('\b\t\n\f\r"\\\x01\x7f/é\u2028', '"\\b\\t\\n\\f\\r\\"\\\\\\u0001\x7f/é\u2028"'),
        # RFC 8785 3.2.3: by UTF-16 code units, so U+1F600 comes before U+FB33.
        (
            {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7},
            '{"\\r":2,"1":4,"\x80":6,"\u00f6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}',
        ),
    ],
)
def test_a_document_has_this_canonical_form(document: object, text: str) -> None:
    assert canonical_json(document).decode() == text


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


def test_enum_members_are_written_as_their_values() -> None:
    assert canonical_json([Colour.RED, Size.BIG, {"a": Colour.RED}]) == b'["red",3,{"a":"red"}]'


@pytest.mark.parametrize(
    "document",
    [
        float("nan"), float("inf"), -float("inf"), "\ud83d", {"\ud83d": 1}, {1: 2}, {1: 2, "a": 3},
        Decimal("1.5"), uuid5(NAMESPACE, "a"), b"bytes", {1, 2}, object(),
    ],
)  # fmt: skip
def test_what_json_cannot_say_is_refused(document: object) -> None:
    with pytest.raises(CanonicalFormError):
        canonical_json([document])


def test_a_document_nested_without_end_is_refused() -> None:
    document: list[Any] = []
    for _ in range(100_000):
        document = [document]

    with pytest.raises(CanonicalFormError, match="too deeply"):
        canonical_json(document)


@given(safe_documents)
def test_the_canonical_form_is_that_of_the_reference_implementation(document: Any) -> None:
    assert canonical_json(document) == rfc8785.dumps(document)


@given(finite_floats)
def test_every_double_is_written_as_by_the_reference_implementation(number: float) -> None:
    assert canonical_json(number) == rfc8785.dumps(number)
    assert float(canonical_json(number)) == number


@given(json_values)
def test_big_integers_enter_as_text(document: Any) -> None:
    assert canonical_json(document) == rfc8785.dumps(with_big_integers_as_text(document))


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), json_values), st.randoms())
def test_the_canonical_form_does_not_depend_on_the_order_of_members(document: dict[str, Any], shuffler: Any) -> None:
    members = list(document.items())
    shuffler.shuffle(members)

    assert canonical_json(dict(members)) == canonical_json(document)


@given(json_values)
def test_a_canonical_text_read_back_has_the_same_canonical_form(document: Any) -> None:
    text = canonical_json(document)

    assert canonical_json(load_canonical(text)) == text


def test_a_bare_integer_beyond_the_safe_range_is_read_back_as_the_float_it_was() -> None:
    text = canonical_json(2.0**60)

    assert text == b"1152921504606847000"
    assert load_canonical(text) == 2.0**60
    assert isinstance(load_canonical(text), float)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e22, "10000000000000000000000.0"),
        (2.0**53, "9007199254740992.0"),
        (-1e16, "-10000000000000000.0"),
        (15.0, "15.0"),
        (0.1, "0.1"),
        (1.5e-07, "1.5e-07"),
        (10**30, "1" + "0" * 30),
    ],
)
def test_jsonb_is_given_whole_floats_with_a_scale(number: float, text: str) -> None:
    assert to_jsonb_text(number) == text


@given(json_values)
def test_the_text_for_jsonb_reads_back_as_the_same_values(document: Any) -> None:
    assert json.loads(to_jsonb_text(document)) == document


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_jsonb_is_never_given_what_it_refuses(number: float) -> None:
    with pytest.raises(CanonicalFormError):
        to_jsonb_text({"a": number})


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (568.25, "568.25"), (568.0, "568"), (-0.0, "0"), (1e-07, "0.0000001"), (1e22, "10000000000000000000000"),
        (0.1 + 0.2, "0.30000000000000004"), (-1.5e-05, "-0.000015"),
    ],
)  # fmt: skip
def test_a_double_is_expanded_without_exponent(number: float, text: str) -> None:
    assert expand_float(number) == text


@given(finite_floats)
def test_an_expanded_double_is_the_same_double(number: float) -> None:
    text = expand_float(number)

    assert float(text) == number
    assert "e" not in text.lower()
