"""The layouts that vendors publish for their own receivers, each as its users paste it (R1.1, R8.1)."""

from __future__ import annotations

from typing import Any

import pytest

from signals_app.alerts.alert import NewSignal, RecordedOnly, open_envelope
from signals_app.alerts.check_alert import check_alert
from signals_app.alerts.decoding import split_secrets
from tests.signals_app.alerts.alerts import FIRED_AT, RECEIVED_AT, judge

CLOCK = {"interval": "5", "timenow": FIRED_AT}
# Vendor and case, what is sent, and what it means.
LAYOUTS: list[tuple[str, dict[str, Any], str]] = [
    ("TradersPost entry", {"ticker": "AMD", "action": "buy", "price": 1, "stopLoss": {"type": "stop"}}, "LONG"),
    ("TradersPost exit", {"ticker": "AMD", "action": "exit"}, "EXIT"),
    ("TradersPost flat", {"ticker": "AMD", "action": "sell", "sentiment": "flat"}, "EXIT_LONG"),
    ("TradersPost add", {"ticker": "AMD", "action": "add", "sentiment": "bullish"}, "LONG"),
    ("TradersPost option", {"ticker": "SPY", "action": "buy", "optionType": "put", "strikesAway": 1}, "SHORT"),
    ("3Commas signal bot", {
        "tv_instrument": "BTCUSDT", "action": "exit_long", "secret": "s", "bot_uuid": "u", "order": {"amount": "1"},
    }, "EXIT_LONG"),
    ("3Commas DCA bot", {
        "message_type": "bot", "bot_id": 1, "email_token": "e", "pair": "USDT_BTC", "action": "close_at_market_price",
    }, "EXIT"),
    ("OKX signal bot", {"instrument": "BTC-USDT-SWAP", "action": "ENTER_SHORT", "signalToken": "t"}, "SHORT"),
    ("OpenAlgo", {
        "apikey": "k", "symbol": "SBIN", "exchange": "NSE", "action": "SELL", "product": "MIS", "quantity": "100",
        "position_size": "0",
    }, "EXIT_LONG"),
    ("OpenAlgo short", {"symbol": "SBIN", "action": "SELL", "quantity": "100", "position_size": "-100"}, "SHORT"),
    ("Altrady increase", {
        "api_key": "k", "api_secret": "s", "action": "increase", "exchange": "BYBI", "symbol": "BYBI_USDT_SOL",
        "side": "long",
    }, "LONG"),
    ("Altrady reduce", {"api_key": "k", "action": "reduce", "symbol": "SOLUSDT", "side": "short"}, "REDUCE_SHORT"),
    ("Altrady reverse", {"api_key": "k", "action": "reverse", "symbol": "SOLUSDT", "side": "short"}, "SHORT"),
    ("Finandy", {"name": "n", "secret": "s", "side": "sell", "positionSide": "long", "symbol": "BTCUSDT"}, "EXIT_LONG"),
    ("Binance futures", {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP", "closePosition": "true"}, "EXIT_LONG"),
    ("Bybit", {"symbol": "BTCUSDT", "side": "Sell", "orderType": "Market", "reduceOnly": True}, "REDUCE_LONG"),
    ("MetaApi", {"symbol": "EURUSD", "type": "POSITION_TYPE_SELL", "volume": 0.01, "stopLoss": 0.4}, "SHORT"),
    ("PickMyTrade", {"symbol": "NQ", "data": "exit", "quantity": 1, "token": "t", "reverse_order_close": True}, "EXIT"),
    ("PickMyTrade entry", {"symbol": "NQ", "data": "sell", "token": "t", "reverse_order_close": True}, "SHORT"),
    ("CrossTrade", {"key": "k", "command": "CLOSEPOSITION", "instrument": "ES1!", "account": "Sim"}, "EXIT"),
    ("CrossTrade entry", {"command": "PLACE", "instrument": "ES1!", "action": "buy", "order_type": "market"}, "LONG"),
    ("BingX relay", {"secret": "s", "symbol": "BTCUSDT", "action": "LONG_OPEN", "order_type": "MARKET"}, "LONG"),
    ("BingX relay, end", {"secret": "s", "symbol": "BTCUSDT", "action": "LONG_CLOSE"}, "EXIT_LONG"),
    ("Algo Trade Analytics", {"auth_key": "k", "ticker": "AAPL", "positionDirection": "exitShort"}, "EXIT_SHORT"),
    ("Alpaca", {"symbol": "AAPL", "side": "sell", "type": "market", "position_intent": "sell_to_close"}, "EXIT_LONG"),
    ("TV-Hub", {"pair": "BTCUSDT", "token": "t", "apiKey": "k", "isClose": True}, "EXIT"),
    ("a dashboard", {"symbol": "GC", "data": "sell", "position": "flat", "quantity": 1, "token": "t"}, "EXIT_LONG"),
    ("a bot", {"bot": "b", "action": "tp1", "side": "long", "symbol": "ES1!", "exitPrice": 1, "size": 1}, "EXIT_LONG"),
    ("SignalStack", {"symbol": "AAPL", "action": "buy", "quantity": 123, "class": "stock"}, "LONG"),
    ("SignalStack short", {"symbol": "AAPL", "action": "sell-short", "quantity": 1, "class": "stock"}, "SHORT"),
    ("SignalStack cover", {"symbol": "AAPL", "action": "buy-to-cover", "quantity": 1, "class": "stock"}, "EXIT_SHORT"),
    ("Tickerly entry", {
        "ticker": "EURUSD", "action": "sell", "prev_position": "flat", "quantity": "1000", "pointer": "m1k3y",
    }, "SHORT"),
    ("TradingWizard", {
        "symbol": "SPY", "exchange": "AMEX", "action": "long", "price": "568", "strategy": "Long", "api_token": "t",
    }, "LONG"),
    ("TradingWizard flat", {"symbol": "SPY", "action": "flat", "price": "568", "api_token": "t"}, "FLAT"),
    ("an alerts processor", {"stub": "dev", "direction": "short", "symbol": "ETH-PERP", "size": "5%"}, "SHORT"),
    ("an alerts processor, end", {"stub": "dev", "direction": "close", "symbol": "ETH-PERP", "size": "50%"}, "EXIT"),
    ("RQF indicator", {"event": "LONG_ENTRY", "symbol": "MNQ1!", "timeframe": "5", "price": 1.5}, "LONG"),
    ("pinebridge", {
        "signal": "short", "symbol": "EURUSD", "qty": "100000", "entry_price": "1.085", "sl_pips": 9, "secret": "s",
    }, "SHORT"),
    ("pinebridge, end", {"signal": "closealllong", "symbol": "EURUSD", "secret": "s"}, "EXIT_LONG"),
    ("TowerFlow", {"id": "a1", "symbol": "BTCUSDT", "side": "SELL", "size": 100, "flag": ["TEST", "REVERSE"]}, "SHORT"),
    ("WunderTrading", {"symbol": "ETHUSDT", "action": "Enter-Long", "amountPerTrade": 100}, "LONG"),
    ("WunderTrading, end", {"symbol": "ETHUSDT", "action": "Exit-All"}, "EXIT_ALL"),
    ("The Connector, end", {"symbol": "US30", "command": "closelongshort", "vol_lots": 1}, "EXIT_ALL"),
    ("Altrady stop", {
        "api_key": "k", "api_secret": "s", "exchange": "BYBI", "symbol": "BYBI_USDT_SOL", "action": "stop_and_close",
    }, "EXIT_ALL"),
    ("Trade Hub", {"symbol": "SPY", "action": "STC", "contract": "570C"}, "EXIT_LONG"),
    ("AlgoWay", {
        "platform_name": "binance", "order_action": "long", "ticker": "BTCUSDT.P", "order_contracts": "0.10",
        "stop_loss": "150", "take_profit": "300",
    }, "LONG"),
    ("AlgoWay, end", {
        "platform_name": "matchtrader", "order_action": "flat", "ticker": "EURUSD", "close_side": "long",
    }, "FLAT"),
    ("Zignaly", {
        "key": "k", "exchange": "binance", "pair": "btcusdt", "type": "entry", "side": "short", "signalId": "t1",
    }, "SHORT"),
    ("Zignaly, end", {"key": "k", "pair": "btcusdt", "type": "exit", "side": "long", "signalId": "t1"}, "EXIT_LONG"),
    ("Gainium, end", {"action": "closeDealSl", "uuid": "f944e169", "symbol": "BTCUSDT"}, "EXIT"),
    ("AutoTrader Web", {
        "command": "PLACE_ORDERS", "apiKey": "k", "account": "a", "exchange": "NSE", "symbol": "SBIN",
        "tradeType": "SELL", "orderType": "MARKET", "productType": "INTRADAY", "quantity": 1,
    }, "SHORT"),
    ("AutoTrader Web, end", {"command": "SQUARE_OFF_POSITION", "apiKey": "k", "symbol": "SBIN"}, "EXIT"),
    ("alpha-strike", {
        "passphrase": "p", "broker": "moomoo", "asset_class": "US", "action": "buy", "ticker": "US.AAPL",
        "quantity": 10, "run_mode": "paper", "strategy_id": "demo_buy_v1",
    }, "LONG"),
    ("TradeAlert.Pro", {
        "message": "Bitcoin crossed above $50,000", "ticker": "BTCUSD", "price": 50000, "action": "BUY",
    }, "LONG"),
    ("finradar", {
        "event_type": "new_setup", "setup_id": "550e8400", "symbol": "BTCUSD", "direction": "buy",
        "entry_zone": [95000.0, 95500.0], "stop_loss": 94000.0, "tp1": 97000.0,
    }, "LONG"),
    ("Mudrex", {"id": "c373164f", "action": "long_entry", "symbol": "BTCUSDT"}, "LONG"),
    ("Mudrex, end", {"id": "c373164f", "action": "long_exit", "symbol": "BTCUSDT"}, "EXIT_LONG"),
    ("a provider", {
        "token": "t", "providerid": "p", "type": "SHORT", "condition": "Sell Alert", "description": "Range Top",
        "ticker": "XBTUSD", "candles": "Heikin Ashi",
    }, "SHORT"),
    ("a position", {"symbol": "BTCUSDT", "position": "SHORT"}, "SHORT"),
    ("a strategy's order", {"passphrase": "p", "ticker": "ETHUSD", "strategy": {"action": "buy"}}, "LONG"),
    ("a strategy's end", {"passphrase": "p", "ticker": "ETHUSD", "strategy": {"action": "close"}}, "EXIT"),
    ("a limit order", {"symbol": "BTCUSDT", "action": "LIMIT_SELL", "price": 1, "quantity": 1}, "SHORT"),
    ("Pionex", {
        "data": {"action": "buy", "contracts": "1", "position_size": "1"}, "price": "1", "signal_param": "{}",
        "signal_type": "9a7d3b1e", "symbol": "BTCUSDT",
    }, "LONG"),
    ("Pionex, end", {
        "data": {"action": "sell", "contracts": "1", "position_size": "0"}, "signal_type": "9a7d3b1e",
        "symbol": "BTCUSDT",
    }, "EXIT_LONG"),
    ("Bitget", {"symbol": "BTCUSDT", "marginCoin": "USDT", "side": "sell", "tradeSide": "open", "size": "1"}, "SHORT"),
    ("Bitget, end", {"symbol": "BTCUSDT", "marginCoin": "USDT", "side": "buy", "tradeSide": "close"}, "EXIT_LONG"),
    ("Bybit hedge", {"symbol": "BTCUSDT", "side": "Sell", "positionIdx": 1, "qty": "1"}, "EXIT_LONG"),
    ("OKX order", {"instId": "BTC-USDT-SWAP", "side": "sell", "posSide": "long", "sz": "1"}, "EXIT_LONG"),
    ("Gate", {"contract": "BTC_USDT", "size": 0, "side": "sell", "close": True}, "EXIT_LONG"),
    ("Deribit", {"instrument_name": "BTC-PERPETUAL", "direction": "sell", "reduce_only": True}, "REDUCE_LONG"),
    ("Hummingbot", {"trading_pair": "ETH-USDT", "side": "SELL", "position_action": "CLOSE"}, "EXIT_LONG"),
    ("Schwab", {"symbol": "AAPL", "instruction": "SELL_TO_CLOSE", "quantity": 1}, "EXIT_LONG"),
    ("Schwab entry", {"symbol": "AAPL", "instruction": "BUY", "orderType": "MARKET"}, "LONG"),
    ("tastytrade", {"symbol": "SPY", "action": "Sell to Close"}, "EXIT_LONG"),
    ("Interactive Brokers", {"symbol": "AAPL", "side": "SELL", "openClose": "C", "orderType": "MKT"}, "EXIT_LONG"),
    ("MetaTrader 4", {"symbol": "EURUSD", "cmd": "OP_SELL", "volume": 0.1}, "SHORT"),
    ("MetaTrader 5, end", {"symbol": "EURUSD", "type": "sell", "entry": "DEAL_ENTRY_OUT"}, "EXIT_LONG"),
    ("cTrader, end", {"symbol": "EURUSD", "action": "CloseAllPositions"}, "EXIT_ALL"),
    ("freqtrade, end", {
        "type": "exit_fill", "pair": "BTC/USDT", "direction": "Long", "exit_reason": "roi",
    }, "EXIT_LONG"),
    ("Tradovate, end", {"symbol": "ESH6", "action": "Sell", "orderQty": 1, "text": "flatten"}, "EXIT_LONG"),
    ("a relay", {"event": "alert", "data": {"ticker": "SPY", "strategy-order-action": "sell"}}, "SHORT"),
]  # fmt: skip


@pytest.mark.parametrize(("layout", "meaning"), [row[1:] for row in LAYOUTS], ids=[row[0] for row in LAYOUTS])
def test_a_published_layout_means_what_its_vendor_says(layout: dict[str, Any], meaning: str) -> None:
    payload, _ = split_secrets(layout)

    understood = judge(open_envelope(payload | CLOCK))

    assert (understood.direction if isinstance(understood, NewSignal) else understood.intent) == meaning


# What cannot be one signal is refused with the code that says why; none is guessed at.
REFUSED: list[tuple[str, str, str]] = [
    ("PineConnector", "60123456789,buy,AUDUSD,risk=0.1", "invalid_json"),
    ("Autoview", "e=kraken s=xbtusd b=long q=1 t=market", "invalid_json"),
    ("LinkMyTrading", "ALPHA(BTCUSDT){type=market,side=buy,amount=0.001}", "invalid_json"),
    ("Cornix", "BTC/USD Buy 30000 Target 31000 Stop 29000", "invalid_json"),
    # It closes a long or turns it into a short.
    ("Tickerly exit", '{"ticker": "EURUSD", "action": "sell", "prev_position": "long", "quantity": "1000"}',
     "conflicting_direction"),
    ("a relay's exit",
     '{"data": {"strategy-order-action": "sell", "ticker": "EUR/USD", "strategy-prev_market_position": "long"}}',
     "conflicting_direction"),
    # The sign of the quantity would be the direction.
    ("QuantConnect", '{"$type": "OrderCommand", "symbol": {"id": "BTCUSD 2XR", "value": "BTCUSD"}, "quantity": "0.1"}',
     "symbol_type"),
    ("Xerolite", '{"name": "AAPL_LONG_001", "sec_type": "STK", "con_id": "265598", "exch": "SMART", "action": "BUY"}',
     "symbol_missing"),
    ("TrendSpider", '{"event": "alert_triggered", "which": "my alert", "my_additional_parameter": 42}',
     "symbol_missing"),
    ("RQF indicator, no entry", '{"event": "MSS_BULLISH", "symbol": "MNQ1!", "action": "LOOK_FOR_LONG"}',
     "direction_invalid"),
    ("an Alpaca bot", '{"open": 1, "close": 2, "exchange": "BATS", "ticker": "AAPL", "time": "2026-03-16T14:25:00Z"}',
     "direction_missing"),
    ("Gainium", '[{"action": "startDeal", "uuid": "f944"}, {"action": "addFunds", "uuid": "f944"}]', "not_an_object"),
    ("Gainium, start", '{"action": "startDeal", "uuid": "f944", "symbol": "BTCUSDT"}', "direction_invalid"),
    ("Capitalise.ai", '["a-webhook-id"]', "not_an_object"),
    ("AlgoWay stop", '{"platform_name": "metatrader5", "order_action": "breakeven", "ticker": "EURUSD"}',
     "direction_invalid"),
    ("Zignaly change", '{"key": "k", "pair": "btcusdt", "type": "update", "stopLossPrice": "1"}', "direction_missing"),
    # Several orders in one message.
    ("Dhan",
     '{"secret": "s", "alertType": "multi_leg_order", "order_legs": [{"transactionType": "B", "symbol": "SBIN"}]}',
     "symbol_missing"),
    ("BitcoinvsAltcoins", "my_key|my strategy|buy|BTCUSD", "invalid_json"),
    ("a bridge to MetaTrader", "PasswordTest\nlong BTCUSD q=0.1 sl=1000", "invalid_json"),
    ("Trade Hub, sold", '{"symbol": "SPY", "action": "STO", "contract": "570C"}', "direction_invalid"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_published_layout_that_is_no_signal_is_refused_by_name(message: str, code: str) -> None:
    assert check_alert(message, RECEIVED_AT).code == code


@pytest.mark.parametrize(
    "name", ["email_token", "signalToken", "apikey", "api_secret", "auth_key", "secret", "token", "apiKey"]
)
def test_no_secret_of_a_vendor_stays(name: str) -> None:
    layouts = [layout for _, layout, _ in LAYOUTS if name in layout]
    assert layouts

    for layout in layouts:
        assert name not in split_secrets(layout)[0]


def test_an_exit_may_lack_its_times() -> None:
    assert isinstance(judge({"ticker": "AMD", "action": "exit"}), RecordedOnly)
