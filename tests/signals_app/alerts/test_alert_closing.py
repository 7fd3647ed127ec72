"""An exit is an exit however it is told: by sizes, flags, effects, hedge mode, texts, or the source (R1.1, R8.1)."""

from __future__ import annotations

from typing import Any

import pytest

from signals_app.alerts.alert import NewSignal, Understood, understand
from tests.signals_app.alerts.alerts import RECEIVED_AT, accept, judge, record, refuse, with_direction


def meaning_of(understood: Understood) -> str:
    return understood.direction if isinstance(understood, NewSignal) else understood.intent


@pytest.mark.parametrize(
    ("members", "meaning"),
    [
        # Nothing is left.
        ({"action": "sell", "quantity": "100", "position_size": "0"}, "EXIT_LONG"),
        ({"action": "buy", "position_size": 0}, "EXIT_SHORT"),
        ({"action": "sell", "market_position_size": "0.00"}, "EXIT_LONG"),
        ({"action": "sell", "strategy": {"position_size": 0.0}}, "EXIT_LONG"),
        ({"action": "sell", "strategy.position_size": "-0"}, "EXIT_LONG"),
        ({"action": "sell", "position": 0}, "EXIT_LONG"),
        ({"action": "sell", "position": {"size": "0"}}, "EXIT_LONG"),
        ({"side": "short", "market-position-size": 0}, "EXIT_SHORT"),
        *(({"action": "sell", name: 0}, "EXIT_LONG")
          for name in ("pos_size", "position_qty", "positionAmt", "position_quantity", "net_qty", "new_position")),
        # Less is left than before.
        ({"action": "sell", "position_size": 1, "prev_position_size": 3}, "REDUCE_LONG"),
        ({"action": "buy", "position_size": "-1", "prev_position_size": "-3"}, "REDUCE_SHORT"),
        ({"action": "sell", "market_position_size": "1", "prev_market_position_size": "3"}, "REDUCE_LONG"),
        ({"action": "buy", "market_position": "long", "prev_market_position": "long",
          "market_position_size": 1, "prev_market_position_size": 2}, "REDUCE_LONG"),
        ({"action": "sell", "position_size": "0.5", "prev_position_size": "1"}, "REDUCE_LONG"),
        # A sell that leaves a long, and a buy that leaves a short.
        ({"action": "sell", "quantity": "1", "position_size": "2"}, "REDUCE_LONG"),
        ({"action": "sell", "quantity": "1", "position_size": "0.5"}, "REDUCE_LONG"),
        ({"action": "sell", "strategy": {"position_size": 2}}, "REDUCE_LONG"),
        ({"action": "buy", "position_size": -2}, "REDUCE_SHORT"),
    ],
)  # fmt: skip
def test_a_position_that_is_gone_or_smaller_is_no_entry(members: dict[str, Any], meaning: str) -> None:
    assert meaning_of(judge(with_direction(**members))) == meaning


@pytest.mark.parametrize(
    ("members", "meaning"),
    [
        ({"action": "sell", "position_size": "-1", "prev_position_size": 0}, "SHORT"),
        ({"action": "sell", "position_size": -1, "prev_position_size": 2}, "SHORT"),
        ({"action": "buy", "position_size": 3, "prev_position_size": 2}, "LONG"),
        ({"action": "sell", "market_position_size": 2, "prev_market_position_size": 2}, "SHORT"),
        # A reversal into a smaller position.
        ({"action": "sell", "market_position": "short", "prev_market_position": "long",
          "market_position_size": 1, "prev_market_position_size": 5}, "SHORT"),
        # The quantity of the order under a name of the position.
        ({"action": "sell", "position_size": "2"}, "SHORT"),
        ({"action": "buy", "position_size": "0.5"}, "LONG"),
        ({"action": "sell", "position": 2}, "SHORT"),
        ({"action": "sell", "position": 2, "prev_position_size": 3}, "SHORT"),
        ({"action": "sell", "position_size": "2%"}, "SHORT"),
        ({"action": "sell", "position_size": False}, "SHORT"),
        ({"action": "sell", "market_position_size": 2, "quantity": 2}, "SHORT"),
    ],
)  # fmt: skip
def test_a_position_that_grew_or_is_none_is_no_exit(members: dict[str, Any], meaning: str) -> None:
    assert meaning_of(judge(with_direction(**members))) == meaning


