"""What amendments change, in words: for every page that shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from kernel.errors import DomainError
from kernel.values import decimal_text, plain_text
from outcomes.core.books import Fill, LegFill, in_force, is_flat, is_followed, positions
from outcomes.core.quoting import canonical_instrument, contract_text
from outcomes.models import LIVE_STATUSES, AmendmentKind, RealTrade, ShadowTrade, TradeAmendment, TradeFill
from outcomes.services.fills import core_fill


@dataclass(frozen=True, slots=True)
class Change:
    """A fill as it was and as it is proposed, a line for each execution; empty where there is, or is left, none."""

    before: list[str]
    after: list[str]


class Effect(Enum):
    """What becomes of the trade."""

    REVISED = auto()  # added up again
    REOPENED = auto()  # closed before, open again
    ENDED = auto()  # no fill is left
    SUCCEEDED = auto()  # held on in another contract


@dataclass(frozen=True, slots=True)
class Consequence:
    """What accepting an amendment would do; `is_followed`: the shadow has closed the shares that the fills close."""

    effect: Effect
    is_followed: bool = True


def fill_lines(legs: Iterable[LegFill], fees: Decimal | None) -> list[str]:
    """Executions as traders say them, and their fees; None where nothing is said of fees."""
    return [*map(str, legs), *([] if fees is None else [f"fees {decimal_text(fees)}"])]


def proposed_lines(values: Mapping[str, Any]) -> list[str]:
    """What an engine says of a fill, and nothing that it leaves as stored; none for a bust."""
    if successor := values.get("successor"):
        names = contract_text(successor["instrument"]), contract_text(successor["becomes"])
        return [f"1 {names[0]} becomes {successor['ratio']} {names[1]}"]
    fees = Decimal(values["fees"]) if "fees" in values else None
    return fill_lines(map(LegFill.from_document, values.get("legs", [])), fees)


def change_of(amendment: TradeAmendment) -> Change:
    """What it takes back and what it puts in its place: once it was accepted what it did, before what it would do."""
    rows: list[TradeFill] = list(amendment.trade.fills.all())
    made = next((row for row in rows if row.amendment_id == amendment.pk), None)
    if made is not None and made.is_succession:
        legs = core_fill(made).legs
        return Change(*(_held(leg for leg in legs if leg.effect == effect) for effect in ("CLOSE", "OPEN")))
    if successor := amendment.values.get("successor"):
        return _succession(rows, successor)
    if made is not None:
        # Of the revisions of one fill only the last before it was in force.
        rows = [row for row in rows if row.fill_ref == made.fill_ref and row.revision < made.revision]
    before = next((core_fill(row) for row in in_force(rows) if row.fill_ref == amendment.fill_ref), None)
    after = _amended(before, amendment) if made is None else core_fill(made)
    return Change(_lines(before), _lines(after) or proposed_lines(amendment.values))


def consequence_of(amendment: TradeAmendment) -> Consequence:
    """What becomes of trade and pair if it is accepted now."""
    if "successor" in amendment.values:
        return Consequence(Effect.SUCCEEDED)
    trade: RealTrade | ShadowTrade = amendment.trade
    stored = map(core_fill, in_force(trade.fills.all()))
    amended = (_amended(fill, amendment) if fill.ref == amendment.fill_ref else fill for fill in stored)
    fills = [fill for fill in amended if fill is not None]
    if not fills:
        return Consequence(Effect.ENDED)
    columns = ("real_fill__fill_ref", "closed_quantity", "open_quantity")
    shares = {ref: share for ref, *share in trade.exit_directives.values_list(*columns)}
    try:
        reopens = trade.status not in LIVE_STATUSES and not is_flat(positions(fills))
        return Consequence(Effect.REOPENED if reopens else Effect.REVISED, is_followed(fills, shares))
    except DomainError:
        # Another amendment was accepted meanwhile, and this one no longer fits: accepting it says so.
        return Consequence(Effect.REVISED)


def _amended(fill: Fill | None, amendment: TradeAmendment) -> Fill | None:
    """The fill as proposed; None where it was busted."""
    if fill is None or amendment.kind == AmendmentKind.BUST:
        return None
    values = amendment.values
    legs = tuple(map(LegFill.from_document, values["legs"])) if "legs" in values else fill.legs
    return replace(fill, legs=legs, fees=Decimal(values.get("fees", fill.fees)))


def _lines(fill: Fill | None) -> list[str]:
    # A busted fill is stored without legs.
    return fill_lines(fill.legs, fill.fees) if fill is not None and fill.legs else []


def _succession(rows: Iterable[TradeFill], successor: Mapping[str, str]) -> Change:
    """What is open of the contract, and what it would be in the successor."""
    held = [
        LegFill(instrument, "OPEN", side, position.open, Decimal(0))
        for (instrument, side), position in positions(map(core_fill, in_force(rows))).items()
        if position.open and instrument == canonical_instrument(successor["instrument"])
    ]
    ratio, becomes = Decimal(successor["ratio"]), successor["becomes"]
    return Change(_held(held), _held(replace(leg, instrument=becomes, quantity=leg.quantity * ratio) for leg in held))


def _held(legs: Iterable[LegFill]) -> list[str]:
    return [f"{plain_text(leg.quantity)} {leg.side} {contract_text(leg.instrument)}" for leg in legs]
