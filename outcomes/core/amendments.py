"""What engines say that stored fills were in truth, and what becomes of positions in a contract that was renamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from kernel.errors import DomainError
from kernel.values import decimal_text, format_timestamp, plain_text
from outcomes.core.books import EXACT, QUANTITY_END, QUANTITY_STEP, ZERO, Fill, LegFill, PositionKey
from outcomes.core.quoting import parse_option


@dataclass(frozen=True, slots=True)
class Successor:
    """What a contract became by a split or under a new name: `ratio` units of the successor for each unit of it."""

    instrument: str
    becomes: str
    ratio: Decimal
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class CorrectedPrice:
    """At what a leg was filled in truth, in the words of the report that told it; its quantity stays as stored."""

    price: Decimal
    instrument: str | None = None  # None: of the only leg
    side: str | None = None
    ratio: int | None = None


@dataclass(frozen=True, slots=True)
class AmendmentReport:
    """What an engine says a stored fill was in truth; a bust has no values."""

    kind: str  # CORRECT or BUST
    of: str  # a fill_ref
    legs: tuple[LegFill, ...] | None  # None: as stored
    fees: Decimal | None  # None: as stored
    successor: Successor | None
    reason: str
    evidence: str
    prices: tuple[CorrectedPrice, ...] = ()  # instead of legs, until `amendment_in_full`

    def values(self) -> dict[str, Any]:
        """As stored, with numbers and times as text."""
        document: dict[str, Any] = {}
        if self.legs is not None:
            document["legs"] = [leg.document() for leg in self.legs]
        if self.fees is not None:
            document["fees"] = decimal_text(self.fees)
        if self.successor is not None:
            document["successor"] = {
                "instrument": self.successor.instrument,
                "becomes": self.successor.becomes,
                "ratio": plain_text(self.successor.ratio),
                "effective_at": format_timestamp(self.successor.effective_at),
            }
        return document


def amendment_in_full(report: AmendmentReport, fill: Fill, opened: Sequence[Mapping[str, Any]]) -> AmendmentReport:
    """With all legs of the fill that it corrects, where it names prices alone; `opened` are the legs of the opening.

    Raises `amendment_impossible` for a price that is not of one leg of the fill.
    """
    ratios = {leg["instrument"]: leg["ratio"] for leg in opened}
    legs = dict(enumerate(fill.legs))
    corrected: dict[int, LegFill] = {}
    for number, told in enumerate(report.prices):
        at = f"/values/legs/{number}"
        found = [place for place, leg in legs.items() if _is_of(told, leg)]
        if told.instrument is None:
            if len(found) > 1:
                raise _impossible("The fill has several legs: send `legs`, each with its price.", "/values")
        elif not found:
            side = f"{told.side} " if told.side else ""
            raise _impossible(f"The fill has no {side}leg {told.instrument}.", f"{at}/instrument")
        elif len(found) > 1:
            detail = f"The fill has several executions in {told.instrument}: restate all its legs, as in a fill."
            raise _impossible(detail, at)
        elif found[0] in corrected:
            raise _impossible(f"Leg {told.instrument} has two prices.", at)
        elif told.ratio not in (None, ratios.get(told.instrument)):
            raise _impossible("A ratio is corrected by the quantity: restate all legs, as in a fill.", f"{at}/ratio")
        corrected[found[0]] = replace(legs[found[0]], price=told.price)
    return replace(report, legs=tuple((legs | corrected).values()), prices=()) if report.prices else report


def _is_of(told: CorrectedPrice, leg: LegFill) -> bool:
    return told.instrument in (None, leg.key[0]) and told.side in (None, leg.side)


def _impossible(detail: str, pointer: str) -> DomainError:
    return DomainError("amendment_impossible", detail, pointer)


def succession(ref: str, held: Mapping[PositionKey, Decimal], *, instrument: str, becomes: str, ratio: Decimal) -> Fill:
    """What a split or a new name does to the positions held: `ratio` units of the successor for each unit.

    Raises `amendment_impossible` for a contract that becomes itself, `unknown_leg` where nothing of the instrument is
    open, `max_value` for more of the successor than can be booked, and `max_decimal_places` for a finer fraction of it.
    """
    # Shares are split under their name; an option contract that is adjusted becomes another one.
    if becomes == instrument and (ratio == 1 or parse_option(instrument) is not None):
        at = "/values/successor/becomes"
        raise _impossible(f"{instrument} would replace itself: name the new contract.", at)
    legs: list[LegFill] = []
    with localcontext(EXACT):
        for (name, side), quantity in held.items():
            if name == instrument:
                legs.append(LegFill(name, "CLOSE", side, quantity, ZERO))
                legs.append(LegFill(becomes, "OPEN", side, _becoming(quantity * ratio), ZERO))
    if not legs:
        raise DomainError("unknown_leg", f"The trade has no open leg {instrument}.", "/values/successor/instrument")
    return Fill(ref, tuple(legs), is_succession=True)


def _becoming(quantity: Decimal) -> Decimal:
    """A quantity of the successor as whoever closes it can write it."""
    at = "/values/successor/ratio"
    if quantity >= QUANTITY_END:
        raise DomainError("max_value", f"{plain_text(quantity)} of the successor is more than can be booked.", at)
    if quantity % QUANTITY_STEP:
        finer = f"{plain_text(quantity)} of the successor has more than 8 decimals, so that no fill could close it."
        raise DomainError("max_decimal_places", finer, at)
    return quantity
