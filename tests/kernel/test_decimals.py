"""How amounts are written."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kernel.values import decimal_text


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
