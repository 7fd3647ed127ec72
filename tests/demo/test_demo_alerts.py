"""The bars that the demo replays and the alerts it makes of them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from django.conf import settings

from demo.alerts import alert_message
from demo.bars import WARM_UP, DailyBar, indicators, read_bars, replay_bars
from demo.run import BARS_FILE
from signals_app.alerts.alert import NewSignal, understand

FILE = Path(settings.BASE_DIR) / BARS_FILE
LATER = datetime(2026, 1, 1, tzinfo=UTC)


def make_bars(ticker: str, count: int, *, close: float = 100.0, step: float = 1.0) -> list[DailyBar]:
    first = date(2008, 1, 1)
    return [
        DailyBar(ticker, first + timedelta(days=day), price, price + 2, price - 2, price, 1000 + day)
        for day in range(count)
        for price in [close + step * day]
    ]


def test_the_file_holds_four_stocks_day_by_day_without_a_gap_in_its_values() -> None:
    history = read_bars(FILE)

    lengths = {ticker: len(bars) for ticker, bars in history.items()}
    assert lengths == {
        "AAPL": 569,
        "GOOG": 569,
        "IBM": 569,
        "MSFT": 569,
    }
    for bars in history.values():
        assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
        assert all(earlier.day < later.day for earlier, later in pairwise(bars))


def test_bars_are_replayed_by_day_across_the_tickers_after_the_warm_up() -> None:
    history = {"A": make_bars("A", WARM_UP + 3), "B": make_bars("B", WARM_UP + 3)}

    replayed = replay_bars(history, 5)

    first = history["A"][WARM_UP].day
    assert [(item.bar.ticker, (item.bar.day - first).days, item.is_last) for item in replayed] == [
        ("A", 0, False), ("B", 0, False), ("A", 1, False), ("B", 1, True), ("A", 2, True)
    ]  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 7])
def test_more_or_fewer_bars_than_there_are_is_refused(count: int) -> None:
    history = {"A": make_bars("A", WARM_UP + 3), "B": make_bars("B", WARM_UP + 3)}

    with pytest.raises(ValueError, match=f"can replay 2 to 6 bars, not {count}"):
        replay_bars(history, count)


def test_the_indicators_of_a_steady_climb_are_what_one_can_work_out() -> None:
    window = make_bars("A", WARM_UP + 1)  # closes 100, 101, ... 160

    values = indicators(window)

    assert values["high_4"] == 161.0  # the highest of the four bars before, not of the bar itself
    assert values["low_4"] == 154.0
    assert values["sma_10"] == 155.5
    assert values["sma_20"] == 150.5
    assert values["sma_50"] == 135.5
    assert values["rsi_14"] == 100.0
    assert values["volume_20"] == 1050.5
    assert 0 < values["volatility_20"] < 0.02


def test_a_flat_market_is_neither_strong_nor_weak_nor_volatile() -> None:
    values = indicators(make_bars("A", WARM_UP + 1, step=0))

    assert (values["rsi_14"], values["volatility_20"]) == (50.0, 0.0)


def test_the_orchestrator_understands_every_alert_of_the_demo() -> None:
    replayed = replay_bars(read_bars(FILE), 80)

    understood = [
        understand(json.loads(alert_message(item)), received_at=LATER, max_age_seconds=0) for item in replayed
    ]

    for item, signal in zip(replayed, understood, strict=True):
        assert isinstance(signal, NewSignal)
        assert (signal.symbol, signal.timeframe, signal.strategy) == (item.bar.ticker, "1d", "Daily bias")
        assert signal.timestamp == datetime(item.bar.day.year, item.bar.day.month, item.bar.day.day, 21, tzinfo=UTC)
        expected = "LONG" if item.bar.close > item.indicators["sma_20"] else "SHORT"
        assert signal.direction == expected


def test_the_same_bars_give_the_same_alerts() -> None:
    first = [alert_message(item) for item in replay_bars(read_bars(FILE), 40)]

    assert first == [alert_message(item) for item in replay_bars(read_bars(FILE), 40)]
