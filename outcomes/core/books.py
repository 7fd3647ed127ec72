"""What the fills of one trade come to: prices, P&L, fees and risk, for its own engine and for the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal

from outcomes.core.fills import (
    Fill,
    Position,
    PositionKey,
    gross_pnl,
    is_flat,
    positions,
    scheduled_fees,
    until_first_roll,
)
from outcomes.core.risk import risk_amount
from outcomes.core.trades import NET_PRICE

ZERO = Decimal(0)
_PRICE_STEP = Decimal(1).scaleb(-NET_PRICE["decimal_places"])
_WIDE = Context(prec=100, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the pinned policy version charges at entry and exit alike, in currency."""

    per_contract: Decimal
    per_order: Decimal


@dataclass(frozen=True, slots=True)
class Books:
    """One trade. Prices are averages, rounded; everything else is exact.

    `gross_pnl` is None until nothing is open any more. `compared_pnl` is what the comparison takes: the fills up to
    the first roll, less the schedule's fees on both sides; None where the pair's fills leave something open.
    """

    positions: Mapping[PositionKey, Position]
    entry_price: Decimal
    exit_price: Decimal | None
    gross_pnl: Decimal | None
    fees: Decimal
    scheduled_fees: Decimal
    risk_amount: Decimal
    compared_pnl: Decimal | None
    is_rolled: bool

    @property
    def is_flat(self) -> bool:
        """Whether nothing is open any more."""
        return self.gross_pnl is not None

    def open_quantities(self) -> dict[PositionKey, Decimal]:
        """What is left, by instrument and side."""
        return {key: position.open for key, position in self.positions.items() if position.open}


def keep_books(fills: Sequence[Fill], multiplier: Decimal, schedule: Schedule) -> Books:
    """The books of a trade with at least one fill; raises `closes_more_than_open` where they cannot be kept."""
    held = positions(fills)
    paired = until_first_roll(fills)
    paired_positions = positions(paired)
    gross = gross_pnl(fills, multiplier) if is_flat(held) else None
    charged = scheduled_fees(paired, per_contract=schedule.per_contract, per_order=schedule.per_order)
    compared = gross_pnl(paired, multiplier) - charged if is_flat(paired_positions) else None
    closed = {key: position for key, position in paired_positions.items() if position.closed}
    return Books(
        positions=held,
        entry_price=_average(
            {key: (position.opened, position.opening_value) for key, position in paired_positions.items()}
        ),
        exit_price=_average({key: (position.closed, position.closing_value) for key, position in closed.items()})
        if closed
        else None,
        gross_pnl=gross,
        fees=sum((fill.fees for fill in fills), ZERO),
        scheduled_fees=scheduled_fees(fills, per_contract=schedule.per_contract, per_order=schedule.per_order),
        risk_amount=risk_amount(paired, multiplier),
        compared_pnl=compared,
        is_rolled=tuple(fills) != paired,
    )


def _average(moved: Mapping[PositionKey, tuple[Decimal, Decimal]]) -> Decimal:
    """The price of the one leg; of several the net debit for each unit of the smallest, a credit being negative."""
    if len(moved) == 1:
        ((quantity, value),) = moved.values()
    else:
        quantity = min(opened for opened, _ in moved.values())
        value = ZERO
        for (_, side), (_, amount) in moved.items():
            value = _WIDE.add(value, amount if side == "LONG" else -amount)
    return _WIDE.divide(value, quantity).quantize(_PRICE_STEP, context=_WIDE)
