"""What trades cost and earn, exactly.

Pure: no I/O, no clock, no randomness. Decimals only; nothing is ever rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from typing import Any

SIGNS = {"LONG": 1, "SHORT": -1}
# Python's default of 28 digits would round what numeric columns can hold; Inexact makes rounding an error.
_EXACT = Context(prec=200, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])


@dataclass(frozen=True, slots=True)
class Leg:
    """One instrument of a trade, as it was entered."""

    instrument: str
    side: str  # LONG or SHORT
    ratio: int  # 1 or more
    entry_price: Decimal  # per unit of the instrument

    @property
    def sign(self) -> int:
        """1 for what was bought, -1 for what was sold."""
        return SIGNS[self.side]

    def document(self) -> dict[str, Any]:
        """Return the leg as stored: the price as text."""
        return {
            "instrument": self.instrument,
            "side": self.side,
            "ratio": self.ratio,
            "entry_price": decimal_text(self.entry_price),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Leg:
        """Return the leg that was stored as this document."""
        price = Decimal(document["entry_price"])
        return cls(document["instrument"], document["side"], document["ratio"], price)


def trade_price(legs: Sequence[Leg], prices: Mapping[str, Decimal]) -> Decimal:
    """Return the trade's price from its legs': the price of a single leg, else the net debit (credit negative)."""
    if len(legs) == 1:
        return prices[legs[0].instrument]
    with localcontext(_EXACT):
        return sum((leg.sign * leg.ratio * prices[leg.instrument] for leg in legs), Decimal(0))


def profit_and_loss(
    legs: Sequence[Leg],
    exit_prices: Mapping[str, Decimal],
    *,
    quantity: Decimal,
    multiplier: Decimal,
    fees: Decimal,
) -> Decimal:
    """Return sign x (exit - entry) x ratio x quantity x multiplier over all legs, less fees, in currency (R5.1)."""
    with localcontext(_EXACT):
        moved = sum(
            (leg.sign * leg.ratio * (exit_prices[leg.instrument] - leg.entry_price) for leg in legs), Decimal(0)
        )
        return moved * quantity * multiplier - fees


def decimal_text(value: Decimal) -> str:
    """Return a number as people write it: no exponent, at least two decimals, no further zeros at the end."""
    whole, _, decimals = f"{value:f}".partition(".")
    text = f"{whole}.{decimals.rstrip('0'):0<2}"
    return "0.00" if text == "-0.00" else text
