"""What the example engines decide: pure functions of one bar, of a position and later bars."""

from __future__ import annotations

import engine_a
import engine_b
import pytest
from bars import Bar
from positions import Holding, Verdict, first_exit

from tests.examples.builders import ENTRY_TIME, make_bar, make_context, make_position


def holding(*, gain: float = 0.0, bars_held: int = 1, **bar: float) -> Holding:
    return Holding(make_position(), make_bar(days=bars_held, **bar), bars_held, gain)  # type: ignore[arg-type]


def test_a_bar_is_read_from_the_context_and_text_is_no_indicator() -> None:
    bar = Bar.from_context(make_context())

    assert (bar.symbol, bar.direction, bar.timestamp, bar.close, bar.volume) == ("AAPL", "LONG", ENTRY_TIME, 95.5, 1200)
    assert bar.get("high_4") == 100.0
    assert "note" not in bar.indicators
    assert not bar.is_last


def test_a_context_without_a_close_cannot_be_priced() -> None:
    with pytest.raises(ValueError, match="no close"):
        Bar.from_context(make_context(prices={}))


@pytest.mark.parametrize(
    ("bar", "instrument"),
    [
        (make_bar(close=101), "AAPL  080118C00100000"),
        (make_bar(close=100), None),
        (make_bar(close=89, direction="SHORT"), "AAPL  080118P00090000"),
        (make_bar(close=89, direction="LONG"), None),
        (make_bar(close=101, direction="SHORT"), None),
        (make_bar(close=101, volatility_20=1.3), None),
        (make_bar(close=101, is_last=True), None),
        (make_bar(close=101, high_4=float("nan")), None),
    ],
)
def test_engine_a_buys_at_the_money_on_a_breakout_in_the_signals_direction(bar: Bar, instrument: str | None) -> None:
    verdict = engine_a.decide(bar)

    assert verdict.document()["instrument"] == instrument
    assert verdict.action == ("OPEN" if instrument else "DECLINE")
    assert verdict.reasons


@pytest.mark.parametrize(
    ("bar", "votes"),
    [
        (make_bar(close=96), {"trend": 1, "momentum": 0, "mean_reversion": 0, "volume": 0}),
        (make_bar(close=94, sma_10=94), {"trend": -1, "momentum": -1, "mean_reversion": 0, "volume": 0}),
        (make_bar(rsi_14=71), {"trend": 0, "momentum": 0, "mean_reversion": -1, "volume": 0}),
        (make_bar(rsi_14=29), {"trend": 0, "momentum": 0, "mean_reversion": 1, "volume": 0}),
        (make_bar(volume=1300), {"trend": 0, "momentum": 0, "mean_reversion": 0, "volume": 1}),
        (make_bar(volume=1300, direction="SHORT"), {"trend": 0, "momentum": 0, "mean_reversion": 0, "volume": -1}),
    ],
)
def test_each_agent_of_engine_b_looks_at_one_thing(bar: Bar, votes: dict[str, int]) -> None:
    assert engine_b.decide(bar).votes == votes


@pytest.mark.parametrize(
    ("bar", "instrument"),
    [
        (make_bar(close=96, sma_10=96), "AAPL  080215C00100000"),
        (make_bar(close=94, sma_10=94, direction="SHORT"), "AAPL  080215P00090000"),
        (make_bar(close=96), "AAPL  080215C00100000"),
        (make_bar(close=96, rsi_14=71), None),
        (make_bar(close=96, direction="SHORT"), None),
        (make_bar(close=96, sma_10=96, volatility_20=1.1), None),
        (make_bar(close=96, sma_10=96, is_last=True), None),
    ],
)
def test_engine_b_follows_a_signal_that_its_panel_agrees_with(bar: Bar, instrument: str | None) -> None:
    verdict = engine_b.decide(bar)

    assert verdict.document()["instrument"] == instrument


def test_engine_b_buys_longer_options_than_engine_a() -> None:
    bar = make_bar(days=20, close=101, sma_10=96)

    a, b = engine_a.decide(bar).contract, engine_b.decide(bar).contract

    assert a is not None
    assert b is not None
    assert b.expiry > a.expiry
    assert b.strike > a.strike


@pytest.mark.parametrize("decide", [engine_a.decide, engine_b.decide])
def test_the_same_bar_gives_the_same_recommendation(decide: object) -> None:
    assert callable(decide)
    first: Verdict = decide(make_bar(close=101, sma_10=96))
    second: Verdict = decide(make_bar(close=101, sma_10=96))

    assert first == second


@pytest.mark.parametrize("decide", [engine_a.decide, engine_b.decide])
def test_a_symbol_too_long_for_an_option_is_not_traded(decide: object) -> None:
    assert callable(decide)
    bar = Bar("BTCUSDT", "LONG", ENTRY_TIME, 101.0, 1300.0, make_bar(sma_10=96).indicators, is_last=False)

    with pytest.raises(ValueError, match="no OCC symbol"):
        decide(bar)


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        (holding(gain=0.4), "TAKE_PROFIT"),
        (holding(gain=-0.3), "STOP_LOSS"),
        (holding(bars_held=5), "TIME_LIMIT"),
        (holding(gain=0.39, bars_held=4), None),
    ],
)
def test_engine_a_leaves_by_profit_loss_or_time(held: Holding, reason: str | None) -> None:
    assert engine_a.leave(held) == reason


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        (holding(gain=0.6), "TAKE_PROFIT"),
        (holding(gain=-0.4), "STOP_LOSS"),
        (holding(close=94, sma_10=94), "SIGNAL"),
        (holding(bars_held=8), "TIME_LIMIT"),
        (holding(gain=0.59, bars_held=7), None),
    ],
)
def test_engine_b_leaves_when_its_panel_turns_as_well(held: Holding, reason: str | None) -> None:
    assert engine_b.leave(held) == reason


def test_the_first_bar_that_ends_a_position_counts_whatever_the_order_of_arrival() -> None:
    bars = [make_bar(days=day) for day in (7, 3, 1, 6, 2, 5, 4)]

    end = first_exit(make_position(entry_price="3.70"), bars, engine_a.leave)

    assert end == (make_bar(days=5), "TIME_LIMIT")


def test_bars_up_to_the_entry_end_nothing() -> None:
    assert first_exit(make_position(), [make_bar(days=-1), make_bar(days=0)], lambda _: "OTHER") is None


def test_the_last_bar_of_a_symbol_ends_what_is_open() -> None:
    end = first_exit(make_position(), [make_bar(days=1, is_last=True)], lambda _: None)

    assert end is not None
    assert end[1] == "MANUAL"


def test_the_engines_register_different_rules() -> None:
    assert engine_a.STRATEGY.rules_hash != engine_b.STRATEGY.rules_hash
    assert len(engine_a.STRATEGY.rules_hash) == 64
