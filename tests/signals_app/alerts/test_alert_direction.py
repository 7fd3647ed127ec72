"""The direction of an alert: every name and word, every contradiction, every change of position (R1.1, R8.1)."""

from __future__ import annotations

from typing import Any

import pytest

from signals_app.alerts.alert import NewSignal
from signals_app.alerts.directions import read_direction
from signals_app.alerts.fields import Fields
from tests.signals_app.alerts.alerts import accept, judge, make_alert, record, refuse, with_direction


@pytest.mark.parametrize(
    "word",
    [
        "buy",
        "LONG",
        "enter_long",
        "Enter Long",
        "enterLong",
        "bull",
        "Bullish",
        "call",
        "up",
        "BTO",
        "buy_to_open",
        "BUY_CE",
    ],
)
def test_these_words_are_long(word: str) -> None:
    assert accept(make_alert(direction=word)).direction == "LONG"


@pytest.mark.parametrize(
    "word", ["sell", "SHORT", "enter_short", "enter-short", "bear", "Bearish", "put", "down", "sell_short", "BUY_PE"]
)
def test_these_words_are_short(word: str) -> None:
    assert accept(make_alert(direction=word)).direction == "SHORT"


@pytest.mark.parametrize(
    ("word", "reason", "intent"),
    [
        ("close", "exit", "EXIT"),
        ("Exit", "exit", "EXIT"),
        ("flat", "flat", "FLAT"),
        ("flatten", "flat", "FLAT"),
        ("close_long", "exit", "EXIT_LONG"),
        ("exit long", "exit", "EXIT_LONG"),
        ("STC", "exit", "EXIT_LONG"),
        ("sell_to_close", "exit", "EXIT_LONG"),
        ("close_short", "exit", "EXIT_SHORT"),
        ("exit_short", "exit", "EXIT_SHORT"),
        ("buy_to_close", "exit", "EXIT_SHORT"),
        ("cover", "exit", "EXIT_SHORT"),
        ("closeall", "exit", "EXIT_ALL"),
        ("close_all", "exit", "EXIT_ALL"),
        ("reduce", "reduce", "REDUCE"),
        ("reduce_long", "reduce", "REDUCE_LONG"),
        ("partial", "reduce", "REDUCE"),
        ("cancel", "cancel", "CANCEL"),
        ("TP", "exit", "EXIT"),
        ("tp2", "exit", "EXIT"),
        ("SL", "exit", "EXIT"),
        ("stop_loss", "exit", "EXIT"),
        ("Take Profit 1", "exit", "EXIT"),
        ("exit_buy", "exit", "EXIT_LONG"),
        ("btc", "exit", "EXIT_SHORT"),
        ("trim", "reduce", "REDUCE"),
    ],
)
def test_these_words_end_something_and_are_only_recorded(word: str, reason: str, intent: str) -> None:
    recorded = record(make_alert(direction=word))

    assert (recorded.reason, recorded.intent) == (reason, intent)
    assert (recorded.symbol, recorded.timeframe) == ("SPY", "5m")


@pytest.mark.parametrize(
    "word",
    ["neutral", "hold", "wait", "entry", "add", "bu", "long?", "длинный", "buy sell", "both", "none", "7"],
)
def test_these_words_are_no_direction(word: str) -> None:
    assert refuse(make_alert(direction=word)).code == "direction_invalid"


@pytest.mark.parametrize("value", [1, True, ["long"], {"type": "long"}])
def test_a_direction_that_is_no_text_is_refused(value: object) -> None:
    assert refuse(make_alert(direction=value)).code == "direction_type"


@pytest.mark.parametrize(
    "name",
    [
        "direction", "action", "side", "signal", "order_action", "order-action", "orderSide", "cmd", "trend", "bias",
        "sentiment", "signal_type", "type", "event", "order", "data", "position", "market_position", "alert_type",
        "strategy-order-action", "strategy.order.action",
    ],
)  # fmt: skip
def test_the_direction_has_these_names(name: str) -> None:
    assert accept(with_direction(**{name: "long"})).direction == "LONG"
    assert accept(with_direction(**{name: "short"})).direction == "SHORT"


@pytest.mark.parametrize(
    "member",
    [
        {"signal": {"type": "SHORT"}}, {"signal": {"side": "SHORT"}}, {"strategy": {"order_action": "sell"}},
        {"order": {"action": "sell"}}, {"strategy_info": {"market_position": "short"}}, {"isSell": True},
        {"isBuy": False, "isSell": "true"}, {"market": {"position": "short", "previous_position": "flat"}},
    ],
)  # fmt: skip
def test_the_direction_may_lie_in_these_places(member: dict[str, Any]) -> None:
    assert accept(with_direction(**member)).direction == "SHORT"


