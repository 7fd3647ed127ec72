"""Hypothesis strategies for JSON documents and alert payloads."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from kernel.canonical import MAX_SAFE_INTEGER
from signals_app.alerts.vocabulary import (
    AMBIGUOUS_WORDS,
    CONTAINERS,
    DIRECTION_ALIASES,
    DIRECTION_FLAGS,
    EXCHANGE_ALIASES,
    EXIT_WORDS,
    LONG_WORDS,
    OPTION_TYPE_ALIASES,
    POSITION_ALIASES,
    PREVIOUS_POSITION_ALIASES,
    QUALIFIERS,
    SHORT_WORDS,
    STRATEGY_ALIASES,
    SYMBOL_ALIASES,
    TIMEFRAME_ALIASES,
    TIMESTAMP_RANKS,
    WEAK_SYMBOL_ALIASES,
    WEAK_TIMEFRAME_ALIASES,
)

# What strict decoding lets in: no U+0000 and no lone surrogates.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
safe_integers = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
big_integers = st.integers(-(10**40), 10**40)
finite_floats = st.floats(allow_nan=False, allow_infinity=False)
integral_floats = st.integers(-(10**30), 10**30).map(float)


def documents(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return nested JSON values made of these scalars."""
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=12,
    )


safe_scalars = st.none() | st.booleans() | safe_integers | finite_floats | integral_floats | texts
scalars = safe_scalars | big_integers
safe_documents = documents(safe_scalars)
json_values = documents(scalars)
json_objects = st.dictionaries(texts, json_values, max_size=6)

_ALIASES = sorted(
    {
        *SYMBOL_ALIASES, *WEAK_SYMBOL_ALIASES, *EXCHANGE_ALIASES, *TIMEFRAME_ALIASES, *WEAK_TIMEFRAME_ALIASES,
        *(alias for rank in TIMESTAMP_RANKS for alias in rank), *STRATEGY_ALIASES, *DIRECTION_ALIASES,
        *DIRECTION_FLAGS, *POSITION_ALIASES, *PREVIOUS_POSITION_ALIASES, *OPTION_TYPE_ALIASES,
    }
)  # fmt: skip
_WORDS = sorted(
    {*LONG_WORDS, *SHORT_WORDS, *EXIT_WORDS, *QUALIFIERS, *AMBIGUOUS_WORDS, "flat", "neutral", "true", "call"}
)
_SAMPLES = [
    "SPY", "BINANCE:BTCUSDT.P", "BTC/USDT:USDT", "NASDAQ", "5", "1M", "M15", "15 min", 5, 15.0, "2026-03-16T14:30:00Z",
    "2026-03-16T10:30:00-04:00", "1773671400", 1773671400, 1773671400123, 1773671400.5, "{{ticker}}", "", None, True,
]  # fmt: skip
_names = (st.sampled_from(_ALIASES) | st.sampled_from(sorted(CONTAINERS))).flatmap(
    lambda alias: st.sampled_from([alias, alias.upper(), alias.capitalize(), alias.rpartition(".")[2]])
)
_values = st.sampled_from(_SAMPLES) | st.sampled_from(_WORDS) | json_values
_inner_objects = st.dictionaries(_names, _values, max_size=4)

# Payloads full of names and words that mean something, mostly in contradiction.
alert_payloads: st.SearchStrategy[dict[str, Any]] = st.dictionaries(_names, _values | _inner_objects, max_size=8)

BASE_ALERT: dict[str, Any] = {
    "symbol": "SPY", "direction": "long", "timeframe": "5", "timestamp": "2026-03-16T14:30:00Z",
}  # fmt: skip
# Payloads that always are a signal, with anything else beside it; a close that is true would make it an exit.
signal_payloads: st.SearchStrategy[dict[str, Any]] = (
    st.dictionaries(
        texts.map(lambda name: f"x {name}") | st.sampled_from(["open", "close", "Volume", "rsi", "bid"]),
        json_values,
        max_size=6,
    )
    .filter(lambda extra: extra.get("close") is not True)
    .map(lambda extra: {**BASE_ALERT, **extra})
)
