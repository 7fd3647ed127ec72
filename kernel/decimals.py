"""Decimals as text: how amounts are written wherever people or engines read them."""

from __future__ import annotations

from decimal import Decimal


def decimal_text(value: Decimal) -> str:
    """The number without exponent, with at least two decimals and no trailing zeros beyond them; exact, no "-0.00"."""
    whole, _, decimals = f"{value:f}".partition(".")
    text = f"{whole}.{decimals.rstrip('0'):0<2}"
    return "0.00" if text == "-0.00" else text


def plain_text(value: Decimal) -> str:
    """The number without exponent and without trailing zeros; exact, no "-0"."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
