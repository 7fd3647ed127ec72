"""The bars of the demo, the alerts that fire on them, and what its engines know of the market."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from bars import read_feed
from django.conf import settings

from demo.alerts import alert_message
from demo.bars import WARM_UP, DailyBar, chart, fired, first_alerts, indicators, read_bars, write_chart
from demo.evaluation import BLOCK_DAYS, busy_signals
from demo.run import BARS_FILE
from signals_app.alerts.alert import NewSignal, understand
from tests.demo.daily import daily_bars

LATER = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def all_bars() -> dict[str, list[DailyBar]]:
    return read_bars(Path(settings.BASE_DIR) / BARS_FILE)


def first_bars(years: int) -> dict[str, list[DailyBar]]:
    """So many years of each stock: the indicators of all take more than a second."""
    return {ticker: bars[: WARM_UP + 250 * years] for ticker, bars in all_bars().items()}


def make_bars(ticker: str, count: int, *, close: float = 100.0, step: float = 1.0) -> list[DailyBar]:
    first = date(2008, 1, 1)
    return [
        DailyBar(ticker, first + timedelta(days=day), price, price + 2, price - 2, price, 1000 + day)
        for day in range(count)
        for price in [close + step * day]
    ]


def test_the_file_holds_thirteen_years_of_four_stocks_without_a_gap_in_its_values() -> None:
    assert {ticker: (len(bars), str(bars[0].day)) for ticker, bars in all_bars().items()} == {
        "AAPL": (3270, "2000-03-01"),
        "GOOG": (2148, "2004-08-19"),
        "IBM": (3270, "2000-03-01"),
        "MSFT": (3270, "2000-03-01"),
    }
    for bars in all_bars().values():
        assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
        assert all(earlier.day < later.day for earlier, later in pairwise(bars))
        # Splits are adjusted for; the one day that looks like one was a profit warning of Apple's.
        halved = [later.day for earlier, later in pairwise(bars) if later.close < 0.6 * earlier.close]
        assert halved in ([], [date(2000, 9, 29)])


def test_a_chart_shows_every_bar_after_the_warm_up_by_day_across_the_tickers() -> None:
    history = {"A": make_bars("A", WARM_UP + 2), "B": make_bars("B", WARM_UP + 1)}

    bars = chart(history)

    first = history["A"][WARM_UP].day
    assert [(item.bar.ticker, (item.bar.day - first).days, item.is_last) for item in bars] == [
        ("A", 0, False), ("B", 0, True), ("A", 1, True)
    ]  # fmt: skip


def test_an_alert_fires_where_the_close_has_crossed_its_average_and_at_the_last_bar() -> None:
    bars = make_bars("A", WARM_UP + 12, step=0)
    # Flat at 100, half a percent beyond it and back, then clearly above twice, below, and above again.
    for offset, close in enumerate((100.4, 99.6, 102, 103, 97, 97, 104)):
        place = WARM_UP + 2 + offset
        bars[place] = replace(bars[place], close=close)

    found = fired(chart({"A": bars}))

    assert [(bars.index(item.bar) - WARM_UP, item.side) for item in found] == [
        (6, "SHORT"), (8, "LONG"), (11, found[-1].side)
    ]  # fmt: skip
    assert found[-1].is_last


def test_all_years_give_some_five_hundred_alerts_spread_over_more_than_a_hundred_blocks() -> None:
    _, alerts = first_alerts(all_bars(), None)

    assert len(alerts) == 538
    assert len({(item.bar.day - alerts[0].bar.day).days // BLOCK_DAYS for item in alerts}) > 100
    assert busy_signals([item.bar.day for item in alerts], alerts[0].bar.day) == 9


def test_a_shorter_demo_ends_its_chart_a_little_after_its_alerts() -> None:
    bars, alerts = first_alerts(first_bars(2), 20)

    assert 15 < len(alerts) <= 20
    last = {item.bar.ticker for item in alerts if item.is_last}
    assert last == {item.bar.ticker for item in bars}
    assert alerts[-1].bar.day == bars[-1].bar.day


@pytest.mark.parametrize("count", [0, 4, 60])
def test_more_or_fewer_alerts_than_there_are_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"has 5 to 59 alerts, not {count}"):
        first_alerts(first_bars(1), count)


def test_the_engines_own_data_are_the_chart_of_the_alerts(tmp_path: Path) -> None:
    bars = daily_bars(8)
    write_chart(tmp_path / "chart.csv", bars)

    read = read_feed(tmp_path / "chart.csv")

    assert [(bar.symbol, bar.close, bar.is_last) for bar in read] == [
        (item.bar.ticker, item.bar.close, item.is_last) for item in bars
    ]
    assert read[0].indicators == bars[0].indicators
    assert read[0].timestamp == datetime.combine(bars[0].bar.day, datetime.min.time(), UTC) + timedelta(hours=21)


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
    _, alerts = first_alerts(first_bars(3), 80)

    understood = [understand(json.loads(alert_message(item)), received_at=LATER, max_age_seconds=0) for item in alerts]

    for item, signal in zip(alerts, understood, strict=True):
        assert isinstance(signal, NewSignal)
        assert (signal.symbol, signal.timeframe, signal.strategy) == (item.bar.ticker, "1d", "Average cross")
        assert signal.timestamp == datetime(item.bar.day.year, item.bar.day.month, item.bar.day.day, 21, tzinfo=UTC)
        expected = "LONG" if item.bar.close > item.indicators["sma_50"] else "SHORT"
        assert signal.direction == expected


def test_the_same_bars_give_the_same_alerts() -> None:
    first = [alert_message(item) for item in daily_bars(40)]

    assert first == [alert_message(item) for item in daily_bars(40)]
