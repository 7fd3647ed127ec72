"""Alerts that come wrapped are read as if they did not (R1.1, R8.1)."""

from __future__ import annotations

from typing import Any

import pytest

from kernel.errors import DomainError
from signals_app.alerts.alert import open_envelope
from tests.signals_app.alerts.alerts import FIRED_AT, accept, make_alert

ALERT = make_alert()


@pytest.mark.parametrize("name", ["data", "alert", "payload", "message", "Data"])
def test_an_object_that_holds_the_alert_is_opened(name: str) -> None:
    assert open_envelope({name: ALERT}) == ALERT


def test_what_the_wrapper_adds_stays_beside_the_alert_which_wins() -> None:
    wrapped = {"id": "evt_1", "event": "alert.fired", "timestamp": "earlier", "data": ALERT}

    opened = open_envelope(wrapped)

    assert opened == {"id": "evt_1", "event": "alert.fired", **ALERT}
    assert accept(opened).symbol == "SPY"


def test_envelopes_lie_in_each_other() -> None:
    assert open_envelope({"payload": {"alert": {"data": ALERT}}}) == ALERT
    four = {"payload": {"alert": {"data": {"message": ALERT}}}}
    assert open_envelope(four) == {"message": ALERT}


@pytest.mark.parametrize(
    ("wrapped", "direction"),
    [
        ({"symbol": "SPY", "alert": {"action": "sell", "interval": "5", "timenow": FIRED_AT}}, "SHORT"),
        ({"action": "buy", "data": {"ticker": "SPY", "interval": "5", "timenow": FIRED_AT}}, "LONG"),
    ],
)
def test_an_alert_may_lie_half_inside(wrapped: dict[str, Any], direction: str) -> None:
    assert accept(open_envelope(wrapped)).direction == direction


@pytest.mark.parametrize(
    "payload",
    [
        ALERT | {"data": {"symbol": "QQQ", "action": "sell"}},
        ALERT | {"message": "SPY crossed"},
        ALERT | {"payload": [ALERT]},
        {"data": {"score": 1}},
        {"data": {"symbol": None}},
        {"data": {"message": "SPY crossed"}},
        {"data": {"detail": ALERT}},
        {"detail": ALERT},
    ],
)
def test_what_is_no_envelope_stays_closed(payload: dict[str, Any]) -> None:
    assert open_envelope(payload) is payload


@pytest.mark.parametrize(
    ("wrapped", "pointer", "contradiction"),
    [
        (
            {"action": "sell", "data": {"symbol": "SPY", "action": "buy"}}, "/data/action",
            'action is "sell" but data.action is "buy"',
        ),
        (
            {"symbol": "QQQ", "data": {"symbol": "SPY", "side": "buy"}}, "/data/symbol",
            'symbol is "QQQ" but data.symbol is "SPY"',
        ),
        (
            {"interval": "5", "data": {"symbol": "SPY", "interval": "15"}}, "/data/interval",
            'interval is "5" but data.interval is "15"',
        ),
    ],
)  # fmt: skip
def test_a_wrapper_that_contradicts_the_alert_is_refused(
    wrapped: dict[str, Any], pointer: str, contradiction: str
) -> None:
    with pytest.raises(DomainError) as raised:
        open_envelope(wrapped)

    assert (raised.value.code, raised.value.pointer) == ("conflicting_alias", pointer)
    assert raised.value.detail == f"{contradiction}; send only one of them, or make them agree."
