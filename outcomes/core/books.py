"""What the fills of a trade come to: prices, P&L, fees and risk, for its engine and for the comparison.

The risk is the unit in which two engines of different size are compared. Its rule is the broker's margin rule in its
simplest form (FINRA Rule 4210(f)(2), Cboe Margin Manual): a long option risks its premium, a combination of one expiry
whose payoff is bounded risks its largest loss, and an uncovered short leg risks its strike, or its price where it is no
option.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

from kernel.errors import DomainError
from outcomes.core.fills import (
    EXACT,
    ZERO,
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

_TOO_LARGE = Decimal(1).scaleb(NET_PRICE["max_digits"] - NET_PRICE["decimal_places"])
_PRICE_STEP = Decimal(1).scaleb(-NET_PRICE["decimal_places"])
# An average is a quotient, which may have no end; wide enough that it is rounded once, to the columns' decimals.
_QUOTIENT = Context(prec=100, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the pinned policy version charges at entry and exit alike, in currency."""

    per_contract: Decimal
    per_order: Decimal


@dataclass(frozen=True, slots=True)
class Books:
    """One trade. Prices are averages, rounded; everything else is exact.

    `gross_pnl` and `pnl`, its value less `fees`, are None until nothing is open any more. `compared_pnl` is what the
    comparison takes: the fills up to the first roll, less the schedule's fees on both sides; None where the pair's
    fills leave something open.
    """

    positions: Mapping[PositionKey, Position]
    entry_price: Decimal
    exit_price: Decimal | None
    gross_pnl: Decimal | None
    fees: Decimal
    pnl: Decimal | None
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
    """The books of a trade with at least one fill; raises `closes_more_than_open` or `max_value` if it has none."""
    held = positions(fills)
    paired = until_first_roll(fills)
    legs = [leg for fill in paired for leg in fill.legs]
    closing = [leg for leg in legs if leg.effect == "CLOSE"]
    gross = gross_pnl(fills, multiplier) if is_flat(held) else None
    # A broker's fees have as many digits as prices, and so more together than a decimal has by default.
    with localcontext(EXACT):
        fees = sum((fill.fees for fill in fills), ZERO)
        pnl = None if gross is None else gross - fees
        compared = None
        if is_flat(positions(paired)):
            charged = scheduled_fees(paired, per_contract=schedule.per_contract, per_order=schedule.per_order)
            compared = gross_pnl(paired, multiplier) - charged
    return Books(
        positions=held,
        entry_price=net_price(leg for leg in legs if leg.effect == "OPEN"),
        exit_price=net_price(closing) if closing else None,
        gross_pnl=gross,
        fees=fees,
        pnl=pnl,
        scheduled_fees=scheduled_fees(fills, per_contract=schedule.per_contract, per_order=schedule.per_order),
        risk_amount=risk_amount(paired, multiplier),
        compared_pnl=compared,
        is_rolled=tuple(fills) != paired,
    )


def net_price(legs: Iterable[LegFill]) -> Decimal:
    """What executions of one effect come to: the average price of a single position, rounded to twelve decimals.

    Of several positions it is the net debit for each unit of the smallest, a credit being negative. Raises `max_value`
    for positions so unequal in size that no column holds it.
    """
    moved: dict[PositionKey, tuple[Decimal, Decimal]] = {}
    with localcontext(EXACT):
        for leg in legs:
            quantity, value = moved.get(leg.key, (ZERO, ZERO))
            moved[leg.key] = quantity + leg.quantity, value + leg.quantity * leg.price
        unit = min(quantity for quantity, _ in moved.values())
        # A single short position has a price like a long one; only among several do sides offset each other.
        total = sum(value if side == "LONG" or len(moved) == 1 else -value for (_, side), (_, value) in moved.items())
    price = _QUOTIENT.divide(total, unit)
    if abs(price) >= _TOO_LARGE:
        raise DomainError("max_value", "The legs are too unequal in size to have a net price.", "/legs")
    return price.quantize(_PRICE_STEP)


def risk_amount(fills: Sequence[Fill], multiplier: Decimal) -> Decimal:
    """The capital at risk of the opening executions, in currency, 0 or more.

    Premium paid for long legs alone; the largest loss at expiry for options of one expiry whose loss is bounded; else
    strike (of other instruments: price) x multiplier x quantity for each uncovered short leg, and the premium of the
    long ones.
    """
    legs = [leg for fill in fills for leg in fill.legs if leg.effect == "OPEN"]
    shorts = [leg for leg in legs if leg.side == "SHORT"]
    with localcontext(EXACT):
        risk = _largest_loss(legs) if shorts else None
        if risk is None:
            premiums = [leg.quantity * leg.price for leg in legs if leg.side == "LONG"]
            risk = sum([*premiums, *map(_uncovered, shorts)], ZERO)
        # An arbitrage cannot lose, and the price of a future may be negative.
        return max(risk, ZERO) * multiplier


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
    # One short put alone is no combination: its strike is at risk, whatever premium it brought, in however many fills.
    if len({leg.key for leg in legs}) < 2 or len(expiries) != 1 or len({option.root for _, option in options}) != 1:
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