def test_a_size_that_contradicts_the_position_is_refused() -> None:
    members = {"market_position": "long", "prev_market_position": "flat", "position_size": 0}

    assert refuse(with_direction(**members)).code == "conflicting_direction"
    assert refuse(with_direction(action="sell", position_size="{{x}}")).code == "unexpanded_placeholder"


@pytest.mark.parametrize(
    ("member", "meaning"),
    [
        ({"reduceOnly": True}, "REDUCE_LONG"),
        ({"reduce_only": "true"}, "REDUCE_LONG"),
        ({"order": {"reduceOnly": 1}}, "REDUCE_LONG"),
        ({"closePosition": "TRUE"}, "EXIT_LONG"),
        ({"closePosition": 1}, "EXIT_LONG"),
        ({"flatten": "yes"}, "EXIT_LONG"),
        ({"closeOnTrigger": True}, "EXIT_LONG"),
        ({"is_exit": "yes"}, "EXIT_LONG"),
        ({"exit": True}, "EXIT_LONG"),
        ({"trade_type": "exit"}, "EXIT_LONG"),
        ({"intent": "Close"}, "EXIT_LONG"),
        ({"offset": "CLOSE_TODAY"}, "EXIT_LONG"),
        ({"open_close": "C"}, "EXIT_LONG"),
        ({"position_effect": "CLOSING"}, "EXIT_LONG"),
        ({"positionEffect": "TO_CLOSE"}, "EXIT_LONG"),
        ({"position_intent": "sell_to_close"}, "EXIT_LONG"),
        ({"exit_reason": "trend lost"}, "EXIT_LONG"),
        ({"intent": "reduce"}, "REDUCE_LONG"),
        ({"tradeSide": "close"}, "EXIT_SHORT"),
        ({"position_action": "CLOSE"}, "EXIT_LONG"),
        ({"openCloseFlag": "CLOSE"}, "EXIT_LONG"),
        ({"entry": "DEAL_ENTRY_OUT"}, "EXIT_LONG"),
        ({"deal_entry": "out"}, "EXIT_LONG"),
        ({"close": True}, "EXIT_LONG"),
        ({"cover": "true"}, "EXIT_LONG"),
        ({"closeTrade": 1}, "EXIT_LONG"),
        ({"exit_long": True}, "EXIT_LONG"),
        ({"close_all": "yes"}, "EXIT_ALL"),
        ({"tp_hit": True}, "EXIT_LONG"),
        ({"is_entry": False}, "EXIT_LONG"),
        ({"isOpening": "false"}, "EXIT_LONG"),
    ],
)
def test_a_flag_or_an_effect_that_closes_makes_a_sell_an_exit(member: dict[str, Any], meaning: str) -> None:
    recorded = record(with_direction(action="sell", **member))

    assert recorded.intent == meaning
    assert recorded.because.startswith(next(iter(member)))


@pytest.mark.parametrize(
    "member",
    [
        {"reduceOnly": False}, {"reduceOnly": "false"}, {"closePosition": 0}, {"exit": 571.5}, {"exit": 1},
        {"close": 1},
        {"offset": 0.5}, {"offset": "0.5"}, {"intent": "open"}, {"open_close": "O"}, {"position_effect": "OPENING"},
        {"trade_type": "MIS"}, {"exit_reason": "none"}, {"exit_reason": " N/A "}, {"close": 571.5}, {"close": False},
        {"exit_long": 571.5}, {"entry": 571.5}, {"entry": "market"}, {"deal_entry": "in"}, {"is_entry": True},
        {"is_entry": 571.5}, {"tradeSide": "open"},
    ],
)  # fmt: skip
def test_what_closes_nothing_leaves_a_sell_an_entry(member: dict[str, Any]) -> None:
    assert accept(with_direction(action="sell", **member)).direction == "SHORT"


