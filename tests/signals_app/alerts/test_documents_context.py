"""The market context is a function of the stored signal and one stored observation (R1.2, R1.3, R6.4)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from kernel.canonical import canonical_members, canonical_text, load_canonical, text_hash, to_jsonb_text
from kernel.values import format_timestamp
from signals_app.alerts.alert import read_signal
from signals_app.alerts.documents import (
    CONTEXT_VERSION,
    DECIMAL_MEMBERS,
    MarketData,
    SignalFacts,
    context_text,
    market_data_text,
)
from tests.kernel.json_strategies import BASE_ALERT, json_values, scalars, signal_payloads, texts

SIGNAL_ID = "3419cbbc-027e-59bb-9df0-9d124c3f2de6"
SIGNAL_HASH = "8839b02ed4223fe0100c71215e0487ecf479361e7e3c2db38851109365602802"
FIRED_AT = datetime(2026, 3, 16, 14, 30, tzinfo=UTC)


def make_facts(**extra: Any) -> SignalFacts:
    """Return a signal whose alert says these things beside the four fields."""
    return facts_of({**BASE_ALERT, **extra})


def facts_of(payload: dict[str, Any], consumed: frozenset[str] | None = None) -> SignalFacts:
    return SignalFacts(
        signal_id=SIGNAL_ID, source="desk", exchange="", symbol="SPY", direction="LONG", timeframe="5m",
        timestamp=format_timestamp(FIRED_AT), strategy="", order_id="", signal_hash=SIGNAL_HASH,
        payload=payload, consumed=read_signal(payload).consumed if consumed is None else consumed,
    )  # fmt: skip


def context_of(facts: SignalFacts, data: MarketData | None = None) -> str:
    return context_text(facts, canonical_members(facts.payload)).with_market_data(market_data_text(data))


def build_context(facts: SignalFacts, data: MarketData | None = None) -> dict[str, Any]:
    """Return the context as engines read it."""
    document: dict[str, Any] = json.loads(context_of(facts, data))
    return document


def with_big_integers_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: with_big_integers_as_text(member) for name, member in value.items()}
    if isinstance(value, list):
        return [with_big_integers_as_text(item) for item in value]
    return str(value) if type(value) is int and abs(value) >= 2**53 else value


def plain_document(facts: SignalFacts, data: MarketData | None) -> dict[str, Any]:
    """Build the context as a document, member by member: what the rendered text is compared with."""
    rest = {name: value for name, value in facts.payload.items() if name not in facts.consumed}
    decimals: dict[str, str] = {}
    for name in sorted(rest, key=lambda name: (name != name.lower(), name)):
        value, plain = rest[name], name.lower()
        if plain not in DECIMAL_MEMBERS or plain in decimals:
            continue
        if type(value) in (int, float):
            text = format(Decimal(repr(value)), "f").removesuffix(".0")
            decimals[plain] = "0" if text == "-0" else text
        elif isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value.strip()):
            decimals[plain] = value.strip()
        else:
            continue
        del rest[name]
    volume = decimals.pop("volume", None)
    signal = {
        "signal_id": facts.signal_id, "symbol": facts.symbol, "exchange": facts.exchange,
        "direction": facts.direction, "timeframe": facts.timeframe, "timestamp": facts.timestamp,
        "signal_hash": facts.signal_hash,
    }  # fmt: skip
    return {
        "context_version": 1, "signal": signal, "prices": decimals, "volume": volume,
        "indicators": with_big_integers_as_text(rest),
        "market_data": None if data is None else {
            "as_of": "2026-03-16T14:30:00.000000Z", "received_at": "2026-03-16T14:30:00.000000Z",
            "source": data.source, "data": with_big_integers_as_text(data.data),
        },
    }  # fmt: skip


def make_market_data(**changes: Any) -> MarketData:
    fields = {"as_of": FIRED_AT, "received_at": FIRED_AT, "source": "feed", "data": {"last": "568.3"}}
    return MarketData(**{**fields, **changes})


def test_the_document_of_a_bare_alert_is_this() -> None:
    assert build_context(make_facts()) == {
        "context_version": 1,
        "signal": {
            "signal_id": SIGNAL_ID,
            "symbol": "SPY",
            "exchange": "",
            "direction": "LONG",
            "timeframe": "5m",
            "timestamp": "2026-03-16T14:30:00.000000Z",
            "signal_hash": SIGNAL_HASH,
        },
        "prices": {},
        "volume": None,
        "indicators": {},
        "market_data": None,
    }


def test_the_bytes_and_the_hash_of_a_document_are_these() -> None:
    context = context_of(make_facts(close=568.25, rsi=61.0, id=10**20, volume="1200"))

    assert CONTEXT_VERSION == 1
    assert context == (
        '{"context_version":1,"indicators":{"id":"100000000000000000000","rsi":61},"market_data":null,'
        '"prices":{"close":"568.25"},"signal":{"direction":"LONG","exchange":"","signal_hash":'
        '"8839b02ed4223fe0100c71215e0487ecf479361e7e3c2db38851109365602802","signal_id":'
        '"3419cbbc-027e-59bb-9df0-9d124c3f2de6","symbol":"SPY","timeframe":"5m",'
        '"timestamp":"2026-03-16T14:30:00.000000Z"},"volume":"1200"}'
    )
    assert text_hash(context) == "a0165ce8a08d9e37d96068d4433f53593894a0ee9d916ebe2341b00f8d70f020"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (568, "568"),
        (568.0, "568"),
        (568.25, "568.25"),
        (1e-07, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (-0.0, "0"),
        (-37.63, "-37.63"),
        (37774.433333333334, "37774.433333333334"),
        (10**30, "1" + "0" * 30),
        ("83470.120", "83470.120"),
        (" 83470.12 ", "83470.12"),
        ("-1.5", "-1.5"),
    ],
)
def test_a_price_is_plain_decimal_text(value: object, text: str) -> None:
    document = build_context(make_facts(close=value))

    assert document["prices"] == {"close": text}
    assert document["indicators"] == {}


@pytest.mark.parametrize("value", [None, False, "", "NaN", "1e5", "83,470.00", "1.5%", "١٢", ".5", [1], {"a": 1}])
def test_a_price_that_is_no_number_stays_untouched_among_the_indicators(value: object) -> None:
    document = build_context(make_facts(close=value))

    assert document["prices"] == {}
    assert document["indicators"] == {"close": value}


def test_all_price_names_are_known_in_any_case() -> None:
    names = ["open", "high", "low", "close", "bid", "ask", "last", "price", "mark", "mid", "vwap"]
    upper = {name.upper(): number for number, name in enumerate(names)}

    assert build_context(make_facts(**upper))["prices"] == {name: str(number) for number, name in enumerate(names)}


def test_the_plain_spelling_of_a_price_wins_and_the_other_stays() -> None:
    for payload in ({"close": 1, "CLOSE": 2}, {"CLOSE": 2, "close": 1}):
        document = build_context(make_facts(**payload))

        assert document["prices"] == {"close": "1"}
        assert document["indicators"] == {"CLOSE": 2}


def test_a_volume_that_is_no_number_is_absent_and_stays_among_the_indicators() -> None:
    document = build_context(make_facts(Volume="high"))

    assert document["volume"] is None
    assert document["indicators"] == {"Volume": "high"}


def test_members_that_became_fields_are_left_out_and_others_stay() -> None:
    payload = {
        "ticker": "SPY", "exchange": "AMEX", "interval": "5", "action": "buy", "timenow": "2026-03-16T14:30:00Z",
        "time": "2026-03-16T14:25:00Z", "strategy": "ORB", "strategy_id": 7, "trend": "BULLISH",
        "market_position": "long", "bar": {"close": 568.25}, "rsi": 61.2,
    }  # fmt: skip

    assert build_context(facts_of(payload))["indicators"] == {
        "time": "2026-03-16T14:25:00Z", "strategy_id": 7, "trend": "BULLISH", "market_position": "long",
        "bar": {"close": 568.25}, "rsi": 61.2,
    }  # fmt: skip


def test_an_object_that_gave_the_direction_stays_whole() -> None:
    nested = {"type": "LONG", "score": 6}
    payload = {"symbol": "SPY", "signal": nested, "timeframe": "5", "timestamp": 1773671400}

    assert build_context(facts_of(payload))["indicators"] == {"signal": nested}


def test_market_data_are_passed_on_as_pushed() -> None:
    data = {"last": "568.3", "book": [{"bid": 568.2, "size": 10**20}]}

    document = build_context(make_facts(), make_market_data(data=data))

    assert document["market_data"] == {
        "as_of": "2026-03-16T14:30:00.000000Z",
        "received_at": "2026-03-16T14:30:00.000000Z",
        "source": "feed",
        "data": {"last": "568.3", "book": [{"bid": 568.2, "size": "100000000000000000000"}]},
    }


def test_the_stored_alert_is_not_changed() -> None:
    payload = {**BASE_ALERT, "close": 1, "levels": [10**20]}
    before = json.dumps(payload)

    build_context(facts_of(payload))

    assert json.dumps(payload) == before


def test_fields_are_left_out_as_the_webhook_consumed_them_whatever_they_would_mean_today() -> None:
    facts = make_facts(rsi=61.2)._replace(consumed=frozenset({"symbol", "direction", "timeframe", "rsi"}))

    assert build_context(facts)["indicators"] == {"timestamp": BASE_ALERT["timestamp"]}


prices = st.dictionaries(
    st.sampled_from(["close", "CLOSE", "Close", "volume", "Volume", "vwap", "bid"]),
    # A close that is true makes an exit.
    scalars.filter(lambda value: value is not True) | st.just("12.50"),
)


@given(signal_payloads, prices, st.none() | st.builds(make_market_data, source=texts, data=json_values))
def test_the_rendered_context_is_the_canonical_form_of_the_plain_document(
    payload: dict[str, Any], more: dict[str, Any], data: MarketData | None
) -> None:
    facts = facts_of({**payload, **more})

    assert context_of(facts, data).encode() == rfc8785.dumps(plain_document(facts, data))


@given(signal_payloads)
def test_the_context_is_the_same_from_the_stored_payload_in_any_order(payload: dict[str, Any]) -> None:
    stored = json.loads(to_jsonb_text(dict(reversed(payload.items()))))

    assert context_of(facts_of(stored)) == context_of(facts_of(payload))


@given(signal_payloads)
def test_a_stored_context_is_rendered_to_the_same_text(payload: dict[str, Any]) -> None:
    context = context_of(facts_of(payload), make_market_data(data=payload))

    assert canonical_text(load_canonical(context)) == context


@given(signal_payloads)
def test_no_member_is_lost(payload: dict[str, Any]) -> None:
    document = build_context(facts_of(payload))
    volumes = 0 if document["volume"] is None else 1

    assert len(BASE_ALERT) + len(document["prices"]) + volumes + len(document["indicators"]) == len(payload)
