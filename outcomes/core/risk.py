"""The capital at risk of the legs that a trade opened: the unit in which two engines of different size are compared.

Its rule is the broker's margin rule in its simplest form (FINRA Rule 4210(f)(2), Cboe Margin Manual): a long leg risks
its premium, a combination of one expiry whose payoff is bounded risks its largest loss, and an uncovered short leg
risks its strike, or its price where it is no option. What covers a short option is a long one that is worth at least
as much whenever the short one can be exercised, or for a call the underlying itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Protocol

from outcomes.core.quoting import Option, canonical_instrument, parse_option

ZERO = Decimal(0)


class OpenedLeg(Protocol):
    """An opening execution, as the books have it."""

    @property
    def instrument(self) -> str:
        """As it was reported."""

    @property
    def side(self) -> str:
        """LONG or SHORT."""

    @property
    def quantity(self) -> Decimal:
        """Above 0, the leg's own with its ratio."""

    @property
    def price(self) -> Decimal:
        """Of one unit."""


def capital_at_risk(legs: Sequence[OpenedLeg]) -> Decimal:
    """What the opening executions risk per unit of the multiplier, in the caller's arithmetic; it may be negative.

    Long legs beside a bounded combination of one expiry risk their premium, unless they cover its short legs better
    than its own do. A long option at a worse strike than the short one bounds its loss only in part: outside such a
    combination the whole strike counts.
    """
    shorts = [leg for leg in legs if leg.side == "SHORT"]
    risk = _premiums(legs) + _uncovered(legs)
    combination = _of_one_expiry(legs, shorts)
    loss = _largest_loss(combination)
    if loss is None:
        return risk
    beside = [leg for leg in legs if leg not in combination]
    return min(loss + _premiums(beside), risk) if beside else loss


def _premiums(legs: Sequence[OpenedLeg]) -> Decimal:
    return sum((leg.quantity * leg.price for leg in legs if leg.side == "LONG"), ZERO)


def _uncovered(legs: Sequence[OpenedLeg]) -> Decimal:
    """The strike of every short option that no long leg covers, and the price of everything else that is short.

    Legs of one trade share the multiplier, so that a unit of the underlying covers a unit of the call. The highest
    strikes are covered first, each by the long leg that is of least use to the others.
    """
    risk = ZERO
    free: dict[str, Decimal] = {}
    short: dict[Option, Decimal] = {}
    for leg in legs:
        option = parse_option(leg.instrument)
        if leg.side == "LONG":
            instrument = canonical_instrument(leg.instrument)
            free[instrument] = free.get(instrument, ZERO) + leg.quantity
        elif option is None:
            risk += leg.quantity * leg.price
        else:
            short[option] = short.get(option, ZERO) + leg.quantity
    waiting = sorted(short, key=attrgetter("strike", "expiry"), reverse=True)
    while waiting:
        option = waiting.pop(0)
        risk += option.strike * _left_uncovered(option, short[option], free, waiting)
    return risk


def _left_uncovered(option: Option, quantity: Decimal, free: dict[str, Decimal], waiting: Sequence[Option]) -> Decimal:
    """How much of a short option nothing covers; what covers the rest is no longer `free` for those that wait."""

    def use_to_others(instrument: str) -> tuple[list[Decimal], str]:
        return [other.strike for other in waiting if _covers(instrument, other)], instrument

    for instrument in sorted((name for name in free if _covers(name, option)), key=use_to_others):
        used = min(quantity, free[instrument])
        free[instrument] -= used
        quantity -= used
    return quantity


def _covers(instrument: str, short: Option) -> bool:
    """Whether a long position in the instrument is worth at least what the short option may cost, for all its life."""
    long = parse_option(instrument)
    if long is None:
        return short.is_call and instrument == short.root
    if (long.root, long.is_call) != (short.root, short.is_call) or long.expiry < short.expiry:
        return False
    return long.strike <= short.strike if short.is_call else long.strike >= short.strike


def _of_one_expiry(legs: Sequence[OpenedLeg], shorts: Sequence[OpenedLeg]) -> list[OpenedLeg]:
    """The options of the one root and expiry that all short legs have; empty where they have several, or are none."""
    found = {_root_and_expiry(leg) for leg in shorts}
    return [leg for leg in legs if _root_and_expiry(leg) in found] if len(found) == 1 and None not in found else []


def _root_and_expiry(leg: OpenedLeg) -> tuple[object, ...] | None:
    option = parse_option(leg.instrument)
    return None if option is None else (option.root, option.expiry)


def _largest_loss(legs: Sequence[OpenedLeg]) -> Decimal | None:
    """The largest loss at the one expiry of these options; None where it is unbounded, or they are no combination."""
    # One short put alone is none: its strike is at risk, whatever premium it brought, in however many fills.
    if len({(canonical_instrument(leg.instrument), leg.side) for leg in legs}) < 2:
        return None
    options = [(leg, option) for leg in legs if (option := parse_option(leg.instrument)) is not None]
    # Beyond the highest strike the payoff moves with the calls alone: more short than long, and nothing bounds it.
    if sum(_held(leg) for leg, option in options if option.is_call) < 0:
        return None
    # Between strikes the payoff is a straight line, so its lowest point lies at a strike or at 0.
    corners = {ZERO, *(option.strike for _, option in options)}
    return max(
        sum((_held(leg) * (leg.price - option.intrinsic_value(at)) for leg, option in options), ZERO) for at in corners
    )


def _held(leg: OpenedLeg) -> Decimal:
    """The quantity, negative of a short leg."""
    return leg.quantity if leg.side == "LONG" else -leg.quantity
