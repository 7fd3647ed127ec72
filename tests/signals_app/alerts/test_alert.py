"""What alerts mean as a whole, what was read of them, and that nothing else can come out (R1.1, R8.1)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kernel.errors import DomainError
from signals_app.alerts.alert import NewSignal, RecordedOnly, Understood, means_the_same, read_signal, residual
from signals_app.alerts.decoding import split_secrets
from tests.kernel.json_strategies import alert_payloads, json_objects
from tests.signals_app.alerts.alerts import FIRED_AT, accept, judge, make_alert, record, refuse, with_direction

PUBLIC_CODES = {
    "symbol_missing", "symbol_type", "symbol_invalid", "direction_missing", "direction_type", "direction_invalid",
    "timeframe_missing", "timeframe_type", "timeframe_invalid", "timestamp_missing", "timestamp_type",
    "timestamp_unparseable", "timestamp_naive", "timestamp_out_of_range", "timestamp_future", "conflicting_alias",
    "conflicting_direction", "unexpanded_placeholder",
}  # fmt: skip


@pytest.mark.parametrize(
    ("members", "strategy"),
    [
        ({}, ""),
        ({"strategy": " ORB 15 "}, "ORB 15"),
        ({"strategy": "A", "strategy_name": "B", "strategy_id": "C"}, "A"),
        ({"strategy": {"order_action": "buy"}, "strategy_name": "B"}, "B"),
        ({"strategyName": "Diff Delta"}, "Diff Delta"),
        ({"strategy": 7, "strategy_id": 8}, "8"),
        ({"strategy": None, "strategy_id": "C"}, "C"),
        ({"strategy": "é" * 300}, "é" * 200),
    ],
)
def test_the_strategy_is_named_by_text(members: dict[str, Any], strategy: str) -> None:
    assert accept(make_alert(**members)).strategy == strategy


@pytest.mark.parametrize(
    "name",
    ["symbol", "direction", "timeframe", "timestamp", "exchange", "strategy", "order_id", "id", "market_position"],
)
def test_a_placeholder_that_was_not_filled_in_is_refused_and_named(name: str) -> None:
    error = refuse(make_alert(**{name: "{{strategy.market_position}}"}))

    assert (error.code, error.pointer) == ("unexpanded_placeholder", f"/{name}")


def test_a_placeholder_in_a_member_that_is_not_read_does_no_harm() -> None:
    assert accept(make_alert(comment="{{strategy.order.comment}}", type="{{plot_0}}"))


def test_an_exit_may_lack_timeframe_and_timestamp_but_not_hold_bad_ones() -> None:
    recorded = record({"symbol": "SPY", "action": "close"})

    assert (recorded.reason, recorded.intent) == ("exit", "EXIT")
    assert (recorded.timeframe, recorded.timestamp) == ("", None)
    assert refuse({"symbol": "SPY", "action": "close", "time": "yesterday"}).code == "timestamp_unparseable"
    assert refuse({"action": "close"}).code == "symbol_missing"


def test_the_fields_are_judged_in_a_fixed_order() -> None:
    payload: dict[str, Any] = {}
    codes = []
    for member in ({"symbol": "SPY"}, {"direction": "long"}, {"timeframe": "5"}, {"timestamp": FIRED_AT}):
        codes.append(refuse(payload).code)
        payload |= member

    assert codes == ["symbol_missing", "direction_missing", "timeframe_missing", "timestamp_missing"]
    assert accept(payload)


def test_a_long_value_is_cut_in_the_error() -> None:
    assert len(refuse(make_alert(direction="x" * 5000)).detail) < 200


def test_the_payload_chooses_no_id_mode_or_policy() -> None:
    plain = accept(make_alert())

    assert accept(make_alert(signal_id="x", source="other", mode="live", execution_mode="ENGINE_B_PRIMARY")) == plain


@pytest.mark.parametrize(
    ("payload", "consumed"),
    [
        (make_alert(), {"symbol", "direction", "timeframe", "timestamp"}),
        (
            {"Ticker": "SPY", "symbol": "SPY", "exchange": "AMEX", "ACTION": "buy", "side": "long", "trend": "up",
             "tf": 5, "interval": "5", "timenow": FIRED_AT, "time": FIRED_AT, "strategy": "A", "strategy_name": "A"},
            {"Ticker", "symbol", "exchange", "ACTION", "side", "tf", "interval", "timenow", "strategy"},
        ),
        (
            {"ticker": "SPY", "strategy": {"order_action": "buy", "order_id": "L"}, "interval": "5",
             "bar": {"time": FIRED_AT, "open": 1}},
            {"ticker", "interval"},
        ),
        (make_alert(exchange="<?>", strategy="x" * 201), {"symbol", "direction", "timeframe", "timestamp"}),
        (with_direction(trend="up"), {"symbol", "trend", "timeframe", "timestamp"}),
        (with_direction(market_position="long"), {"symbol", "market_position", "timeframe", "timestamp"}),
    ],
)  # fmt: skip
def test_only_members_whose_value_became_a_field_are_consumed(payload: dict[str, Any], consumed: set[str]) -> None:
    assert accept(payload).consumed == consumed


def test_the_residual_is_what_the_payload_says_beyond_the_fields() -> None:
    payload = {
        "ticker": "SPY", "signal": {"type": "LONG"}, "strategy": {"order_action": "buy", "order_id": "L"},
        "interval": "5", "time": FIRED_AT, "rsi": 61.2,
    }  # fmt: skip

    assert residual(payload, read_signal(payload)) == {
        "signal": {"type": "LONG"}, "rsi": 61.2,
    }  # fmt: skip
    assert residual({**payload, "strategy": {"order_action": "buy"}}, read_signal(payload)) == {
        "signal": {"type": "LONG"}, "rsi": 61.2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        ({"ticker": "spy", "action": "BUY", "interval": 5, "time": "2026-03-16T14:30:00+00:00"}, True),
        ({"symbol": "SPY", "signal": {"type": "LONG"}, "tf": "5m", "timestamp": 1773671400}, True),
        (make_alert(ticker="SPY", side="buy"), True),
        (make_alert(rsi=61), False),
        (make_alert(note=None), False),
    ],
)
def test_two_spellings_of_one_alert_mean_the_same(other: dict[str, Any], *, is_same: bool) -> None:
    assert means_the_same(make_alert(), other) is is_same
    assert means_the_same(other, make_alert()) is is_same


def test_numbers_that_are_equal_mean_the_same_however_written() -> None:
    assert means_the_same(make_alert(rsi=61), make_alert(rsi=61.0))
    assert not means_the_same(make_alert(rsi=61), make_alert(rsi="61"))


def judge_or_refuse(payload: dict[str, Any]) -> Understood | DomainError:
    """Let no other exception pass for a refusal."""
    try:
        return judge(payload)
    except DomainError as error:
        return error


@given(alert_payloads | json_objects)
def test_any_object_is_understood_recorded_or_refused_with_a_public_code(payload: dict[str, Any]) -> None:
    outcome = judge_or_refuse(payload)

    assert not isinstance(outcome, DomainError) or outcome.code in PUBLIC_CODES


@given(alert_payloads)
def test_the_order_of_members_changes_nothing(payload: dict[str, Any]) -> None:
    outcomes = [judge_or_refuse(payload), judge_or_refuse(dict(reversed(payload.items())))]

    first, second = (outcome.detail if isinstance(outcome, DomainError) else outcome for outcome in outcomes)
    assert first == second


@given(alert_payloads)
def test_what_is_accepted_is_within_the_columns(payload: dict[str, Any]) -> None:
    outcome = judge_or_refuse(make_alert() | payload)
    assume(isinstance(outcome, NewSignal))
    assert isinstance(outcome, NewSignal)

    assert 1 <= len(outcome.symbol) <= 64
    assert len(outcome.exchange) <= 50
    assert len(outcome.timeframe) <= 10
    assert len(outcome.strategy) <= 200
    assert outcome.direction in {"LONG", "SHORT"}
    assert outcome.timestamp.utcoffset() == timedelta()
    assert outcome.consumed <= payload.keys() | make_alert().keys()


@given(alert_payloads, st.sampled_from(["close", "exit", "flat", "reduce", "cancel", "stc", "close_long"]))
def test_an_exit_never_becomes_a_signal(payload: dict[str, Any], word: str) -> None:
    assert not isinstance(judge_or_refuse({**payload, "direction": word}), NewSignal)


@given(alert_payloads)
def test_an_accepted_alert_reads_the_same_without_a_clock(payload: dict[str, Any]) -> None:
    outcome = judge_or_refuse(make_alert() | payload)

    assume(isinstance(outcome, NewSignal))

    assert read_signal(json.loads(json.dumps(make_alert() | payload))) == outcome


@given(alert_payloads)
def test_no_error_shows_a_secret(payload: dict[str, Any]) -> None:
    secret = "wh-7f3c91-demo"
    poisoned = {name: f"{value}{secret}" if isinstance(value, str) else value for name, value in payload.items()}

    outcome = judge_or_refuse(split_secrets({**poisoned, "passphrase": secret})[0])

    assert not isinstance(outcome, DomainError) or secret not in outcome.detail


def test_everything_an_exit_says_is_recorded() -> None:
    assert record(make_alert(direction="close_long", symbol="BATS:SPY", strategy="ORB")) == RecordedOnly(
        reason="exit", intent="EXIT_LONG", because='direction is "close_long"', symbol="SPY", exchange="BATS",
        timeframe="5m",
        timestamp=datetime(2026, 3, 16, 14, 30, tzinfo=UTC), strategy="ORB", order_id="",
    )  # fmt: skip


def test_everything_a_signal_says_is_read() -> None:
    assert accept(make_alert(exchange="BATS", strategy={"name": "x"}, strategy_id=7, side="buy")) == NewSignal(
        symbol="SPY", exchange="BATS", direction="LONG", timeframe="5m",
        timestamp=datetime(2026, 3, 16, 14, 30, tzinfo=UTC), strategy="7", order_id="",
        read=frozenset(
            {("symbol",), ("exchange",), ("direction",), ("side",), ("timeframe",), ("timestamp",), ("strategy_id",)}
        ),
        passed_on=frozenset(),
    )  # fmt: skip


def test_a_payload_that_makes_no_signal_is_no_signal_later_either() -> None:
    with pytest.raises(DomainError) as raised:
        read_signal(make_alert(direction="close_long"))

    assert (raised.value.code, raised.value.detail, raised.value.pointer) == (
        "direction_invalid",
        "The alert means EXIT_LONG and creates no signal.",
        "",
    )


@pytest.mark.parametrize(
    ("members", "strategy"),
    [
        ({"strategy": 7}, ""),
        ({"strategy_id": True, "strategy_name": "B"}, "B"),
        ({"strategy_id": 1.5}, ""),
        ({"strategy_id": 0}, "0"),
        ({"strategy": "x" * 200}, "x" * 200),
    ],
)
def test_a_number_names_a_strategy_only_as_its_id(members: dict[str, Any], strategy: str) -> None:
    assert accept(make_alert(**members)).strategy == strategy


def test_a_name_that_had_to_be_cut_stays_in_the_payload() -> None:
    assert "strategy" in accept(make_alert(strategy="x" * 200)).consumed
    assert "strategy" not in accept(make_alert(strategy="x" * 201)).consumed


def test_two_members_of_one_object_are_both_left_out_of_the_residual() -> None:
    strategy = {"order_action": "buy", "market_position": "long", "order_id": "L"}
    payload = {"symbol": "SPY", "strategy": strategy, "general": {"interval": "5", "timenow": FIRED_AT, "x": 1}}

    assert residual(payload, read_signal(payload)) == {
        "strategy": {"market_position": "long"},
        "general": {"x": 1},
    }


@pytest.mark.parametrize(
    ("members", "order_id"),
    [
        ({}, ""),
        ({"order_id": "Long"}, "Long"),
        ({"orderId": " Long 2 "}, "Long 2"),
        ({"order_id": 7}, "7"),
        ({"strategy": {"order_id": "L"}}, "L"),
        ({"strategy_order_id": "L"}, "L"),
        ({"order_id": "L", "strategy": {"order_id": "L"}, "strategy_order_id": "L", "id": "bot"}, "L"),
        ({"id": "Long"}, "Long"),
        ({"id": 7}, ""),
        ({"order_id": True, "id": "Long"}, "Long"),
        ({"order_id": 1.5}, ""),
        ({"order_id": {"a": 1}}, ""),
        ({"order_id": " ", "id": None}, ""),
        ({"order": {"id": "x"}, "client_order_id": "x"}, ""),
        ({"order_id": "é" * 200}, "é" * 200),
        ({"order_id": "é" * 201}, "é" * 200),
    ],
)
def test_the_order_id_is_read_from_its_names_and_from_an_id_in_text(members: dict[str, Any], order_id: str) -> None:
    assert accept(make_alert(**members)).order_id == order_id


def test_two_order_ids_that_differ_are_refused_with_both() -> None:
    error = refuse(make_alert(order_id="Long", strategy={"order_id": "Long 2"}))

    assert (error.code, error.pointer) == ("conflicting_alias", "/strategy/order_id")
    assert 'order_id is "Long" but strategy.order_id is "Long 2"' in error.detail


def test_engines_get_the_order_id_and_two_spellings_of_it_mean_the_same() -> None:
    first, second = make_alert(order_id="L"), make_alert(strategyOrderId="L")

    assert "order_id" not in accept(first).consumed
    assert means_the_same(first, second)


def test_alerts_that_differ_beyond_the_cut_of_an_order_id_are_not_the_same() -> None:
    first, second = make_alert(order_id="x" * 200 + "1"), make_alert(order_id="x" * 200 + "2")

    assert accept(first).order_id == accept(second).order_id
    assert not means_the_same(first, second)