@pytest.mark.parametrize(
    ("members", "meaning"),
    [
        ({"side": "SELL", "positionSide": "LONG"}, "EXIT_LONG"),
        ({"side": "BUY", "position_side": "SHORT"}, "EXIT_SHORT"),
        ({"side": "sell", "posSide": "long"}, "EXIT_LONG"),
        ({"side": "sell", "holdSide": "long"}, "EXIT_LONG"),
        ({"order": {"side": "sell", "positionSide": "long"}}, "EXIT_LONG"),
        ({"side": "Sell", "positionIdx": 1}, "EXIT_LONG"),
        ({"side": "Buy", "position_idx": "2"}, "EXIT_SHORT"),
        ({"side": "Buy", "positionIdx": 1}, "LONG"),
        ({"side": "Sell", "positionIdx": 0}, "SHORT"),
        ({"side": "BUY", "positionSide": "LONG"}, "LONG"),
        ({"side": "SELL", "positionSide": "SHORT"}, "SHORT"),
        ({"side": "SELL", "positionSide": "BOTH"}, "SHORT"),
        ({"action": "open", "positionSide": "SHORT"}, "SHORT"),
    ],
)
def test_in_hedge_mode_an_order_against_its_position_closes_it(members: dict[str, Any], meaning: str) -> None:
    assert meaning_of(judge(with_direction(**members))) == meaning


def test_in_hedge_mode_a_direction_against_the_position_is_a_contradiction() -> None:
    assert refuse(with_direction(direction="short", positionSide="LONG")).code == "conflicting_direction"


@pytest.mark.parametrize("name", ["id", "order_id", "comment", "strategy", "strategy.order.id"])
@pytest.mark.parametrize("text", ["Close entry(s) order Long", "close position order", "Margin call"])
def test_the_texts_of_tradingview_for_closing_orders_make_an_exit(name: str, text: str) -> None:
    recorded = record(with_direction(action="sell", **{name: text}))

    assert (recorded.reason, recorded.because) == ("exit", f'{name} is "{text}"')


@pytest.mark.parametrize("name", ["order_id", "comment", "id", "order_comment", "strategy_order_id"])
@pytest.mark.parametrize(
    "text", ["Exit Long", "Long TP", "TP1", "SL", "LongExit", "exit_long", "EXITLONG", "Trail Long", "Close 1",
             "closed by rule", "Stop Loss", "Take Profit 2", "StopLong", "cover"],
)  # fmt: skip
def test_an_order_whose_text_says_exit_is_one(name: str, text: str) -> None:
    assert record(with_direction(action="sell", **{name: text})).intent == "EXIT_LONG"


@pytest.mark.parametrize(
    ("members", "meaning"),
    [
        # The text names the side that the order opens.
        ({"action": "buy", "order_id": "Stop Long"}, "LONG"),
        ({"action": "sell", "order_id": "Stop Short"}, "SHORT"),
        ({"action": "buy", "order_id": "Close Short and go Long"}, "LONG"),
        ({"action": "buy", "order_id": "Exit Short"}, "EXIT_SHORT"),
        # The position shows an opening.
        ({"action": "sell", "market_position": "short", "order_id": "Stop 1"}, "SHORT"),
        ({"action": "sell", "market_position": "short", "prev_market_position": "flat", "order_id": "SL"}, "SHORT"),
        ({"action": "sell", "market_position": "short", "order_id": "Close position order"}, "SHORT"),
        ({"action": "sell", "position_size": -1, "order_id": "Stop 1"}, "SHORT"),
        ({"action": "buy", "quantity": 1, "position_size": 2, "order_id": "Stop 1"}, "LONG"),
        ({"action": "sell", "position_effect": "OPENING", "order_id": "Stop 1"}, "SHORT"),
        # A size that may be the order's quantity shows none.
        ({"action": "buy", "position_size": 2, "order_id": "Stop 1"}, "EXIT_SHORT"),
        # Words within words, and texts of something else.
        ({"action": "sell", "order_id": "Stochastic"}, "SHORT"),
        ({"action": "sell", "order_id": "Slope"}, "SHORT"),
        ({"action": "sell", "order_id": "1", "id": "exit 7"}, "SHORT"),
        ({"action": "sell", "order": {"id": "1"}, "id": "exit 7"}, "SHORT"),
        ({"action": "sell", "strategy": "TP hunter"}, "SHORT"),
        ({"action": "sell", "strategy": "Exit"}, "SHORT"),
        ({"action": "sell", "comment": 7}, "SHORT"),
        # One text that closes is enough, and no action need say so.
        ({"action": "sell", "order_id": "Short", "comment": "TP"}, "EXIT_LONG"),
        ({"action": "sell", "order_id": "Exit 1", "id": "7"}, "EXIT_LONG"),
        ({"order_id": "Close entry(s) order Long"}, "EXIT"),
        ({"comment": "TP hit"}, "EXIT"),
        ({"comment": "TP hit", "quantity": 1, "position_size": 2}, "EXIT"),
    ],
)
def test_a_text_is_weighed_against_the_side_and_the_position(members: dict[str, Any], meaning: str) -> None:
    assert meaning_of(judge(with_direction(**members))) == meaning