@pytest.mark.parametrize(
    "members",
    [
        {"type": "Market"}, {"order_type": "limit", "data": {"a": 1}}, {"event": "bar_close"}, {"signal": {"score": 1}},
        {"close": "close", "message": "long"}, {"isBuy": False}, {"direction": None},
    ],
)  # fmt: skip
def test_what_gives_no_direction_leaves_it_missing(members: dict[str, Any]) -> None:
    assert refuse(with_direction(**members)).code == "direction_missing"


def test_a_member_that_should_be_a_direction_is_named_when_nothing_else_is() -> None:
    assert refuse(with_direction(signal="RSI cross")).pointer == "/signal"
    assert accept(with_direction(signal="RSI cross", side="Buy")).direction == "LONG"


@pytest.mark.parametrize(
    "members",
    [
        {"direction": "long", "action": "sell"},
        {"trend": "BULLISH", "action": "SELL"},
        {"side": "buy", "type": "SHORT"},
        {"action": "buy", "sentiment": "bearish"},
        {"isBuy": True, "isSell": True},
        {"action": "buy", "signal": {"type": "SHORT"}},
        {"market_position": "long", "direction": "short"},
        {"market_position": "short", "prev_market_position": "flat", "direction": "long"},
        {"market_position": "long", "prev_market_position": "flat", "action": "close"},
        {"prev_position": "long", "action": "sell"},
    ],
)
def test_directions_that_contradict_each_other_are_refused(members: dict[str, Any]) -> None:
    error = refuse(make_alert(**{"direction": ..., **members}))

    assert error.code == "conflicting_direction"
    named = [name for name in members if name in error.detail]
    assert len(named) >= 2


def test_a_word_that_describes_the_market_ends_nothing() -> None:
    assert accept(with_direction(action="buy", trend="flat")).direction == "LONG"
    assert accept(with_direction(action="buy", trend="neutral", bias="none")).direction == "LONG"


@pytest.mark.parametrize(
    ("members", "intent"),
    [
        ({"action": "sell", "sentiment": "flat"}, "EXIT_LONG"),
        ({"action": "buy", "sentiment": "flat"}, "EXIT_SHORT"),
        ({"action": "close", "side": "long"}, "EXIT_LONG"),
        ({"action": "exit", "direction": "short"}, "EXIT_SHORT"),
        ({"action": "reduce", "side": "long"}, "REDUCE_LONG"),
        ({"action": "sell", "order_type": "close_long"}, "EXIT_LONG"),
        ({"isClose": True}, "EXIT"),
        ({"action": "cancel", "side": "long"}, "CANCEL"),
    ],
)
def test_an_exit_word_anywhere_makes_an_exit(members: dict[str, Any], intent: str) -> None:
    assert record(with_direction(**members)).intent == intent


LONG, SHORT = "LONG", "SHORT"


@pytest.mark.parametrize(
    ("previous", "current", "action", "meaning"),
    [
        ("flat", "long", "buy", LONG),
        ("flat", "short", "sell", SHORT),
        ("flat", "short", "buy", SHORT),
        ("flat", "long", None, LONG),
        ("short", "long", "buy", LONG),
        ("long", "short", "sell", SHORT),
        ("long", "flat", "sell", "EXIT_LONG"),
        ("short", "flat", "buy", "EXIT_SHORT"),
        ("long", "flat", None, "EXIT_LONG"),
        ("flat", "flat", "buy", "UNCHANGED"),
        ("long", "long", "buy", LONG),
        ("long", "long", "sell", "REDUCE_LONG"),
        ("short", "short", "sell", SHORT),
        ("short", "short", "buy", "REDUCE_SHORT"),
        ("long", "long", None, "UNCHANGED"),
        ("long", "long", "close", "EXIT"),
        (None, "long", "buy", LONG),
        (None, "long", "sell", "REDUCE_LONG"),
        (None, "short", "buy", "REDUCE_SHORT"),
        (None, "short", None, SHORT),
        (None, "flat", "sell", "EXIT_LONG"),
        (None, "flat", "buy", "EXIT_SHORT"),
        (None, "flat", None, "FLAT"),
        ("flat", None, "sell", SHORT),
        ("long", None, "buy", LONG),
        ("long", None, "exit", "EXIT"),
    ],
)
def test_a_change_of_position_outranks_the_action(
    previous: str | None, current: str | None, action: str | None, meaning: str
) -> None:
    members = {"prev_market_position": previous, "market_position": current, "action": action}

    for payload in (with_direction(**members), with_direction(strategy=members)):
        payload.setdefault("action", action)
        understood = judge(payload)
        said = understood.direction if isinstance(understood, NewSignal) else understood.intent
        assert said == meaning


