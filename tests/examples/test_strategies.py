"""What the example engines decide: pure functions of one bar, of a position and later bars."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import engine_a
import engine_b
import pytest
from bars import Bar, Tape
from positions import ExitRule, Holding, Position, Strategy, Verdict, closings
from snapshot import conditions

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
        (holding(gain=-0.9, bars_held=39), None),  # the last days: held to expiry
        (holding(gain=0.4, bars_held=36), "TAKE_PROFIT"),
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


def make_strategy(leave: ExitRule = lambda _: None, **changes: Any) -> Strategy:
    return replace(engine_a.STRATEGY, leave=leave, **changes)


def tape_of(*bars: Bar) -> Tape:
    tape = Tape()
    for bar in bars:
        tape.add(bar)
    return tape


def closed(position: Position, tape: Tape, strategy: Strategy) -> list[tuple[int, int, str]]:
    """What was closed: days after the entry, contracts and reason."""
    return [
        ((closing.time - ENTRY_TIME).days, closing.quantity, closing.reason)
        for closing in closings(position, tape, strategy)
    ]


def test_the_first_bar_that_ends_a_position_counts_whatever_the_order_of_arrival() -> None:
    tape = tape_of(*(make_bar(days=day) for day in (7, 3, 1, 6, 2, 5, 4)))

    assert closed(make_position(entry_price="3.70"), tape, engine_a.STRATEGY) == [(5, 2, "TIME_LIMIT")]


def test_a_feed_shows_what_the_market_did_between_two_alerts_and_nothing_after_the_latest() -> None:
    tape = Tape([make_bar(days=day) for day in range(1, 12)])

    tape.add(make_bar(days=4))
    assert closed(make_position(entry_price="3.70"), tape, engine_a.STRATEGY) == []
    assert [bar.timestamp for bar in tape.after("AAPL", ENTRY_TIME)][-1] == ENTRY_TIME + timedelta(days=4)

    tape.add(Bar("MSFT", "LONG", ENTRY_TIME + timedelta(days=9), 30.0, 1.0, {}, is_last=False))

    # The other symbol's alert has moved the clock.
    assert closed(make_position(entry_price="3.70"), tape, engine_a.STRATEGY) == [(5, 2, "TIME_LIMIT")]


def test_bars_up_to_the_entry_end_nothing() -> None:
    tape = tape_of(make_bar(days=-1), make_bar(days=0))

    assert closed(make_position(), tape, make_strategy(lambda _: "OTHER")) == []


def test_the_last_bar_of_a_symbol_ends_what_is_open() -> None:
    assert closed(make_position(), tape_of(make_bar(days=1, is_last=True)), make_strategy()) == [(1, 2, "MANUAL")]


def test_one_contract_is_sold_at_the_first_target_once_and_the_rest_by_the_rules() -> None:
    position = make_position(entry_price="4.00")
    tape = tape_of(make_bar(days=1, close=96), make_bar(days=2, close=97), make_bar(days=3, close=97))

    strategy = make_strategy(lambda held: "SIGNAL" if held.bars_held == 3 else None)

    assert closed(position, tape, strategy) == [(2, 1, "TAKE_PROFIT"), (3, 1, "SIGNAL")]


def test_what_leaves_at_the_first_target_is_no_part() -> None:
    tape = tape_of(make_bar(days=1, close=120))

    assert closed(make_position(), tape, engine_a.STRATEGY) == [(1, 2, "TAKE_PROFIT")]


@pytest.mark.parametrize(("close", "reason"), [(94.5, "EXPIRED"), (95.0, "EXPIRED"), (95.5, "EXERCISED")])
def test_a_contract_that_ends_is_settled_once_a_later_bar_shows_where_the_underlying_stood(
    close: float, reason: str
) -> None:
    position, before = make_position(), make_bar(days=43, close=close)
    tape = tape_of(before)

    assert closings(position, tape, make_strategy()) == []
    tape.add(make_bar(days=47, close=200))

    (closing,) = closings(position, tape, make_strategy())
    assert (closing.time, closing.bar) == (position.contract.expires_at, before)
    assert (closing.quantity, closing.reason, closing.is_last, closing.is_settled) == (2, reason, True, True)


def test_a_moment_is_known_once_a_bar_at_or_after_it_has_come() -> None:
    first, second = make_bar(days=1), make_bar(days=3)
    tape = tape_of(second, first)

    found = [tape.at("AAPL", ENTRY_TIME + timedelta(days=day)) for day in range(5)]

    assert found == [None, first, first, second, None]
    assert tape.at("IBM", ENTRY_TIME) is None


def test_conditions_quote_what_is_traded_and_settle_what_has_ended() -> None:
    bar = make_bar(days=44, close=96.0)
    tape = tape_of(bar, make_bar(days=50, close=100))
    traded, ended = "AAPL  080315C00095000", "AAPL  080215C00095000"
    moment = bar.timestamp + timedelta(days=1)

    seen = conditions(tape, bar, [traded, ended], moment)

    assert set(seen["quotes"]) == {traded}
    assert seen["quotes"][traded]["quote_time"] == moment.isoformat()
    assert seen["settlements"] == {
        ended: {
            "price": "1.0", "settled_at": "2008-02-15T21:00:00+00:00", "kind": "EXERCISED", "underlying": "96.0",
        }
    }  # fmt: skip
    assert "settlements" not in conditions(tape, bar, [traded], moment)


def test_the_engines_register_different_rules() -> None:
    assert engine_a.STRATEGY.rules_hash != engine_b.STRATEGY.rules_hash
    assert len(engine_a.STRATEGY.rules_hash) == 64
