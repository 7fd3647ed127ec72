"""The books of a trade: its fills, and what follows from them alone: positions, prices, P&L, fees and risk.

All arithmetic is exact: products and sums of decimals under a context that raises on rounding, so that no figure
depends on the order in which fills are added. A position is named by instrument and side, because a trade may be
long one contract and short another, and a roll closes one and opens the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal, Inexact, localcontext
from functools import lru_cache
from operator import attrgetter
from typing import Any, Protocol, TypeVar

from kernel.errors import DomainError
from kernel.values import decimal_text, plain_text
from outcomes.core.quoting import canonical_instrument, contract_text, parse_option
from outcomes.core.risk import capital_at_risk
from outcomes.core.trades import NET_PRICE, QUANTITY

# Wider than any product of the columns; an inexact result is a bug and raises.
EXACT = Context(prec=200, traps=[Inexact])
# Wide enough that a quotient's own rounding cannot reach the eighth decimal of a stored quantity.
_QUOTIENT = Context(prec=100, rounding=ROUND_HALF_EVEN)
QUANTITY_STEP = Decimal(1).scaleb(-QUANTITY["decimal_places"])
# The first that its column does not hold.
QUANTITY_END = Decimal(1).scaleb(QUANTITY["max_digits"] - QUANTITY["decimal_places"])
ZERO = Decimal(0)

PositionKey = tuple[str, str]
Ratios = tuple[tuple[PositionKey, int], ...]


@dataclass(frozen=True, slots=True)
class LegFill:
    """One execution in one instrument. `side` is the position's: closing a LONG sells, opening a SHORT sells."""

    instrument: str
    effect: str  # OPEN or CLOSE
    side: str  # LONG or SHORT
    quantity: Decimal  # above 0, the leg's own with its ratio
    price: Decimal  # of one unit; 0 is a price when closing

    def document(self) -> dict[str, Any]:
        """The execution as stored, with its numbers as text."""
        return {
            "instrument": self.instrument,
            "effect": self.effect,
            "side": self.side,
            "quantity": plain_text(self.quantity),
            "price": decimal_text(self.price),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> LegFill:
        """The execution that was stored as this document."""
        return cls(
            document["instrument"],
            document["effect"],
            document["side"],
            Decimal(document["quantity"]),
            Decimal(document["price"]),
        )

    @property
    def key(self) -> PositionKey:
        """The position it belongs to, in the one spelling of its instrument."""
        return canonical_instrument(self.instrument), self.side

    @property
    def is_sale(self) -> bool:
        """Whether this execution sold: it opened a short position or closed a long one."""
        return (self.effect == "OPEN") == (self.side == "SHORT")

    @property
    def action(self) -> str:
        """What was done, as traders say it."""
        return f"{'Sell' if self.is_sale else 'Buy'} to {self.effect.lower()}"

    def __str__(self) -> str:
        """The execution in a line, as traders say it."""
        what = f"{plain_text(self.quantity)} {contract_text(self.instrument)}"
        return f"{self.action} {what} at {decimal_text(self.price)}"


@dataclass(frozen=True, slots=True)
class Fill:
    """Executions that one report tells together; `fees` are as reported, negative for a rebate.

    In a succession nothing is traded: a contract leaves the books under one name and enters them under another, at no
    price, so that what was paid for it stays what was paid.
    """

    ref: str
    legs: tuple[LegFill, ...]
    fees: Decimal = ZERO
    is_succession: bool = False

    @property
    def closes(self) -> bool:
        """Whether any leg closes."""
        return not self.is_succession and "CLOSE" in [leg.effect for leg in self.legs]

    @property
    def opens(self) -> bool:
        """Whether any leg opens."""
        return not self.is_succession and "OPEN" in [leg.effect for leg in self.legs]


@dataclass(frozen=True, slots=True)
class Position:
    """What one instrument and side has come to: quantities, and the money that opening and closing moved."""

    opened: Decimal = ZERO
    closed: Decimal = ZERO
    opening_value: Decimal = ZERO  # sum of quantity x price of the opening executions
    closing_value: Decimal = ZERO

    @property
    def open(self) -> Decimal:
        """What is left."""
        return self.opened - self.closed


_NOTHING = Position()


def ratios_of(legs: Iterable[Mapping[str, Any]]) -> Ratios:
    """The ratios of a trade's legs, as they are stored, by position."""
    return tuple([((canonical_instrument(leg["instrument"]), leg["side"]), leg["ratio"]) for leg in legs])


def positions(fills: Iterable[Fill]) -> dict[PositionKey, Position]:
    """Every position that the fills, in their order, have opened; closed ones stay with their values.

    Raises DomainError `closes_more_than_open` where a fill closes what is not there, and `max_value` for a position so
    large that no column holds what is closed of it.
    """
    found: dict[PositionKey, Position] = {}
    with localcontext(EXACT):
        for fill in fills:
            for leg in fill.legs:
                key, quantity = leg.key, leg.quantity
                position = found.get(key, _NOTHING)
                opened, closed, value = position.opened, position.closed, quantity * leg.price
                if leg.effect == "OPEN":
                    if opened + quantity >= QUANTITY_END:
                        detail = f"{fill.ref} opens more {leg.side} of {leg.instrument} than can be booked."
                        raise DomainError("max_value", detail, "/legs")
                    found[key] = Position(
                        opened + quantity, closed, position.opening_value + value, position.closing_value
                    )
                    continue
                if quantity > opened - closed:
                    wanted, left = plain_text(quantity), plain_text(position.open)
                    detail = f"{fill.ref} closes {wanted} {leg.side} of {leg.instrument}; {left} are open."
                    raise DomainError("closes_more_than_open", detail, "/legs")
                found[key] = Position(opened, closed + quantity, position.opening_value, position.closing_value + value)
    return found


def is_flat(found: dict[PositionKey, Position]) -> bool:
    """Whether nothing is open any more; a trade without a fill is not flat, it has not begun."""
    return bool(found) and all(position.open == 0 for position in found.values())


def gross_pnl(fills: Iterable[Fill], multiplier: Decimal) -> Decimal:
    """Proceeds less costs over all executions, in currency, before fees: realised once the trade is flat.

    It is a sum over fills and never an average price, so three exits of one contract at 1.10, 1.15 and 1.16 from an
    entry of three at 1.00 come to +41.00 and not to 40.99...
    """
    with localcontext(EXACT):
        cash = sum(leg.quantity * (leg.price if leg.is_sale else -leg.price) for fill in fills for leg in fill.legs)
        return cash * multiplier


def closed_share(before: Sequence[Fill], closing: Fill) -> tuple[Decimal, Decimal]:
    """The share of a trade that a closing fill closes, as (closed, open just before), by the leg that closes most.

    Exact as a fraction: a third has no decimal form. (0, 1) for a fill that closes nothing.
    """
    found = positions(before)
    most = (ZERO, Decimal(1))
    closed: dict[PositionKey, Decimal] = {}
    with localcontext(EXACT):
        for leg in closing.legs:
            if leg.effect == "CLOSE":
                closed[leg.key] = closed.get(leg.key, ZERO) + leg.quantity
        for key, quantity in closed.items():
            open_before = found[key].open if key in found else ZERO
            # Compared crosswise, because a quotient would be rounded.
            if open_before and quantity * most[1] > most[0] * open_before:
                most = (quantity, open_before)
    return most


def is_followed(fills: Sequence[Fill], shares: Mapping[str, tuple[Decimal, Decimal]]) -> bool:
    """Whether each fill that directed the shadow still closes the share it closed when it was directed.

    `shares` are those by fill reference, as (closed, open just before). A fill that was busted, or corrected to another
    share, has led the shadow out at a time or by a part that the real trade has not left by: nothing compares them.
    """
    found = {fill.ref: closed_share(fills[:number], fill) for number, fill in enumerate(fills)}
    return all(
        ref in found and found[ref][0] * open_before == closed * found[ref][1]
        for ref, (closed, open_before) in shares.items()
    )


def shadow_quantity(open_quantity: Decimal, share: tuple[Decimal, Decimal], *, is_last: bool) -> Decimal:
    """How much of a shadow's position a directive closes: its share, half-even to 8 decimals; the last closes all."""
    if is_last:
        return open_quantity
    closed, open_before = share
    with localcontext(_QUOTIENT):
        part = (open_quantity * closed / open_before).quantize(QUANTITY_STEP)
    return min(part, open_quantity)


def until_first_roll(fills: Sequence[Fill]) -> tuple[Fill, ...]:
    """The fills that belong to the pair: up to the closing leg of a roll; what is opened after it is the engine's own.

    A roll is a fill that opens after a close has begun, or one that closes and opens at once.
    """
    kept: list[Fill] = []
    has_closed = False
    for fill in fills:
        if fill.opens and (has_closed or fill.closes):
            closing = tuple(leg for leg in fill.legs if leg.effect == "CLOSE")
            if closing:
                kept.append(replace(fill, legs=closing))
            break
        kept.append(fill)
        has_closed = has_closed or fill.closes
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the pinned policy version charges at entry and exit alike, in currency."""

    per_contract: Decimal
    per_order: Decimal


def scheduled_fees(fills: Iterable[Fill], multiplier: Decimal, schedule: Schedule) -> Decimal:
    """What the policy's schedule charges: per option contract of every leg, and per fill; both sides alike.

    Only OCC symbols are contracts: a share pays no fee per contract. One of more than 100 units counts as several, or
    an engine would call a hundred contracts one and save the fees of 99.
    """
    units = max(Decimal(1), (multiplier / 100).to_integral_value(ROUND_CEILING))
    with localcontext(EXACT):
        total = ZERO
        for fill in fills:
            if fill.is_succession:
                continue
            contracts = sum(leg.quantity for leg in fill.legs if parse_option(leg.instrument))
            total += contracts * units * schedule.per_contract + schedule.per_order
        return total


_TOO_LARGE = Decimal(1).scaleb(NET_PRICE["max_digits"] - NET_PRICE["decimal_places"])
_PRICE_STEP = Decimal(1).scaleb(-NET_PRICE["decimal_places"])
# An average is a quotient, which may have no end; wide enough that it is rounded once, to the columns' decimals.


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


def keep_books(fills: Sequence[Fill], multiplier: Decimal, schedule: Schedule, ratios: Ratios = ()) -> Books:
    """The books of a trade with at least one fill; raises `closes_more_than_open` or `max_value` if it has none.

    `ratios` are those that the trade was opened with, for its prices alone.
    """
    return _kept(tuple(fills), multiplier, schedule, ratios)


# One report asks for the books of the same fills up to five times: to try it, to book it, to check the pair.
# Numbers that are equal and written with more zeros find the same books: columns and answers write both alike.
@lru_cache(maxsize=256)
def _kept(fills: tuple[Fill, ...], multiplier: Decimal, schedule: Schedule, ratios: Ratios) -> Books:
    held = positions(fills)
    paired = until_first_roll(fills)
    is_rolled = fills != paired
    legs = [leg for fill in paired if not fill.is_succession for leg in fill.legs]
    closing = [leg for leg in legs if leg.effect == "CLOSE"]
    gross = gross_pnl(fills, multiplier) if is_flat(held) else None
    # A broker's fees have as many digits as prices, and so more together than a decimal has by default.
    with localcontext(EXACT):
        fees = sum((fill.fees for fill in fills), ZERO)
        pnl = None if gross is None else gross - fees
        charged = scheduled_fees(fills, multiplier, schedule)
        compared = None
        if not is_rolled:
            compared = None if gross is None else gross - charged
        elif is_flat(positions(paired)):
            compared = gross_pnl(paired, multiplier) - scheduled_fees(paired, multiplier, schedule)
    return Books(
        positions=held,
        entry_price=net_price([leg for leg in legs if leg.effect == "OPEN"], ratios),
        exit_price=net_price(closing, ratios) if closing else None,
        gross_pnl=gross,
        fees=fees,
        pnl=pnl,
        scheduled_fees=charged,
        risk_amount=risk_amount(paired, multiplier),
        compared_pnl=compared,
        is_rolled=is_rolled,
    )


def net_price(legs: Iterable[LegFill], ratios: Ratios) -> Decimal:
    """What executions of one effect come to: the average price of a single position, rounded to twelve decimals.

    Of several positions it is the net debit for each unit of the trade's quantity, a credit being negative: two bought
    at 2.00 for each three sold at 1.00 come to 1.00. What is in none of the legs that the trade was opened with, a leg
    added later or a contract under a new name, has no ratio and counts as 1; so the net is then for each unit of the
    smallest position. Raises `max_value` for positions so unequal in size that no column holds it.
    """
    moved: dict[PositionKey, tuple[Decimal, Decimal]] = {}
    with localcontext(EXACT):
        for leg in legs:
            key = leg.key
            quantity, value = moved.get(key, (ZERO, ZERO))
            moved[key] = quantity + leg.quantity, value + leg.quantity * leg.price
        unit = min(quantity for quantity, _ in moved.values())
        # A single position has a price, short or long; only among several do sides offset each other.
        if len(moved) == 1:
            ((_, total),) = moved.values()
        else:
            known = dict(ratios)
            # The leg of the smallest ratio is the smallest position.
            ratio = min(known.get(key, 1) for key in moved)
            total = ratio * sum((value if side == "LONG" else -value for (_, side), (_, value) in moved.items()), ZERO)
    price = _QUOTIENT.divide(total, unit)
    if abs(price) >= _TOO_LARGE:
        raise DomainError("max_value", "The legs are too unequal in size to have a net price.", "/legs")
    return price.quantize(_PRICE_STEP)


def risk_amount(fills: Iterable[Fill], multiplier: Decimal) -> Decimal:
    """The capital at risk of the opening executions, in currency, 0 or more; `risk` says by which rule."""
    legs = [leg for fill in fills if fill.opens for leg in fill.legs if leg.effect == "OPEN"]
    with localcontext(EXACT):
        # An arbitrage cannot lose, and the price of a future may be negative.
        return max(capital_at_risk(legs), ZERO) * multiplier


class StoredFill(Protocol):
    """A row of the table of fills; without legs where it was busted."""

    fill_ref: Any
    number: Any
    revision: Any
    legs: Any
    fees: Any


RowT = TypeVar("RowT", bound=StoredFill)


# In C; a fill is asked for some forty times in one report.
_REVISION, _NUMBER = attrgetter("revision"), attrgetter("number")


def in_force(rows: Iterable[RowT]) -> list[RowT]:
    """Of all rows of one trade those that count, in their order: each fill's last revision, without the busted."""
    latest = {row.fill_ref: row for row in sorted(rows, key=_REVISION)}
    return sorted([row for row in latest.values() if row.legs], key=_NUMBER)


def entry_fees(rows: Iterable[StoredFill], told: Decimal) -> Decimal:
    """Fees of the entry as booked, so that they and the exit's add up to those of the outcome.

    A shadow pays the schedule whatever it reports, and a broker may correct a fee; only before there is a fill is it
    the engine's own word.
    """
    return next((row.fees for row in in_force(rows) if row.number == 1), told)


class StoredResult(Protocol):
    """A revision of a trade's result; withdrawn where an amendment opened the trade again."""

    revision: Any
    withdrawn: Any


ResultT = TypeVar("ResultT", bound=StoredResult)


def result_in_force(revisions: Iterable[ResultT]) -> ResultT | None:
    """The last revision of a trade's result; None where there is none, or where it withdraws the result."""
    latest = max(revisions, key=_REVISION, default=None)
    return None if latest is None or latest.withdrawn else latest