def test_a_position_that_is_no_position_is_refused_unless_its_name_often_means_a_size() -> None:
    assert refuse(make_alert(market_position="longish")).code == "direction_invalid"
    assert accept(make_alert(position="2", prev="1.5", now="14:30")).direction == "LONG"


ALLOWED = 'send "long" or "short", or "buy" or "sell".'
UNDERLYING = 'send "direction" with "long" or "short" for the underlying.'
SELLING = "selling an option opens a bearish call or a bullish put, or closes a bought one"


@pytest.mark.parametrize(
    ("members", "code", "pointer", "detail"),
    [
        ({}, "direction_missing", "/direction", f'The alert has no direction; add "direction" and {ALLOWED}'),
        (
            {"direction": "hold"}, "direction_invalid", "/direction",
            f'direction is "hold", which is not a direction; {ALLOWED}',
        ),
        (
            {"signal": "RSI", "bias": "?", "type": "x"}, "direction_invalid", "/signal",
            f'signal is "RSI", which is not a direction; {ALLOWED}',
        ),
        ({"direction": 7}, "direction_type", "/direction", f"direction must be text, not 7; {ALLOWED}"),
        ({"Action": True}, "direction_type", "/Action", f"Action must be text, not true; {ALLOWED}"),
        ({"side": False}, "direction_type", "/side", f"side must be text, not false; {ALLOWED}"),
        ({"side": ["long"]}, "direction_type", "/side", f"side must be text, not an array; {ALLOWED}"),
        ({"side": {"a": 1}}, "direction_type", "/side", f"side must be text, not an object; {ALLOWED}"),
        (
            {"action": " STO "}, "direction_invalid", "/action",
            f'action is " STO ", which is ambiguous: {SELLING}; {UNDERLYING}',
        ),
        (
            {"type": "sell call"}, "direction_invalid", "/type",
            f'type is "sell call", which is ambiguous: {SELLING}; {UNDERLYING}',
        ),
        (
            {"market_position": "longish"}, "direction_invalid", "/market_position",
            'market_position is "longish"; send "long", "short" or "flat".',
        ),
        (
            {"action": "sell", "optionType": "put"}, "conflicting_direction", "/optionType",
            f'optionType is "put", so buying or selling says nothing about the underlying; {UNDERLYING}',
        ),
        (
            {"prev_position": "long", "action": "sell"}, "conflicting_direction", "/action",
            ('action is "sell" while prev_position is "long": this closes or reverses the position; '
            "add market_position to say which."),
        ),
        (
            {"market_position": "long", "prev_market_position": "flat", "action": "close"}, "conflicting_direction",
            "/market_position",
            'action is "close" but market_position is "long"; send only one of them, or make them agree.',
        ),
        (
            {"market_position": "long", "direction": "short"}, "conflicting_direction", "/market_position",
            'direction is "short" but market_position is "long"; send only one of them, or make them agree.',
        ),
        (
            {"action": "buy", "Action": "sell"}, "conflicting_alias", "/action",
            'Action is "sell" but action is "buy"; send only one of them, or make them agree.',
        ),
        (
            {"action": "sell", "direction": "long"}, "conflicting_direction", "/action",
            'direction is "long" but action is "sell"; send only one of them, or make them agree.',
        ),
        (
            {"direction": "long", "strategy": {"order_action": "sell"}}, "conflicting_direction",
            "/strategy/order_action",
            'direction is "long" but strategy.order_action is "sell"; send only one of them, or make them agree.',
        ),
    ],
)  # fmt: skip
def test_every_refusal_of_a_direction_says_what_was_sent_and_what_to_send(
    members: dict[str, Any], code: str, pointer: str, detail: str
) -> None:
    error = refuse(with_direction(**members))

    assert (error.code, error.pointer, error.detail) == (code, pointer, detail)


