"""What the fills of a trade come to: prices, P&L, fees and risk, for its engine and for the comparison.

The risk is the unit in which two engines of different size are compared. Its rule is the broker's margin rule in its
simplest form (FINRA Rule 4210(f)(2), Cboe Margin Manual): a long option risks its premium, a combination of one expiry
whose payoff is bounded risks its largest loss, and an uncovered short leg risks its strike, or its price where it is no
option.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, localcontext

from outcomes.core.fills import (
    Fill,
    LegFill,
    Position,
    PositionKey,
    gross_pnl,
    is_flat,
    positions,
    scheduled_fees,
    until_first_roll,
)
from outcomes.core.instruments import Option, parse_option
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


_EXACT = Context(prec=200, traps=[Inexact])
ZERO = Decimal(0)


def risk_amount(fills: Sequence[Fill], multiplier: Decimal) -> Decimal:
    """The capital at risk of the opening executions, in currency, 0 or more.

    Premium paid for long legs alone; the largest loss at expiry for options of one expiry whose loss is bounded; else
    strike (of other instruments: price) x multiplier x quantity for each uncovered short leg, and the premium of the
    long ones.
    """
    legs = [leg for fill in fills for leg in fill.legs if leg.effect == "OPEN"]
    shorts = [leg for leg in legs if leg.side == "SHORT"]
    with localcontext(_EXACT):
        if not shorts:
            return sum(leg.quantity * leg.price for leg in legs) * multiplier
        bounded = _largest_loss(legs)
        if bounded is not None:
            return max(bounded, ZERO) * multiplier
        long_premium = sum(leg.quantity * leg.price for leg in legs if leg.side == "LONG")
        return (long_premium + sum(_uncovered(leg) for leg in shorts)) * multiplier


def _largest_loss(legs: Sequence[LegFill]) -> Decimal | None:
    """The largest loss at expiry per unit of the multiplier; None where it is unbounded or no single expiry rules."""
    options: list[tuple[LegFill, Option]] = []
    expiries: set[date] = set()
    for leg in legs:
        option = parse_option(leg.instrument)
        if option is None:
            return None
        options.append((leg, option))
        expiries.add(option.expiry)
    # One short put alone is no combination: its strike is at risk, whatever premium it brought.
    if len(options) < 2 or len(expiries) != 1 or len({option.root for _, option in options}) != 1:
        return None
    # Beyond the highest strike the payoff moves with the calls alone: more short than long, and nothing bounds it.
    if sum(_held(leg) for leg, option in options if option.is_call) < 0:
        return None
    # Between strikes the payoff is a straight line, so its lowest point lies at a strike or at 0.
    corners = {ZERO, *(option.strike for _, option in options)}
    return max(
        sum((_held(leg) * (leg.price - option.intrinsic_value(at)) for leg, option in options), ZERO) for at in corners
    )


def _held(leg: LegFill) -> Decimal:
    """The quantity, negative of a short leg."""
    return leg.quantity if leg.side == "LONG" else -leg.quantity


def _uncovered(leg: LegFill) -> Decimal:
    option = parse_option(leg.instrument)
    return leg.quantity * (option.strike if option is not None else leg.price)
