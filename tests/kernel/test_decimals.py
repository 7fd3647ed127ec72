"""How amounts and measured numbers are written."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from kernel.values import counted, decimal_text, figure_text


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
