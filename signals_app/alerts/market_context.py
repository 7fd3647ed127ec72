"""The frozen document that both engines get about a signal (R1.2, R1.3, R9.3).

Pure: no I/O, no clock, no randomness. Everything comes from the stored signal and one stored piece of
market data, so that a replay builds the same document (R6.4). Nothing is fetched, computed or
invented: what the alert does not say is absent (R7.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kernel.hashing import document_hash
from kernel.instants import format_timestamp
from kernel.json_text import expand_float, with_big_integers_as_text

CONTEXT_VERSION = 1
PRICE_MEMBERS = ("open", "high", "low", "close", "bid", "ask", "last", "price", "mark", "mid", "vwap")
VOLUME_MEMBER = "volume"
DECIMAL_MEMBERS = frozenset((*PRICE_MEMBERS, VOLUME_MEMBER))

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """The stored fields of a signal; ``exchange`` is "" when absent, the payload has no secrets.

    ``consumed`` names the payload's top-level fields whose value became a field of the signal.
    """

    signal_id: UUID
    symbol: str
    exchange: str
    direction: str
    timeframe: str
    timestamp: datetime
    signal_hash: str
    payload: Mapping[str, Any]
    consumed: frozenset[str]


@dataclass(frozen=True, slots=True)
class MarketData:
    """One observation that a feeder pushed; both times are aware."""

    as_of: datetime
    received_at: datetime
    source: str
    data: Any


def build_context(signal: SignalFacts, market_data: MarketData | None = None) -> dict[str, Any]:
    """Return the market context of a signal, ready for canonical JSON (R1.2, R1.4, R6.4).

    Prices and volume are plain decimal text. A member is under ``prices``, ``volume`` or
    ``indicators`` unless its value became a field of the signal.
    """
    rest = {name: value for name, value in signal.payload.items() if name not in signal.consumed}
    prices = _take_decimals(rest)
    volume = prices.pop(VOLUME_MEMBER, None)
    return {
        "context_version": CONTEXT_VERSION,
        "signal": {
            "signal_id": str(signal.signal_id),
            "symbol": signal.symbol,
            "exchange": signal.exchange,
            "direction": str(signal.direction),
            "timeframe": signal.timeframe,
            "timestamp": format_timestamp(signal.timestamp),
            "signal_hash": signal.signal_hash,
        },
        "prices": prices,
        "volume": volume,
        "indicators": with_big_integers_as_text(rest),
        "market_data": market_data_document(market_data),
    }


def context_hash(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the context's canonical form (R1.5)."""
    return document_hash(dict(document))


def market_data_document(market_data: MarketData | None) -> dict[str, Any] | None:
    """Return the context's member for this observation, None without one."""
    if market_data is None:
        return None
    return {
        "as_of": format_timestamp(market_data.as_of),
        "received_at": format_timestamp(market_data.received_at),
        "source": market_data.source,
        "data": with_big_integers_as_text(market_data.data),
    }


def decimal_names(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return plain name and spelling of the members that can be prices or volume, in any case.

    Of several spellings of one name the plain one comes first, then by code point, because the order of
    members does not survive jsonb.
    """
    wanted = [(name.lower(), name) for name in names if name.lower() in DECIMAL_MEMBERS]
    return sorted(wanted, key=lambda pair: (pair[1] != pair[0], pair[1]))


def _take_decimals(members: dict[str, Any]) -> dict[str, str]:
    """Move the members that are prices or volume out of the members and return them as text.

    One that holds no number stays where it is.
    """
    taken: dict[str, str] = {}
    for plain, name in decimal_names(members):
        if plain not in taken and (text := decimal_text(members[name])) is not None:
            taken[plain] = text
            del members[name]
    return taken


def decimal_text(value: object) -> str | None:
    """Return a number or numeric text as plain decimal text, None for anything else."""
    if isinstance(value, float):
        return expand_float(value)
    if isinstance(value, str):
        text = value.strip()
        return text if _DECIMAL.fullmatch(text) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None