@pytest.mark.parametrize(
    ("members", "meaning"),
    [
        # Two exit words: the one with a side says more.
        ({"action": "close", "type": "exit_short"}, "EXIT_SHORT"),
        ({"action": "reduce_long", "type": "exit"}, "REDUCE_LONG"),
        ({"action": "reduce", "type": "cancel", "side": "long"}, "REDUCE_LONG"),
        ({"action": "flatten", "type": "close_long"}, "EXIT_LONG"),
        ({"action": "reduce", "type": "cover"}, "EXIT_SHORT"),
        # "sell" closes a long, "short" names the short itself; both together name one side or none.
        ({"action": "sell", "type": "exit"}, "EXIT_LONG"),
        ({"action": "sell", "side": "long", "type": "exit"}, "EXIT_LONG"),
        ({"action": "sell", "side": "short", "type": "exit"}, "EXIT"),
        ({"side": "short", "type": "exit"}, "EXIT_SHORT"),
        ({"type": "flatten", "side": "short"}, "EXIT_SHORT"),
        ({"type": "close_all", "side": "short"}, "EXIT_ALL"),
        # A position that is already flat.
        ({"market_position": "flat", "type": "close_long", "action": "buy"}, "EXIT_LONG"),
        ({"market_position": "flat", "prev_market_position": "long", "action": "cancel"}, "EXIT_LONG"),
        ({"market_position": "long", "prev_market_position": "long", "sentiment": "bullish"}, "LONG"),
        ({"market_position": "long", "action": "reduce"}, "REDUCE"),
    ],
)
def test_what_ends_or_shrinks_a_position_names_its_side(members: dict[str, Any], meaning: str) -> None:
    understood = judge(with_direction(**members))

    assert (understood.direction if isinstance(understood, NewSignal) else understood.intent) == meaning


@pytest.mark.parametrize("raised", [True, "true", " TRUE ", 1, "1", "yes", "Yes"])
def test_a_flag_is_raised_by_these_values(raised: object) -> None:
    assert accept(with_direction(isSell=raised)).direction == "SHORT"


@pytest.mark.parametrize("lowered", [False, "false", 0, "no", "2", [True], "on"])
def test_a_flag_that_is_not_raised_says_nothing(lowered: object) -> None:
    assert refuse(with_direction(isSell=lowered)).code == "direction_missing"


def test_the_strongest_word_gives_the_direction_and_weaker_ones_stay_data() -> None:
    assert accept(with_direction(trend="up", side="long", type="long")).consumed >= {"side"}
    assert not accept(with_direction(trend="up", side="long", type="long")).consumed & {"trend", "type"}
    assert "trend" in accept(with_direction(trend="up", type="long")).consumed
    assert "type" not in accept(with_direction(trend="up", type="long")).consumed
    assert "type" in accept(with_direction(type="long", market_position="long")).consumed


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"action": "buy", "optionType": "put"}, 'action is "buy" and optionType is "put"'),
        ({"market_position": "flat", "prev_market_position": "long"},
         'prev_market_position is "long" and market_position is "flat"'),
        ({"market_position": "flat", "action": "sell"}, 'market_position is "flat"'),
    ],
)  # fmt: skip
def test_a_direction_names_every_field_that_decided_it(members: dict[str, Any], why: str) -> None:
    assert read_direction(Fields(members)).why == why


def test_a_flag_is_an_order_as_strong_as_any() -> None:
    flag, word = (
        record(with_direction(market_position="long", **said)) for said in ({"isSell": True}, {"action": "sell"})
    )

    assert flag.intent == word.intent == "REDUCE_LONG"
    assert accept(with_direction(isBuy=True, trend="up")).consumed >= {"isBuy"}


@pytest.mark.parametrize("word", ["entry", "Enter", "open", "add"])
def test_a_qualifier_leaves_the_direction_to_another_field(word: str) -> None:
    assert accept(with_direction(action=word, side="long")).direction == "LONG"


@pytest.mark.parametrize("word", ["hold", "wait", "?"])
def test_a_word_that_says_nothing_is_refused_although_another_field_has_a_direction(word: str) -> None:
    assert refuse(with_direction(action=word, side="long")).pointer == "/action"


def test_a_placeholder_is_refused_where_a_direction_is_expected_and_ignored_where_one_may_be() -> None:
    assert refuse(with_direction(action="{{x}}", side="long")).code == "unexpanded_placeholder"
    assert refuse(with_direction(signal="{{x}}", side="long")).code == "unexpanded_placeholder"
    assert accept(with_direction(type="{{x}}", side="long")).direction == "LONG"


def test_a_position_that_gave_the_direction_is_consumed() -> None:
    assert "market_position" in accept(with_direction(market_position="long")).consumed
    assert "now" in accept(with_direction(now="long", prev="flat")).consumed
