"""The symbol and the exchange of an alert (R1.1, R8.1)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from kernel.errors import DomainError
from signals_app.alerts.fields import SYMBOL_PATTERN, Fields, read_symbol
from tests.signals_app.alerts.alerts import accept, make_alert, refuse


@pytest.mark.parametrize(
    "name", ["symbol", "ticker", "pair", "instrument", "tv_instrument", "market", "contract", "coin", "asset", "TICKER"]
)
def test_the_symbol_has_these_names(name: str) -> None:
    assert accept(make_alert(**{"symbol": ..., name: "spy"})).symbol == "SPY"


@pytest.mark.parametrize(
    "member", [{"instrument": {"ticker": "SPY"}}, {"meta": {"ticker": "SPY"}}, {"general": {"ticker": "SPY"}}]
)
def test_the_symbol_may_lie_in_these_objects(member: dict[str, Any]) -> None:
    assert accept(make_alert(symbol=..., **member)).symbol == "SPY"


@pytest.mark.parametrize(
    ("text", "symbol", "exchange"),
    [
        ("spy", "SPY", ""),
        (" SPY ", "SPY", ""),
        ("NASDAQ:AAPL", "AAPL", "NASDAQ"),
        ("cme_mini:es1!", "ES1!", "CME_MINI"),
        ("BINANCE:BTCUSDT.P", "BTCUSDT.P", "BINANCE"),
        ("NYSE:BRK.B", "BRK.B", "NYSE"),
        ("NSE:M&M", "M&M", "NSE"),
        ("BTC/USD", "BTC/USD", ""),
        ("ETH-PERP", "ETH-PERP", ""),
        ("^GSPC", "^GSPC", ""),
        ("BTC/USDT:USDT", "BTC/USDT:USDT", ""),
        ("BTC/USD:BTC", "BTC/USD:BTC", ""),
        ("BTC/USDT:USDT-260626", "BTC/USDT:USDT-260626", ""),
        ("TSX:NA", "NA", "TSX"),
        ("NAN", "NAN", ""),
        ("SPY   260417C00575000", "SPY   260417C00575000", ""),
        ("A" * 64, "A" * 64, ""),
        ("/ES", "/ES", ""),
        ("CME:/mes", "/MES", "CME"),
        ("XAUUSD+", "XAUUSD+", ""),
        ("EURUSD#", "EURUSD#", ""),
        ("[SP500]", "[SP500]", ""),
        ("#AAPL", "#AAPL", ""),
        ("@ES", "@ES", ""),
    ],
)
def test_a_symbol_is_upper_case_without_its_exchange(text: str, symbol: str, exchange: str) -> None:
    signal = accept(make_alert(symbol=text))

    assert (signal.symbol, signal.exchange) == (symbol, exchange)


def is_documented(text: str) -> bool:
    return re.search(SYMBOL_PATTERN, text) is not None


def is_read(text: str) -> bool:
    try:
        read_symbol(Fields({"symbol": text}))
    except DomainError:
        return False
    return True


PARTS = ("", "NASDAQ:", "a_1:", ":", "[", "/", "^", " "), ("", "+", "##", "###", "]", " ", "-P", "/USD:USD")


@given(
    st.tuples(st.sampled_from(PARTS[0]), st.text("aB1.:/-+#[]^ é{", max_size=8), st.sampled_from(PARTS[1])).map("".join)
)
@example("NaN")
@example("none ")
@example("A:nan")
@example("BTC/USDT:USDT-261225")
@example("A" * 64)
@example("NASDAQ:" + "A" * 64)
@example("A" * 65)
def test_a_symbol_is_read_when_it_is_of_the_documented_form(text: str) -> None:
    # A swap in small letters is read as well, which no pattern can say.
    assume(not (is_read(text) and text.upper() != text and is_documented(text.upper())))

    assert is_documented(text) == is_read(text)


@pytest.mark.parametrize(
    "text",
    [
        "NaN", "na", "null", "undefined", "A" * 65, "NASDAQ:", ":SPY", "NASDAQ:AAPL/NASDAQ:MSFT", "A/B/C", "SPY,QQQ",
        "SPY;", "<b>", "SP\u200bY", "\u03a3PY", "\u017fPY", "BTC/USDT:EUR", "-", "A+B", "SPY\nQQQ",
        "/", "/ES/", "+", "[]", "[SP500", "SP500]", "[[SP500]]", "EURUSD###", "A" * 64 + "+", "'; DROP",
    ],
)  # fmt: skip
def test_what_is_no_single_symbol_is_refused(text: str) -> None:
    assert refuse(make_alert(symbol=text)).code == "symbol_invalid"


@pytest.mark.parametrize("value", [1, 1.5, True, ["SPY"], {"a": 1}])
def test_a_symbol_that_is_no_text_is_refused(value: object) -> None:
    assert refuse(make_alert(symbol=value)).code == "symbol_type"


@pytest.mark.parametrize("value", [..., None, "", "  "])
def test_a_symbol_without_value_is_missing(value: object) -> None:
    assert refuse(make_alert(symbol=value)).code == "symbol_missing"


def test_a_word_that_often_means_something_else_is_no_symbol_beside_a_symbol() -> None:
    assert accept(make_alert(market="spot", contract=3, coin="BTC", asset="stock")).symbol == "SPY"


def test_two_names_of_the_symbol_may_agree_but_not_differ() -> None:
    assert accept(make_alert(ticker="AMEX:spy")).symbol == "SPY"
    error = refuse(make_alert(ticker="QQQ"))
    assert error.code == "conflicting_alias"
    assert "symbol" in error.detail
    assert '"SPY"' in error.detail
    assert "ticker" in error.detail
    assert '"QQQ"' in error.detail


@pytest.mark.parametrize(
    ("members", "exchange"),
    [
        ({"exchange": "amex"}, "AMEX"),
        ({"tv_exchange": "BINANCE"}, "BINANCE"),
        ({"exchange": "AMEX", "ticker": "AMEX:SPY"}, "AMEX"),
        ({"exchange": "NYMEX_DL", "ticker": "NYMEX:SPY"}, "NYMEX_DL"),
        ({"exchange": None}, ""),
        ({"exchange": 7}, ""),
        ({"exchange": "<none>"}, ""),
    ],
)
def test_the_exchange_is_read_where_it_is_text(members: dict[str, Any], exchange: str) -> None:
    assert accept(make_alert(**members)).exchange == exchange


def test_an_exchange_that_contradicts_the_prefix_is_refused() -> None:
    assert refuse(make_alert(symbol="BATS:SPY", exchange="AMEX")).code == "conflicting_alias"


@pytest.mark.parametrize(
    ("members", "code", "pointer", "detail"),
    [
        ({"symbol": ...}, "symbol_missing", "/symbol", 'The alert has no symbol; add "symbol": "{{ticker}}".'),
        ({"symbol": 5}, "symbol_type", "/symbol", 'symbol must be text such as "SPY", not 5.'),
        (
            {"symbol": "A+B"}, "symbol_invalid", "/symbol",
            ('symbol is "A+B", which is not a symbol; send up to 64 letters, digits and . ! / - _ &, '
            'optionally with an exchange prefix, such as "NASDAQ:AAPL".'),
        ),
        (
            {"ticker": "QQQ"}, "conflicting_alias", "/ticker",
            'symbol is "SPY" but ticker is "QQQ"; send only one of them, or make them agree.',
        ),
        (
            {"symbol": "BATS:SPY", "exchange": "AMEX"}, "conflicting_alias", "/symbol",
            'exchange is "AMEX" but symbol is "BATS:SPY"; send only one of them, or make them agree.',
        ),
        (
            {"symbol": "{{ticker}}"}, "unexpanded_placeholder", "/symbol",
            ('symbol is "{{ticker}}": TradingView did not replace the placeholder. It does not exist for this kind of '
            "alert, or the message was sent by hand; send a value."),
        ),
        (
            {"symbol": ..., "instrument": {"ticker": "A+B"}}, "symbol_invalid", "/instrument/ticker",
            ('instrument.ticker is "A+B", which is not a symbol; send up to 64 letters, digits and . ! / - _ &, '
            'optionally with an exchange prefix, such as "NASDAQ:AAPL".'),
        ),
    ],
)  # fmt: skip
def test_every_refusal_of_a_symbol_says_what_was_sent_and_what_to_send(
    members: dict[str, Any], code: str, pointer: str, detail: str
) -> None:
    error = refuse(make_alert(**members))

    assert (error.code, error.pointer, error.detail) == (code, pointer, detail)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * 60 + "~", '"' + "x" * 57 + '..."'),
        ("x" * 59 + "~", '"' + "x" * 59 + '~"'),
        ("a\tb", '"a\\tb"'),
        ("é\n" + "x" * 100, '"\\xe9\\n' + "x" * 51 + '..."'),
        ("a\t" + "x" * 58, '"a\\t' + "x" * 54 + '..."'),
        ("Σ~", '"Σ~"'),
    ],
)
def test_a_value_is_shown_printable_and_cut_to_60_characters(text: str, shown: str) -> None:
    assert refuse(make_alert(symbol=text)).detail.startswith(f"symbol is {shown}, which is not a symbol;")


@pytest.mark.parametrize("text", ["{{ticker}} x", "a{{b}}", "{{}}"])
def test_a_placeholder_is_found_anywhere_in_a_text(text: str) -> None:
    assert refuse(make_alert(symbol=text)).code == "unexpanded_placeholder"


@pytest.mark.parametrize("text", ["}}a{{", "{{ticker}", "{ticker}}"])
def test_braces_that_are_no_placeholder_are_only_no_symbol(text: str) -> None:
    assert refuse(make_alert(symbol=text)).code == "symbol_invalid"


def test_a_long_swap_is_refused_as_any_long_symbol() -> None:
    swap = f"{'A' * 30}/{'B' * 2}:{'A' * 30}"

    assert accept(make_alert(symbol=swap)).symbol == swap
    assert refuse(make_alert(symbol=f"A{swap}")).code == "symbol_invalid"
    assert refuse(make_alert(symbol=f"{swap}-")).code == "symbol_invalid"
    assert accept(make_alert(symbol="BINANCE:BTC/USDT:USDT")).exchange == "BINANCE"


@pytest.mark.parametrize(
    ("first", "second"), [("NYMEX_DL", "NYMEX"), ("NYMEX_DLY", "NYMEX"), ("NYMEX", "NYMEX_DL"), ("NYMEX", "NYMEX_DLY")]
)
def test_a_delayed_feed_is_of_the_same_exchange(first: str, second: str) -> None:
    signal = accept(make_alert(exchange=first, symbol=f"{second}:CL1!"))

    assert signal.exchange == first
    assert signal.consumed >= {"exchange"}


def test_an_exchange_that_is_no_name_stays_data() -> None:
    assert "exchange" not in accept(make_alert(exchange="é")).consumed
    assert accept(make_alert(exchange="é", symbol="BATS:SPY")).exchange == "BATS"
    assert accept(make_alert(exchange=" amex ")).exchange == "AMEX"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"ticker": {"a": 1}}, "symbol_type"),
        ({"instrument": {"x": 1}}, "symbol_missing"),
        ({"market": {"position": "long"}}, "symbol_missing"),
        ({"pair": ["SPY"]}, "symbol_type"),
        # The Kelvin sign is a "k" in lower case, and no letter of an alias.
        ({"tic\u212aer": "SPY"}, "symbol_missing"),
    ],
)
def test_what_is_not_a_symbol_by_its_name_or_type(members: dict[str, Any], code: str) -> None:
    assert refuse(make_alert(symbol=..., **members)).code == code


def test_a_name_is_found_whatever_its_length() -> None:
    assert accept(make_alert(**{"symbol": ..., f"{'_' * 50}Tick-er": "SPY"})).symbol == "SPY"


def test_names_of_one_field_are_taken_in_their_own_order() -> None:
    for payload in ({"SYMBOL": "A", "symbol": "B"}, {"symbol": "B", "SYMBOL": "A"}):
        assert refuse(make_alert(**({"symbol": ...} | payload))).detail.startswith('SYMBOL is "A" but symbol is "B";')
