"""What is hashed of a signal: its natural key and inputs, and the market context both engines get (R1.2, R1.3, R2.2).

Every id, hash and document is made from text in canonical form (RFC 8785), rendered here once for webhook, worker and
replay, from the stored signal and one stored piece of market data alone (R6.4, R9.3). Nothing is fetched or computed:
what the alert does not say is absent (R7.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any, NamedTuple
from uuid import UUID

from kernel.canonical import canonical_members, canonical_text, expand_float, named_uuid, text_hash
from kernel.values import format_timestamp

HASH_VERSION = 2
# What makes two alerts the same signal, in canonical order.
NATURAL_KEY = ("direction", "exchange", "order_id", "source", "strategy", "symbol", "timeframe", "timestamp")
# A template: every alert is keyed, and the members and their order never change.
# `quoted` is json's own function for text that is not escaped to ASCII, as RFC 8785 has it.
_KEY = f"{{{','.join(f'{quoted(name)}:%s' for name in NATURAL_KEY)}}}"


def natural_key(
    *,
    direction: str,
    exchange: str = "",
    order_id: str = "",
    source: str,
    strategy: str = "",
    symbol: str,
    timeframe: str,
    timestamp: datetime | str,
) -> str:
    """The key as canonical text; fields normalised, source as slug, a time in text as `format_timestamp` writes it.

    The exchange is in it, because NYSE:T is not TSX:T, and the order id, because a strategy may enter twice in one bar.
    """
    written = timestamp if isinstance(timestamp, str) else format_timestamp(timestamp)
    return _KEY % (
        quoted(direction), quoted(exchange), quoted(order_id), quoted(source), quoted(strategy), quoted(symbol),
        quoted(timeframe), quoted(written),
    )  # fmt: skip


def signal_id(key: str) -> UUID:
    """The id of the signal with this natural key."""
    return UUID(named_uuid(key))


def signal_hash(key: str, payload: Mapping[str, Any]) -> str:
    """The hash of a signal's inputs; the payload comes without its secrets (R1.1, R2.2)."""
    return rendered_signal_hash(key, canonical_members(payload))


def rendered_signal_hash(key: str, members: Mapping[str, str]) -> str:
    """The same of a payload that is rendered already, for callers that need its members for the context, too."""
    payload = ",".join(members.values())
    return text_hash(f'{{"hash_version":{HASH_VERSION},"natural_key":{key},"payload":{{{payload}}}}}')


def experiment_id(signal_id: UUID | str, signal_hash: str) -> str:
    """The one experiment id that this signal can have (R2.1, R2.5), as text."""
    return named_uuid(f"experiment:{signal_id}:{signal_hash}")


def trade_id(experiment_id: UUID, engine: str, kind: str) -> UUID:
    """The id of an engine's trade in an experiment; kind is REAL or SHADOW."""
    return UUID(named_uuid(f"trade:{experiment_id}:{engine}:{kind}"))


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
    order_id: str  # "" when absent
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
        value = signal.payload[name]
        if type(value) is float:
            text = expand_float(value)
        # Only a number, or text that is one, reads as plain decimal text; "True" and "[1]" do not.
        elif _DECIMAL.fullmatch(text := str(value).strip()) is None:
            continue
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
