"""What a trade could lose, as the referee computes it: the unit in which two engines of different size are compared.

The rule is the broker's margin rule in its simplest form (FINRA Rule 4210(f)(2), Cboe Margin Manual): a long option
risks its premium, a combination of one expiry whose payoff is bounded risks its largest loss, and an uncovered short
leg risks its strike, or its price where it is no option.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Context, Decimal, Inexact, localcontext

from outcomes.core.fills import Fill, LegFill
from outcomes.core.instruments import Option, parse_option

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
