"""Remembering which members became fields never changes the answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.instants import format_timestamp
from signals_app.alerts import vocabulary
from signals_app.alerts.alert import consumed_members, read_signal
from signals_app.alerts.consumption import FIELD_ALIASES, TIME_ALIASES, Consumption
from signals_app.alerts.errors import AlertError
from signals_app.alerts.members import Member, Members
from tests.kernel.json_strategies import BASE_ALERT, alert_payloads, signal_payloads
from tests.signals_app.alerts.alerts import make_alert

# One for all examples, so that what it remembers of one is there for the next.
SHARED = Consumption()
mixed_payloads = st.builds(lambda words, base: {**base, **words}, alert_payloads, st.just(BASE_ALERT))


def expected(payload: dict[str, Any]) -> frozenset[str] | None:
    try:
        return consumed_members(payload)
    except AlertError:
        return None


def stored_time(payload: dict[str, Any]) -> str:
    try:
        return format_timestamp(read_signal(payload).timestamp)
    except AlertError:
        return "2026-03-16T14:30:00.000000Z"


@settings(max_examples=600)
@given(alert_payloads | signal_payloads | mixed_payloads)
def test_it_answers_as_the_readers_do_or_leaves_it_to_them(payload: dict[str, Any]) -> None:
    answer = SHARED.of(payload, stored_time(payload))

    assert answer is None or answer == expected(payload)


@given(signal_payloads)
def test_what_makes_a_signal_is_answered(payload: dict[str, Any]) -> None:
    assert SHARED.of(payload, stored_time(payload)) == expected(payload)


@pytest.mark.parametrize(
    "change",
    [
        {"timeframe": 5}, {"timeframe": 5.0}, {"timeframe": True}, {"timeframe": "5"}, {"timeframe": 1},
        {"timeframe": 0.0}, {"timeframe": -0.0}, {"strategy": 1}, {"strategy": True}, {"strategy": 1.0},
        {"strategy": {"order_action": "buy"}}, {"strategy": {"order_action": "sell"}}, {"strategy": ["buy"]},
        {"strategy": {"order": {"action": "buy"}}}, {"signal": {"direction": "long"}}, {"signal": "long"},
        {"signal": "short"}, {"bar": {"time": "2026-03-16T14:30:00Z"}}, {"bar": {"time": 1}}, {"bar": []},
        {"timestamp": "2026-03-16T14:30:00.000000Z"}, {"timestamp": 1773671400}, {"timestamp": ""},
        {"timestamp": "2026-03-16T14:30:00+00:00"}, {"timestamp": "2026-03-16T14:30:00.000000+00:00"},
        {"timestamp": "2026-03-16T14:30:00Z+00:00"}, {"timestamp": "2026-03-16T14:30:00+00:00Z"},
        {"timestamp": "2026-03-16T10:30:00-04:00"}, {"timestamp": None}, {"timestamp": "soon"}, {"time": "soon"},
        {"timenow": "2026-03-16T14:30:00Z"}, {"symbol": ["SPY"]}, {"symbol": {"ticker": "SPY"}},
        {"market": {"position": "flat"}}, {"market": "crypto"}, {"is_buy": True}, {"is_buy": 1}, {"is_buy": "no"},
    ],
)  # fmt: skip
def test_values_that_look_alike_are_told_apart(change: dict[str, Any]) -> None:
    payload = make_alert(**change)
    time = "2026-03-16T14:30:00.000000Z"

    for consumption in (SHARED, Consumption(), SHARED):
        answer = consumption.of(payload, time)
        assert answer is None or answer == expected(payload)


@pytest.mark.parametrize("year", ["1969", "2101", "9999"])
def test_a_stored_time_that_no_alert_can_have_is_left_to_the_readers(year: str) -> None:
    text = f"{year}-03-16T14:30:00.000000Z"

    assert Consumption().of(make_alert(timestamp=text), text) is None


@given(alert_payloads | mixed_payloads)
def test_the_readers_ask_for_no_other_names(payload: dict[str, Any]) -> None:
    asked: set[str] = set()
    find = Members.find

    def listen(self: Members, aliases: Iterable[str]) -> list[Member]:
        asked.update(aliases)
        return find(self, aliases)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Members, "find", listen)
        expected(payload)

    assert asked <= FIELD_ALIASES | TIME_ALIASES


def test_no_name_of_the_vocabulary_is_forgotten() -> None:
    tables = {name: table for name, table in vars(vocabulary).items() if name.endswith(("_ALIASES", "_FLAGS"))}
    named = {alias for table in tables.values() for alias in table}

    assert named | TIME_ALIASES == FIELD_ALIASES | TIME_ALIASES


def test_no_name_is_of_the_time_and_of_something_else() -> None:
    assert not FIELD_ALIASES & TIME_ALIASES


def test_only_so_much_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signals_app.alerts.consumption.MOST_REMEMBERED", 3)
    consumption = Consumption()

    for number in range(20):
        payload = make_alert(symbol=f"S{number}", **{f"x{number}": 1}, bar={f"y{number}": 1})
        assert consumption.of(payload, "2026-03-16T14:30:00.000000Z") == expected(payload)
