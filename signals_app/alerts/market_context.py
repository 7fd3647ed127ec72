"""The frozen document that both engines get about a signal (R1.2, R1.3, R9.3).

Everything comes from the stored signal and one stored piece of market data, so that a replay builds the same text
(R6.4). Nothing is fetched, computed or invented: what the alert does not say is absent (R7.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any, NamedTuple

from kernel.canonical import canonical_text, expand_float
from kernel.values import format_timestamp

CONTEXT_VERSION = 1
PRICE_MEMBERS = ("open", "high", "low", "close", "bid", "ask", "last", "price", "mark", "mid", "vwap")
VOLUME_MEMBER = "volume"
DECIMAL_MEMBERS = frozenset((*PRICE_MEMBERS, VOLUME_MEMBER))

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class SignalFacts(NamedTuple):
    """The stored columns that hashes and contexts are made of; ids and times as text in their canonical form."""

    signal_id: str
    source: str  # slug
    exchange: str  # "" when absent
    symbol: str
    direction: str
    timeframe: str
    timestamp: str  # as `format_timestamp` writes it
    strategy: str  # "" when absent
    signal_hash: str
    payload: Mapping[str, Any]  # without secrets
    consumed: frozenset[str]  # names of the payload's members that became columns


@dataclass(frozen=True, slots=True)
class MarketData:
    """One observation that a feeder pushed; both times are aware."""

    as_of: datetime
    received_at: datetime
    source: str
    data: Any


class ContextText(NamedTuple):
    """The canonical text of a market context, but for its market data, which stand between the two parts."""

    before: str
    after: str

    def with_market_data(self, market_data: str) -> str:
        """The whole context; `market_data` is what `market_data_text` makes."""
        return f"{self.before}{market_data}{self.after}"


def context_text(signal: SignalFacts, members: Mapping[str, str]) -> ContextText:
    """The market context of a signal (R1.2, R1.4, R6.4); `members` are those of the payload as rendered for its hash.

    Prices and volume become plain decimal text. Every other member is under `indicators` as it came, unless its value
    became a column of the signal.
    """
    elsewhere, decimals = set(signal.consumed), {}
    for plain, name in _decimal_names(tuple(signal.payload)):
        if name in elsewhere or plain in decimals:
            continue
        if (text := _decimal_text(signal.payload[name])) is not None:
            decimals[plain] = text
            elsewhere.add(name)
    volume = decimals.pop(VOLUME_MEMBER, None)
    indicators = ",".join([text for name, text in members.items() if name not in elsewhere])
    prices = ",".join([f'"{name}":"{decimals[name]}"' for name in sorted(decimals)])
    return ContextText(
        f'{{"context_version":{CONTEXT_VERSION},"indicators":{{{indicators}}},"market_data":',
        f',"prices":{{{prices}}},"signal":{{"direction":{quoted(signal.direction)},'
        f'"exchange":{quoted(signal.exchange)},"signal_hash":{quoted(signal.signal_hash)},'
        f'"signal_id":{quoted(signal.signal_id)},"symbol":{quoted(signal.symbol)},'
        f'"timeframe":{quoted(signal.timeframe)},"timestamp":{quoted(signal.timestamp)}}},'
        f'"volume":{"null" if volume is None else quoted(volume)}}}',
    )


def market_data_text(market_data: MarketData | None) -> str:
    """The context's member for this observation as canonical text."""
    if market_data is None:
        return "null"
    return canonical_text(
        {
            "as_of": format_timestamp(market_data.as_of),
            "received_at": format_timestamp(market_data.received_at),
            "source": market_data.source,
            "data": market_data.data,
        }
    )


@lru_cache(maxsize=10_000)
def _decimal_names(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Plain name and spelling of the members that can be prices or volume, in any case.

    Of several spellings of one name the plain one comes first, then by code point, because the order of members does
    not survive jsonb. Remembered, because alerts of one kind have the same names.
    """
    wanted = [(name.lower(), name) for name in names if name.lower() in DECIMAL_MEMBERS]
    return sorted(wanted, key=lambda pair: (pair[1] != pair[0], pair[1]))


def _decimal_text(value: object) -> str | None:
    """A number or numeric text as plain decimal text, None for anything else."""
    if isinstance(value, float):
        return expand_float(value)
    if isinstance(value, str):
        text = value.strip()
        return text if _DECIMAL.fullmatch(text) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None
