"""How amounts and measured numbers are written."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.values import counted, decimal_text, figure_text, without_noise


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.39000000", "1.39"),
        ("1", "1.00"),
        ("1E+3", "1000.00"),
        ("1E-8", "0.00000001"),
        ("-0.0", "0.00"),
        ("-271", "-271.00"),
        ("0.125", "0.125"),
    ],
)
def test_decimals_are_written_plain_with_two_decimals_or_more(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2411.0, "2,410"), ("0.0812", "0.0812"), (0.00003721, "0.0000372"), (187_000.4, "187,000"), (1.0, "1"),
        (0.0, "0"), (-0.5, "-0.5"), (999.9, "1,000"), (6.18e45, "6.18e+45"), (4.2e-9, "4.2e-09"), (math.inf, "inf"),
    ],
)  # fmt: skip
def test_a_measured_number_has_three_digits_and_no_power_of_ten_that_people_would_spell_out(
    value: float | str, text: str
) -> None:
    assert figure_text(value) == text
    assert figure_text(value, signed=True) == (text if text.startswith("-") else f"+{text}")


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 differences"), (1, "1 difference"), (2, "2 differences"), (11, "11 differences")]
)
def test_one_thing_is_counted_without_an_s(number: int, words: str) -> None:
    assert counted(number, "difference") == words


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(-30, 12))
def test_a_number_of_15_digits_comes_back_from_a_double(digits: int, exponent: int) -> None:
    number = Decimal(digits).scaleb(exponent)

    assert without_noise(number) == without_noise(Decimal(repr(float(number)))) == number


@given(st.lists(st.integers(-(10**11), 10**11).map(lambda cents: Decimal(cents).scaleb(-2)), min_size=2, max_size=4))
def test_a_sum_of_doubles_is_what_it_would_be_on_paper(prices: list[Decimal]) -> None:
    # Of one sign: what is left of large numbers that cancel out is noise alone.
    added = sum(float(abs(price)) for price in prices)

    assert without_noise(Decimal(repr(added))) == sum(map(abs, prices))


@pytest.mark.parametrize(
    "text", ["0.12345678901234", "12345678901.123456", "60000.9099999999", "1.00000000000001", "1234567890123456789"]
)
def test_digits_that_no_rounding_leaves_stay(text: str) -> None:
    assert without_noise(Decimal(text)) == Decimal(text)
