"""The stored context: which market data it holds, and that its bytes are the same for everybody."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from experiments.models import Experiment, SignalDistribution
from experiments.worker.pipeline import drain
from signals_app.market_data import store_market_data
from signals_app.models import MarketContext, MarketData
from tests.database import rows, value
from tests.factories import MOMENT, make_policy, make_signal

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)


def push(as_of: datetime, *, symbol: str = "SPY", source: str = "feed", data: dict[str, Any] | None = None) -> None:
    MarketData.objects.create(
        symbol=symbol, as_of=as_of, received_at=as_of + SECOND, source=source, data=data or {"last": as_of.isoformat()}
    )


def chosen(*, moment: datetime = MOMENT, symbol: str = "SPY") -> Any:
    """Decide a signal of that time and return the market data in its context."""
    signal = make_signal(timestamp=moment, symbol=symbol)
    drain()
    return MarketContext.objects.get(signal=signal).context["market_data"]


# Which market data


@pytest.mark.parametrize(
    ("pushed", "alerted", "is_used"),
    [
        ("LSE:BA", "NYSE", False),
        ("NYSE:BA", "NYSE", True),
        ("NYSE_DLY:BA", "NYSE", True),
        ("NYSE:BA", "NYSE_DL", True),
        ("BA", "NYSE", True),
        ("LSE:BA", "", True),
    ],
)
def test_market_data_of_another_exchange_never_enter_a_context(pushed: str, alerted: str, is_used: bool) -> None:
    store_market_data(symbol=pushed, as_of=MOMENT, data={"last": "1"}, source="feed")
    signal = make_signal(timestamp=MOMENT, symbol="BA", exchange=alerted)
    drain()

    assert (MarketContext.objects.get(signal=signal).context["market_data"] is not None) == is_used


def test_each_exchange_has_its_own_observation_of_a_symbol() -> None:
    for symbol, last in (("LSE:BA", "4.90"), ("NYSE:BA", "171.20")):
        store_market_data(symbol=symbol, as_of=MOMENT, data={"last": last}, source="feed")
    signal = make_signal(timestamp=MOMENT, symbol="BA", exchange="NYSE")
    drain()

    assert MarketContext.objects.get(signal=signal).context["market_data"]["data"] == {"last": "171.20"}


def test_without_market_data_the_context_says_null() -> None:
    assert chosen() is None


def test_market_data_are_copied_with_their_times_and_source() -> None:
    push(MOMENT - SECOND, data={"bid": "568.20", "greeks": {"delta": 0.5, "note": "as sent"}, "n": 2**60})

    assert chosen() == {
        "as_of": "2026-03-16T14:29:59.000000Z",
        "received_at": "2026-03-16T14:30:00.000000Z",
        "source": "feed",
        "data": {"bid": "568.20", "greeks": {"delta": 0.5, "note": "as sent"}, "n": str(2**60)},
    }


@pytest.mark.parametrize(
    ("age", "is_used"),
    [
        (-INSTANT, False),
        (timedelta(0), True),
        (INSTANT, True),
        (900 * SECOND - INSTANT, True),
        (900 * SECOND, True),
        (900 * SECOND + INSTANT, False),
    ],
    ids=["after the signal", "at the signal", "just before", "just young enough", "at the limit", "just too old"],
)
def test_market_data_are_used_up_to_their_age_limit_and_never_from_the_future(age: timedelta, is_used: bool) -> None:
    push(MOMENT - age)

    assert (chosen() is not None) == is_used


def test_the_latest_of_several_is_used() -> None:
    for seconds in (30, 10, 20, -5, 1000):
        push(MOMENT - seconds * SECOND)

    assert chosen()["as_of"] == "2026-03-16T14:29:50.000000Z"


def test_of_two_sources_at_one_instant_the_first_by_name_is_used() -> None:
    for source in ("zeta", "alpha", "mid"):
        push(MOMENT, source=source)

    assert chosen()["source"] == "alpha"


def test_market_data_of_another_symbol_are_not_used() -> None:
    push(MOMENT, symbol="QQQ")

    assert chosen(symbol="SPY") is None


def test_the_age_limit_is_the_one_of_the_policy_in_force() -> None:
    push(MOMENT - 60 * SECOND)
    make_policy(max_market_data_age_seconds=59)
    assert chosen() is None

    make_policy(max_market_data_age_seconds=60)
    assert chosen(symbol="SPY", moment=MOMENT + INSTANT) is None
    make_policy(max_market_data_age_seconds=61)
    assert chosen(moment=MOMENT + 2 * INSTANT) is not None


def test_an_age_limit_of_zero_allows_the_very_instant_only() -> None:
    make_policy(max_market_data_age_seconds=0)
    push(MOMENT)

    assert chosen() is not None
    assert chosen(moment=MOMENT + INSTANT) is None


def test_each_signal_of_a_batch_gets_its_own_market_data() -> None:
    signals = {minute: make_signal(timestamp=MOMENT + minute * 60 * SECOND) for minute in range(3)}
    for minute in (0, 2):
        push(MOMENT + minute * 60 * SECOND)

    drain()

    contexts = {minute: MarketContext.objects.get(signal=signal).context for minute, signal in signals.items()}
    assert [(contexts[minute]["market_data"] or {}).get("as_of") for minute in range(3)] == [
        "2026-03-16T14:30:00.000000Z",
        "2026-03-16T14:30:00.000000Z",
        "2026-03-16T14:32:00.000000Z",
    ]


def test_market_data_that_come_later_change_no_stored_context() -> None:
    signal = make_signal(timestamp=MOMENT)
    drain()

    push(MOMENT)
    drain()

    assert MarketContext.objects.get(signal=signal).context["market_data"] is None


# Its bytes


def test_the_hash_is_sha256_of_the_stored_text() -> None:
    push(MOMENT)
    make_signal(timestamp=MOMENT, payload={
        "symbol": "SPY", "direction": "long", "timeframe": "5m", "timestamp": MOMENT.isoformat(), "close": 568.25,
        "note": 'Grüße, 世界 \U0001f680 "quoted" \\ \u2028', "small": 1e-7, "big": 1e22, "huge": 2**70, "zero": -0.0,
        "nested": {"b": [1, {"z": None, "a": True}], "a": 0.1},
    })  # fmt: skip
    drain()

    text, context_hash = rows("SELECT context::text, context_hash FROM market_contexts")[0]
    assert hashlib.sha256(text.encode()).hexdigest() == context_hash
    assert value("SELECT encode(sha256(convert_to(context::text, 'UTF8')), 'hex') FROM market_contexts") == context_hash


def test_both_distributions_name_the_same_context() -> None:
    push(MOMENT)
    make_signal(timestamp=MOMENT)
    drain()

    hashes = set(SignalDistribution.objects.values_list("context_hash", flat=True))
    assert hashes == {MarketContext.objects.get().context_hash}
    assert Experiment.objects.get().distributions.count() == 2


def test_the_context_holds_the_signal_as_stored_and_every_other_member_untouched() -> None:
    payload = {"symbol": "SPY", "direction": "long", "timeframe": "5m", "timestamp": MOMENT.isoformat(),
               "close": 568.25, "volume": "1200", "rsi": 61.5, "levels": [1, 2], "when": None}  # fmt: skip
    signal = make_signal(timestamp=MOMENT, exchange="AMEX", payload=payload)
    drain()

    context = json.loads(value("SELECT context::text FROM market_contexts"))
    assert context["signal"] == {
        "signal_id": str(signal.pk), "symbol": "SPY", "exchange": "AMEX", "direction": "LONG", "timeframe": "5m",
        "timestamp": "2026-03-16T14:30:00.000000Z", "signal_hash": signal.signal_hash,
    }  # fmt: skip
    assert (context["prices"], context["volume"]) == ({"close": "568.25"}, "1200")
    assert context["indicators"] == {"rsi": 61.5, "levels": [1, 2], "when": None}
