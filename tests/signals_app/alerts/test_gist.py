"""An alert in a few words, for a list that is read at a glance."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals_app.alerts.gist import MOST_BYTES, gist


def said(**payload: Any) -> str:
    return gist(json.dumps(payload).encode())


def test_it_is_symbol_direction_timeframe_and_day_in_the_sender_s_own_words() -> None:
    assert said(ticker="MSFT", action="buy", interval="1D", time="2003-09-23T14:30:00Z") == "MSFT buy 1D 2003-09-23"
    assert said(symbol="NASDAQ:AAPL", side="exit long", tf=5, timestamp=1064327400) == (
        "NASDAQ:AAPL exit long 5 2003-09-23"
    )


def test_what_is_missing_or_cannot_be_read_is_left_out() -> None:
    assert said(symbol="SPY") == "SPY"
    assert said(symbol="SPY", action="sell", timestamp="soon") == "SPY sell"
    assert said(symbol="SPY", action=True, interval=["5"]) == "SPY"


def test_an_alert_within_another_is_found() -> None:
    assert said(source="relay", data={"symbol": "QQQ", "action": "buy"}) == "QQQ buy"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"buy SPY now", b"[1]", b'{"action": "buy"}', b"\xff\xfe", b"[" * 4000,
        b'{"symbol": "SPY"}' + b" " * MOST_BYTES,
    ],
    ids=["empty", "text", "list", "no symbol", "not UTF-8", "deep", "long"],
)  # fmt: skip
def test_what_is_no_alert_has_no_gist(body: bytes) -> None:
    assert gist(body) == ""


def test_a_long_word_is_cut_and_stays_on_one_line() -> None:
    assert said(symbol="A" * 99, action="buy\nnow") == f"{'A' * 40} buy now"


scalars = st.none() | st.floats() | st.text(max_size=9)


@given(st.dictionaries(st.text(max_size=12), scalars | st.lists(scalars, max_size=3), max_size=5))
def test_whatever_is_sent_has_one_line(payload: dict[str, Any]) -> None:
    assert "\n" not in said(**{f"x{name}": value for name, value in payload.items()}, symbol="SPY")
