"""Fields of calls: what is shortened of DRF's own reading says the same as DRF."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.fields import SkipField

from kernel.errors import DomainError
from kernel.fields import DecimalTextField, StrictSerializer, WholeField, reader_of
from kernel.values import format_timestamp, without_noise
from outcomes.core.trades import FEES, MULTIPLIER, NET_PRICE, PNL, PRICE, QUANTITY
from outcomes.engine_api import serializers as bodies
from tests.kernel.json_strategies import json_values

FIELDS = {
    (kind.__name__, name): field
    for kind in vars(bodies).values()
    if isinstance(kind, type) and issubclass(kind, StrictSerializer)
    for name, field in kind().fields.items()
}
likely = st.sampled_from(
    [
        "", " ", "A", "LONG", "REAL", "OPEN", "CLOSE", "TAKE_PROFIT", "BROKER_FILL", "USD", "USDUSDUSDUSD", "entry",
        "half", "2014-06-05T18:00:00Z", "2014-06-05T18:00:00", "2d728a47-facd-422f-9a7c-618888895f2f", "true", "1", "0",
        "TWX 140621C70000", "TWX   140621C00070000", "x" * 65, " x", "x\x00", "x\ud800", "€", "a" * 64, "a" * 101,
        "A" * 64, "-1", "1001", "1.390", "-0.00", "1_0", "1e3", "Infinity", "\u0661", "9" * 30, "0." + "1" * 13,
        "1.50\n", 0, 1, -1, 10**30, True,
        Decimal("1.50"), Decimal("1E+30"), Decimal("-0.0"), Decimal(7), 0.5,
    ]
)  # fmt: skip
sent = likely | st.text(max_size=8) | st.decimals(allow_nan=False, allow_infinity=False, places=3) | json_values


def outcome(read: Callable[[Any], Any], data: Any) -> tuple[str, Any]:
    """What is read, to the last digit, or all that is said of it."""
    try:
        return "read", repr(read(data))
    except serializers.ValidationError as error:
        return "refused", _with_codes(error.detail)
    except DomainError as error:
        return "refused", vars(error)
    except SkipField:
        return "left out", None


def _with_codes(detail: Any) -> Any:
    if isinstance(detail, dict):
        return {name: _with_codes(each) for name, each in detail.items()}
    if isinstance(detail, list):
        return [_with_codes(each) for each in detail]
    return str(detail), detail.code if isinstance(detail, ErrorDetail) else None


@pytest.mark.parametrize("named", FIELDS, ids=".".join)
@settings(max_examples=30)
@given(data=st.data())
def test_a_field_is_read_as_drf_reads_it(named: tuple[str, str], data: st.DataObject) -> None:
    field, value = FIELDS[named], data.draw(sent | st.just(serializers.empty))

    assert outcome(reader_of(field), value) == outcome(field.run_validation, value)


def test_all_that_is_wrong_with_a_value_is_said() -> None:
    field = serializers.RegexField("^[ab]*$", max_length=3)

    assert outcome(reader_of(field), "abcd") == (
        "refused",
        [
            ("Ensure this field has no more than 3 characters.", "max_length"),
            ("This value does not match the required pattern.", "invalid"),
        ],
    )


texts = st.from_regex(r"\A-?[0-9]{1,30}(\.[0-9]{1,30})?\Z")


@pytest.mark.parametrize("digits", [PRICE, NET_PRICE, QUANTITY, MULTIPLIER, FEES, PNL], ids=str)
@given(number=texts | st.integers())
@example(number="0" * 1001)
@example(number="00000000000000000000000000000000001.5")
@example(number="123456789012.123456789012")
@example(number="-123456789012.123456789012")
@example(number="0.0000000000001")
@example(number="-001.3900000000000000000000000000000")
@example(number="-0.000000000000000000000000000000000")
def test_a_number_is_the_one_that_drf_reads_without_zeros_at_its_end(digits: Any, number: Any) -> None:
    short = number.rstrip("0").rstrip(".") if isinstance(number, str) and "." in number else number
    assert outcome(DecimalTextField(**digits).run_validation, number) == outcome(
        serializers.DecimalField(**digits).run_validation, short
    )


def test_the_zeros_of_a_number_have_an_end() -> None:
    field = DecimalTextField(6, 2)

    assert field.run_validation(f"1.{'0' * 998}") == 1
    assert outcome(field.run_validation, f"1.{'0' * 999}")[1][0][1] == "max_string_length"


@pytest.mark.parametrize("digits", [PRICE, NET_PRICE, QUANTITY, MULTIPLIER, FEES, PNL], ids=str)
@given(number=st.decimals(allow_nan=False, allow_infinity=False))
@example(number=Decimal("0.30000000000000004"))
@example(number=Decimal("60000.909999999996"))
@example(number=Decimal("0.0000000000005"))
@example(number=Decimal("-999999999999.9999999999995"))
@example(number=Decimal("99999999999999.98"))
def test_a_number_of_json_is_rounded_to_the_decimals_of_the_column(digits: Any, number: Decimal) -> None:
    with localcontext(prec=2000, Emax=10**6, Emin=-(10**6)):
        step = Decimal(1).scaleb(-digits["decimal_places"])
        expected, *others = [
            (meant / step).to_integral_value(ROUND_HALF_EVEN) * step if number.adjusted() < 100 else meant
            for meant in (without_noise(number), number)
        ]
        end = Decimal(10) ** (digits["max_digits"] - digits["decimal_places"])
        expected = expected if abs(expected) < end else others[0]
        fits = abs(expected) < end
    kind, value = outcome(DecimalTextField(**digits).run_validation, number)

    assert (kind == "read") == fits
    assert not fits or eval(value) == expected  # noqa: S307 (of our own number)


def test_what_is_below_the_least_is_not_rounded_up_to_it() -> None:
    field = DecimalTextField(6, 2, min_value=0)

    assert field.run_validation(Decimal("0.001")) == 0
    with pytest.raises(serializers.ValidationError) as caught:
        field.run_validation(Decimal("-0.001"))
    assert caught.value.get_codes() == ["min_value"]


class Answer(StrictSerializer):
    """Two fields."""

    name = serializers.CharField()
    number = DecimalTextField(6, 2, allow_null=True)


def test_an_answer_is_what_a_serializer_of_its_own_would_say() -> None:
    for values in ({"name": "a", "number": Decimal("1.5")}, {"name": "b", "number": None}):
        assert Answer.answer(values) == Answer(values).data


@pytest.mark.parametrize("sent", [10, Decimal("10.0"), Decimal("1e1"), Decimal("0.1e2")])
def test_a_whole_number_is_one_however_it_is_written(sent: Any) -> None:
    assert WholeField().run_validation(sent) == 10


@pytest.mark.parametrize("sent", ["10.5", "1e-1", "1e400", "1e20"])
def test_what_is_no_whole_number_or_has_too_many_digits_is_refused(sent: str) -> None:
    with pytest.raises(serializers.ValidationError):
        WholeField(max_value=100).run_validation(Decimal(sent))


class Question(StrictSerializer):
    """What has to be told when it is wrong."""

    side = serializers.ChoiceField(["LONG", "SHORT"])
    price = DecimalTextField(6, 2)


def test_what_is_wrong_is_answered_with_what_is_right() -> None:
    with pytest.raises(serializers.ValidationError) as caught:
        Question().run_validation({"side": "BUY {0}", "price": "1e3"})

    assert caught.value.detail == {
        "side": ['"BUY {0}" is not one of LONG, SHORT.'],
        "price": ["Send a plain decimal, such as 12.50."],
    }


@given(st.datetimes(timezones=st.sampled_from([UTC]) | st.timezones()))
def test_an_instant_is_written_in_utc_whatever_zone_it_came_in(moment: datetime) -> None:
    try:
        expected = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    except OverflowError:
        return
    assert format_timestamp(moment) == expected
