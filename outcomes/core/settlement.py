"""When a contract ends without a market: expiry, cash settlement, exercise and assignment, and at what price.

An option that is exercised or assigned settles at its intrinsic value; the stock that follows is outside the trade.
So a long call at 70 that is assigned away at 73 is worth 3, and never the 0 or the 73 that a report may say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from kernel.errors import DomainError
from kernel.values import decimal_text, format_timestamp, parse_instant
from outcomes.core.instruments import canonical_instrument, parse_option
from outcomes.core.quoting import read_price

# US options expire on dates of the exchanges' time zone; after 20:00 there UTC already has the next day.
EXCHANGE_ZONE = ZoneInfo("America/New_York")
EXPIRY_KINDS = ("EXPIRED", "CASH_SETTLED")
SIDE_OF_KIND = {"EXERCISED": "LONG", "ASSIGNED": "SHORT"}


@dataclass(frozen=True, slots=True)
class Settlement:
    """How one instrument ended, as reported; `underlying` is the price that its intrinsic value follows from."""

    kind: str  # EXPIRED, CASH_SETTLED, EXERCISED or ASSIGNED
    price: Decimal  # per unit
    settled_at: datetime
    underlying: Decimal | None = None

    def document(self) -> dict[str, str]:
        """As stored with an execution."""
        document = {
            "kind": self.kind,
            "price": decimal_text(self.price),
            "settled_at": format_timestamp(self.settled_at),
        }
        return document | ({} if self.underlying is None else {"underlying": decimal_text(self.underlying)})


def read_settlements(market_conditions: Mapping[str, Any]) -> dict[str, Settlement]:
    """The settlements that conditions name and that can be read, by instrument in its one spelling."""
    return {
        canonical_instrument(instrument): read
        for instrument, raw in _settlements(market_conditions).items()
        if (read := _read(raw)) is not None
    }


def refuse_unreadable_settlements(market_conditions: Mapping[str, Any]) -> None:
    """Raise `settlement_impossible` for a settlement that is not {price, settled_at, kind, underlying?}."""
    for instrument, raw in _settlements(market_conditions).items():
        if _read(raw) is None:
            detail = f"{instrument}: send price, settled_at, kind and the underlying price."
            raise DomainError("settlement_impossible", detail, f"/settlements/{instrument}")


def _settlements(market_conditions: Mapping[str, Any]) -> Mapping[str, Any]:
    found = market_conditions.get("settlements")
    return found if isinstance(found, dict) else {}


def _read(raw: Any) -> Settlement | None:
    if not isinstance(raw, dict) or raw.get("kind") not in (*EXPIRY_KINDS, *SIDE_OF_KIND):
        return None
    price, underlying = read_price(raw.get("price")), read_price(raw.get("underlying"))
    if price is None or (underlying is None and raw.get("underlying") is not None):
        return None
    try:
        settled_at = parse_instant(raw.get("settled_at"))
    except ValueError:
        return None
    return Settlement(raw["kind"], price, settled_at, underlying)


def refuse_impossible_settlement(instrument: str, side: str, settlement: Settlement) -> None:
    """Raise `settlement_impossible` for what cannot have happened to this position.

    For an OCC symbol: expiry and cash settlement only from its expiry date on (New York), exercise of long and
    assignment of short positions only, and a price that is the intrinsic value at the stated underlying price.
    Another instrument can be cash settled; nothing about its price can be checked here.
    """
    reason = _impossible(instrument, side, settlement)
    if reason:
        raise DomainError("settlement_impossible", f"{instrument}: {reason}", f"/settlements/{instrument}")


def _impossible(instrument: str, side: str, settlement: Settlement) -> str:
    option = parse_option(instrument)
    wanted_side = SIDE_OF_KIND.get(settlement.kind)
    if wanted_side is not None and side != wanted_side:
        return f"only a {wanted_side} position can be {settlement.kind.lower()}."
    if option is None:
        return "" if settlement.kind == "CASH_SETTLED" else f"{settlement.kind} needs an option contract."
    settled_on = settlement.settled_at.astimezone(EXCHANGE_ZONE).date()
    if settlement.kind in EXPIRY_KINDS and settled_on < option.expiry:
        return f"it expires on {option.expiry}, after settled_at."
    if settlement.underlying is None:
        # Only worthlessness needs no proof of where the underlying stood: nobody gains by claiming it of his own side.
        return "" if settlement.price == 0 and side == "LONG" else "state the underlying price that it settled at."
    intrinsic = option.intrinsic_value(settlement.underlying)
    if settlement.price != intrinsic:
        return (
            f"at an underlying price of {decimal_text(settlement.underlying)} it settles at {decimal_text(intrinsic)}."
        )
    return ""
