"""The body of an alert is decoded strictly, and every refusal has its code (R8.1)."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kernel.errors import DomainError
from signals_app.alerts.decoding import MAX_BODY_BYTES, MAX_DEPTH, decode_alert
from tests.kernel.json_strategies import json_objects


def decode_or_refuse(body: bytes) -> dict[str, Any] | DomainError:
    """Let no other exception pass for a refusal."""
    try:
        return decode_alert(body)
    except DomainError as error:
        return error


def refusal(body: bytes) -> DomainError:
    with pytest.raises(DomainError) as raised:
        decode_alert(body)
    return raised.value


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty_body"),
        (b" \r\n\t ", "empty_body"),
        (b"\xef\xbb\xbf", "empty_body"),
        (b"\xef\xbb\xbf \n", "empty_body"),
        (b'{"a": "\xff"}', "invalid_encoding"),
        (b'{"a": "\xc3"}', "invalid_encoding"),
        (b'{"a": "\xed\xa0\x80"}', "invalid_encoding"),
        ('{"a": 1}'.encode("utf-16"), "invalid_encoding"),
        ('{"a": 1}'.encode("utf-16-le"), "invalid_encoding"),
        ('{"a": 1}'.encode("utf-16-be"), "invalid_encoding"),
        (b"buy SPY", "invalid_json"),
        (b"{'a': 1}", "invalid_json"),
        (b'{"a": 1,}', "invalid_json"),
        (b'{"a": 1} {"b": 2}', "invalid_json"),
        (b'{"a": 1', "invalid_json"),
        (b'{"a": "line\nbreak"}', "invalid_json"),
        (b'{"a": 01}', "invalid_json"),
        (b'{"a": +1}', "invalid_json"),
        (b'{"a": .5}', "invalid_json"),
        (b'{"a": NaN}', "invalid_json"),
        (b'{"a": [{"b": Infinity}]}', "invalid_json"),
        (b'{"a": -Infinity}', "invalid_json"),
        (b'{"a": undefined}', "invalid_json"),
        (b'\xc2\xa0{"a": 1}', "invalid_json"),
        (b"null", "not_an_object"),
        (b"true", "not_an_object"),
        (b"12", "not_an_object"),
        (b'"{}"', "not_an_object"),
        (b'[{"a": 1}]', "not_an_object"),
        (b'{"a": 1, "a": 1}', "duplicate_key"),
        (b'{"a": {"b": [{"c": 1, "c": 2}]}}', "duplicate_key"),
        (b'{"a": 1, "\\u0061": 2}', "duplicate_key"),
        (b'{"a": "\\u0000"}', "invalid_character"),
        (b'{"\\u0000": 1}', "invalid_character"),
        (b'{"a": [{"b\\u0000": 1}]}', "invalid_character"),
        (b'{"a": "\x00"}', "invalid_character"),
        (b'{"a": "\\ud83d"}', "invalid_character"),
        (b'{"a": "\\ude80\\ud83d"}', "invalid_character"),
        (b'{"\\udfff": 1}', "invalid_character"),
        (b'{"a": 1e400}', "number_out_of_range"),
        (b'{"a": [-1e400]}', "number_out_of_range"),
        (b'{"a": 1e-400}', "number_out_of_range"),
        (b'{"a": [-0.1E-330]}', "number_out_of_range"),
        (b'{"a": {"b": ' + b"9" * 400 + b"}}", "number_out_of_range"),
        (b'{"a": -' + b"9" * 5000 + b"}", "number_out_of_range"),
        (b"[" * 60_000, "too_deep"),
        (b'{"a":' * 10_000, "too_deep"),
        (b'{"a": ' + b"[" * 500 + b"]" * 500 + b"}", "too_deep"),
    ],
)
def test_a_body_that_is_not_one_clean_object_is_refused_with_its_code(body: bytes, code: str) -> None:
    error = refusal(body)

    assert error.code == code
    assert error.detail.endswith(".")


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (b"{}", {}),
        (b'\r\n {"a": 1}\r\n', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf\n{"a": 1}\n', {"a": 1}),
        ('{"a": "\U0001f680"}'.encode(), {"a": "\U0001f680"}),
        (b'{"a": "\\ud83d\\ude80"}', {"a": "\U0001f680"}),
        (b'{"a": "\xef\xbb\xbf"}', {"a": "\ufeff"}),
        (b'{"a": {"b": 1}, "b": {"b": 1}}', {"a": {"b": 1}, "b": {"b": 1}}),
        (b'{"a": 123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
        (b'{"a": 1e308}', {"a": 1e308}),
        (b'{"a": 5e-324}', {"a": 5e-324}),
        (b'{"a": [0.0, -0.00, 0e9, 0.0E-400]}', {"a": [0.0, -0.0, 0.0, 0.0]}),
        (b'{"a": -0}', {"a": 0}),
        (b'{"a": null, "b": [true, false]}', {"a": None, "b": [True, False]}),
    ],
)
def test_a_clean_object_is_decoded(body: bytes, payload: dict[str, object]) -> None:
    assert decode_alert(body) == dict[str, Any](payload)


def test_a_number_with_a_fraction_stays_a_float() -> None:
    payload = decode_alert(b'{"a": 15.0, "b": 1e22, "c": 15}')

    assert [type(value) for value in payload.values()] == [float, float, int]


def test_the_largest_body_is_taken_and_one_byte_more_is_not() -> None:
    largest = b'{"a": "' + b"x" * (MAX_BODY_BYTES - 9) + b'"}'

    assert len(decode_alert(largest)["a"]) == MAX_BODY_BYTES - 9
    assert refusal(largest + b" ").code == "too_large"


@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]")])
def test_the_deepest_body_is_taken_and_one_level_more_is_not(opening: bytes, closing: bytes) -> None:
    def nested(levels: int) -> bytes:
        inner = levels - 1
        return b'{"a":' + opening * inner + b"1" + closing * inner + b"}"

    assert decode_alert(nested(MAX_DEPTH))
    assert refusal(nested(MAX_DEPTH + 1)).code == "too_deep"


def test_the_largest_integer_that_a_double_reaches_is_taken() -> None:
    largest = int(float.fromhex("0x1.fffffffffffffp+1023"))

    assert decode_alert(b'{"a": %d}' % largest) == {"a": largest}
    assert refusal(b'{"a": %d}' % (largest * 2)).code == "number_out_of_range"


def test_the_error_names_the_member() -> None:
    assert refusal(b'{"rsi": {"x": 1e999}}').pointer == "/rsi"
    assert refusal(b'{"note": "\\u0000"}').pointer == "/note"
    assert refusal(b'{"n": 1, "n": 2}').pointer == "/n"
    assert refusal(b'{"\\u0000": 1}').pointer == "/\\x00"


def test_the_error_about_syntax_says_where_and_shows_nothing_of_the_body() -> None:
    error = refusal(b'{"secret": "hush-hush-hush"\n "a": 1}')

    assert "line 2 column 2" in error.detail
    assert "hush" not in error.detail


def test_many_duplicates_are_found_quickly() -> None:
    names = ",".join(f'"{number}":0' for number in range(7000))

    assert refusal(f'{{{names},"6999":0}}'.encode()).pointer == "/6999"


@given(st.binary(max_size=200))
@example(b'{"a": 1}')
@example(b"\xff\xfe")
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    outcome = decode_or_refuse(body)

    assert isinstance(outcome, dict) or (outcome.code and outcome.detail)


@given(st.text('{}[]":,\\u0123456789aeEdD+-. \n\x00nNIfty', max_size=60))
def test_any_text_that_resembles_json_is_decoded_or_refused(text: str) -> None:
    outcome = decode_or_refuse(text.encode())

    assert isinstance(outcome, DomainError) or outcome == json.loads(text.strip(" \t\r\n"))


@given(json_objects)
def test_whatever_was_written_as_json_is_read_back(payload: dict[str, object]) -> None:
    assert decode_alert(json.dumps(payload).encode()) == payload
    assert decode_alert(json.dumps(payload, ensure_ascii=False).encode()) == payload


DOUBLE = "contains a number outside the range of a double; send it as text."


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        (b"", "", "The body is empty; it must be a JSON object."),
        (b'{"a": "\xff"}', "", "The body is not UTF-8 (byte 7); send it as UTF-8."),
        ('{"a": 1}'.encode("utf-16-le"), "", "The body looks like UTF-16; send it as UTF-8."),
        ('{"a": 1}'.encode("utf-16-be"), "", "The body looks like UTF-16; send it as UTF-8."),
        (
            b"buy SPY", "",
            ("The body is not JSON: Expecting value at line 1 column 1. "
            "Check commas and quotes; in an alert, quote every placeholder."),
        ),
        (
            b'{"a": "x\ny"}', "",
            ("The body is not JSON: Invalid control character at line 1 column 9. "
            "Check commas and quotes; in an alert, quote every placeholder."),
        ),
        (b'{"a": NaN}', "", "The body contains the bare word NaN, which is not JSON; quote it or leave it out."),
        (b"null", "", "The body is null; it must be a JSON object."),
        (b"false", "", "The body is true or false; it must be a JSON object."),
        (b"12", "", "The body is a number; it must be a JSON object."),
        (b"1.5", "", "The body is a number; it must be a JSON object."),
        (b'"x"', "", "The body is a string; it must be a JSON object."),
        (b"[]", "", "The body is an array; it must be a JSON object."),
        (b'{"b": 1, "a": 1, "a": 1}', "/a", "The field a occurs twice in one object; send it once."),
        (b'{"a": "\\u0000"}', "/a", "The field a contains U+0000; remove it."),
        (b'{"a": [{"b\\u0000": 1}]}', "/a", "The field a contains U+0000; remove it."),
        (b'{"\x00": 1}', "", "The body contains U+0000; remove it."),
        (b'{"a": "\x00"}', "", "The body contains U+0000; remove it."),
        (b'{"a": "\\ud83d"}', "/a", "The field a contains half a surrogate pair; send the whole character."),
        (b'{"a": {"\\ud83d": 1}}', "/a", "The field a contains half a surrogate pair; send the whole character."),
        (b'{"a": [[1e400]]}', "/a", f"The field a {DOUBLE}"),
        (b'{"a": -' + b"9" * 400 + b"}", "/a", f"The field a {DOUBLE}"),
        (b'{"a": ' + b"9" * 5000 + b"}", "", f"The body {DOUBLE}"),
        (b"[" * 60_000, "", "The body is nested more than 32 levels deep; flatten it."),
        (b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}", "/a", "The body is nested more than 32 levels deep; flatten it."),
        (b"x" * 70_000, "", "The body is 70000 bytes; the limit is 65536."),
    ],
    ids=map(str, count(1)),
)  # fmt: skip
def test_every_refusal_says_what_is_wrong_with_the_body(body: bytes, pointer: str, detail: str) -> None:
    error = refusal(body)

    assert (error.pointer, error.detail) == (pointer, detail)


def test_the_limit_of_a_body_can_be_another() -> None:
    assert decode_alert(b'{"a": 1}', max_bytes=8) == {"a": 1}
    with pytest.raises(DomainError, match="The body is 9 bytes; the limit is 8"):
        decode_alert(b'{"a": 1} ', max_bytes=8)


def decode_exactly(body: bytes) -> dict[str, Any] | DomainError:
    try:
        return decode_alert(body, exact=True)
    except DomainError as error:
        return error


@given(st.text('{}[]":,\\u0123456789aeEdD+-. \n\x00nNIfty', max_size=60) | json_objects.map(json.dumps))
@example('{"a": 1e400}')
@example('{"a": {"b": -1e-400}}')
@example('{"a": ["\\ud800", 0.10, 1.50e2, 7, 9007199254740993.0]}')
@example('{"a": 0e99999999999999999999}')
@example('\ufeff{"a": 0.0E-400, "b": 123456789012345678901234567890}')
def test_a_body_is_read_exactly_where_it_is_read_at_all(text: str) -> None:
    """What is refused is refused alike; else each number is the one that Python's own reader of Decimals finds."""
    read, exactly = decode_or_refuse(text.encode()), decode_exactly(text.encode())

    if isinstance(read, DomainError):
        assert vars(exactly) == vars(read)
    elif isinstance(exactly, DomainError):
        assert exactly.code == "number_out_of_range"
        with pytest.raises(InvalidOperation):
            json.loads(text.removeprefix("\ufeff"), parse_float=Decimal)
    else:
        assert repr(exactly) == repr(json.loads(text.removeprefix("\ufeff"), parse_float=Decimal))


def test_a_zero_whose_exponent_no_decimal_can_hold_is_refused_where_it_would_be_one() -> None:
    body = b'{"a": [0e99999999999999999999]}'

    assert decode_or_refuse(body) == {"a": [0.0]}
    assert vars(decode_exactly(body)) == vars(refusal(b'{"a": [1e400]}'))
