"""How amounts are written: thousands apart, no more digits than anybody reads, and never a wrong one."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest

from admin_kit.display import figure, plain_amount


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1234567.8", "1,234,567.80"),
        ("0.246666666667", "0.2467"),
        ("-1234.56789", "-1,234.5679"),
        ("0.0001", "0.0001"),
        ("0.00001", "0.00001"),
        ("2", "2.00"),
        ("123456789012345678901234.123456", "123,456,789,012,345,678,901,234.1235"),
    ],
)
def test_an_amount_has_four_decimals_and_is_exact_as_its_tooltip(value: str, shown: str) -> None:
    text = plain_amount(Decimal(value))

    assert f">{shown}</span>" in str(text)
    assert f'title="{value}' in str(text)


def test_a_measured_number_has_four_digits() -> None:
    row = SimpleNamespace(x_low=0.20748001559391355, x_high=None)

    assert figure("x_low")(row) == '<span class="to-number" title="0.20748001559391355">0.2075</span>'
    assert figure("x_high")(row) is None