SENTENCES = [
    "message",
    "alert_message",
    "strategy.order.alert_message",
    "text",
    "note",
    "order_name",
    "label",
    "reason",
]


@pytest.mark.parametrize("name", SENTENCES)
@pytest.mark.parametrize(
    "text", ["Close entry(s) order Long", "Margin call", "Exit Long", "Close Short", "TP1", "Stop loss"]
)
def test_a_sentence_that_is_an_exit_and_nothing_else_makes_one(name: str, text: str) -> None:
    recorded = record(with_direction(action="sell", **{name: text}))

    assert (recorded.reason, recorded.because) == ("exit", f'{name} is "{text}"')


@pytest.mark.parametrize("name", SENTENCES)
@pytest.mark.parametrize("text", ["Close above 570", "Enter, TP 560, SL 575", "closed below VWAP", "Long exit is 5"])
def test_a_sentence_about_the_market_or_the_plan_closes_nothing(name: str, text: str) -> None:
    assert accept(with_direction(action="sell", name="Exit", **{name: text})).direction == "SHORT"


def test_beside_an_opening_only_tradingviews_own_sentences_close() -> None:
    opens = {"action": "sell", "intent": "open"}

    assert accept(with_direction(**opens, message="TP")).direction == "SHORT"
    assert record(with_direction(**opens, message="Margin call")).reason == "exit"


@pytest.mark.parametrize("word", ["increase", "add", "pyramid", "reverse", "Scale In", "flip"])
def test_what_increases_or_reverses_with_a_side_is_an_entry(word: str) -> None:
    assert accept(with_direction(action=word, side="long")).direction == "LONG"
    assert accept(with_direction(action=word, positionSide="SHORT")).direction == "SHORT"
    assert refuse(with_direction(action=word)).code == "direction_invalid"


def of_source(bare_sell: str, **members: Any) -> Understood:
    alert = with_direction(**members)
    return understand(alert, received_at=RECEIVED_AT, max_age_seconds=300, bare_sell=bare_sell)


@pytest.mark.parametrize("name", ["action", "side", "direction", "signal", "data"])
def test_a_source_says_what_a_bare_sell_means(name: str) -> None:
    assert meaning_of(of_source("entry_short", **{name: "sell"})) == "SHORT"

    recorded = of_source("exit", **{name: "Sell"})

    assert not isinstance(recorded, NewSignal)
    assert (recorded.reason, recorded.intent) == ("exit", "EXIT_LONG")
    assert recorded.because == f'{name} is "Sell", and this source takes a bare sell for an exit'


@pytest.mark.parametrize(
    ("members", "meaning"),
    [
        ({"action": "buy"}, "LONG"),
        ({"action": "short"}, "SHORT"),
        ({"action": "sell", "direction": "short"}, "SHORT"),
        ({"action": "sell", "market_position": "short"}, "SHORT"),
        ({"action": "sell", "prev_market_position": "flat"}, "SHORT"),
        ({"action": "sell", "position_size": -1}, "SHORT"),
        ({"action": "sell", "position_size": -3, "prev_position_size": -2}, "SHORT"),
        ({"action": "sell", "position_size": 2, "prev_position_size": 2}, "EXIT_LONG"),
        ({"action": "sell", "intent": "open"}, "SHORT"),
        ({"action": "sell", "order_id": "Enter Short"}, "SHORT"),
        ({"action": "sell", "order_id": "A1"}, "EXIT_LONG"),
        ({"action": "sell", "optionType": "put"}, "EXIT_LONG"),
    ],
)
def test_a_sell_that_something_explains_is_not_bare(members: dict[str, Any], meaning: str) -> None:
    assert meaning_of(of_source("exit", **members)) == meaning
