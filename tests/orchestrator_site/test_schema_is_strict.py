"""The OpenAPI document refuses what the server refuses, and takes what it takes, body by body."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from django.test import Client

from kernel.actors import Actor
from kernel.errors import DomainError
from outcomes.engine_api.amendments import AmendmentSerializer
from outcomes.engine_api.serializers import (
    ClaimSerializer,
    ExitSerializer,
    FillSerializer,
    RecommendationSerializer,
    RenewSerializer,
    ShadowExitSerializer,
    TradeSerializer,
)
from outcomes.feeder_api.serializers import QuotesSerializer
from policies.serializers import HeartbeatSerializer
from policies.services import create_api_key
from signals_app.alerts.decoding import decode_alert
from signals_app.alerts.fields import Fields, read_symbol
from signals_app.market_data_api import MarketDataSerializer
from tests.api_answers import document
from tests.factories import api_client
from tests.outcomes.desk import make_desk

LEG: Body = {"instrument": "TWX   140621C00070000", "side": "LONG"}
FILLED: Body = LEG | {"effect": "CLOSE", "quantity": "1", "price": "1.50"}
Body = dict[str, Any]
MAX_BYTES = 10**6
NOON = "2014-06-05T12:00:00Z"
ID = "2d728a47-facd-422f-9a7c-618888895f2f"
PLAN: Body = {"legs": [LEG], "quantity": "1", "multiplier": "100", "currency": "USD", "risk_amount": "98"}
QUOTE: Body = {"instrument": "TWX", "bid": "1", "ask": "1.1", "quote_time": NOON}
QUOTED: Body = {"bid": "1", "ask": "1.1", "quote_time": NOON}
SUCCESSOR: Body = {"instrument": "TWX", "becomes": "TWX1", "effective_at": NOON}
CORRECT: Body = {"kind": "CORRECT"}
DOCUMENTS: list[Any] = [{"notice": 4711, "of": None}, [["x" * 5000]]]
NO_EVIDENCE: list[Any] = [{}, [], None, True, "x" * 4001, ["\x00"]]
BODIES: dict[str, tuple[Any, Body]] = {
    "Heartbeat": (HeartbeatSerializer, {"engine_version": "7", "rules_hash": "a" * 64}),
    "Claim": (ClaimSerializer, {}),
    "Renew": (RenewSerializer, {}),
    "Recommendation": (
        RecommendationSerializer,
        {
            "experiment_id": ID, "context_hash": "a" * 64, "action": "OPEN", "strategy_version": "7",
            "rules_hash": "b" * 64, "plan": PLAN, "recommendation": None,
        },
    ),
    "Trade": (
        TradeSerializer,
        {
            "experiment_id": ID, "kind": "REAL", "legs": [LEG], "quantity": "1", "multiplier": "100",
            "entry_time": NOON, "price_provenance": "BROKER_FILL",
        },
    ),
    "Fill": (FillSerializer, {"fill_ref": "f1", "time": NOON, "legs": [FILLED]}),
    "Exit": (ExitSerializer, {"exit_time": NOON, "exit_reason": "MANUAL"}),
    "Amendment": (AmendmentSerializer, {"kind": "BUST", "of": "exit", "reason": "Busted.", "evidence": "Notice 1"}),
    "Quotes": (QuotesSerializer, {"quotes": [QUOTE]}),
    "MarketData": (MarketDataSerializer, {"symbol": "TWX", "as_of": NOON, "data": {}}),
    "ShadowExit": (ShadowExitSerializer, {}),
}  # fmt: skip
TAKEN: list[tuple[str, Body]] = [
    *((name, {}) for name in BODIES),
    *(("Heartbeat", {"model": model}) for model in ("large-2026", ["x", None], 5, True, {"name": "large"}, None)),
    ("Claim", {"limit": 5.0, "wait_seconds": 0.5}),
    ("Renew", {"lease_token": ID}),
    ("Recommendation", {"plan": PLAN | {"quantity": 0.5, "risk_amount": 0}}),
    ("Fill", {"time": "2014-06-05t08:00:00.123456789-04:00"}),
    ("Fill", {"legs": [FILLED] * 8}),
    ("Exit", {"exit_price": -1}),
    ("Quotes", {"quotes": [QUOTE | {"quote_time": 1401969600.5, "changed_at": 1401969600000}]}),
    ("Quotes", {"quotes": [QUOTE | {"bid": "1e-2", "ask": 1e-2, "changed_at": None}]}),
    ("Quotes", {"quotes": [QUOTE | {"bid": "1.0123456789012345", "ask": "1E+2"}]}),
    # A double's noise is rounded.
    ("Quotes", {"quotes": [QUOTE | {"bid": 0.1 + 0.2}]}),
    ("Recommendation", {"plan": PLAN | {"quantity": 0.1 + 0.2, "multiplier": 99.99999999999999}}),
    ("Recommendation", {"plan": PLAN | {"quantity": 1.2e-8, "risk_amount": 1e-30}}),
    ("Exit", {"exit_price": -1e-30}),
    ("Recommendation", {"plan": PLAN | {"risk_amount": "-0.00", "quantity": "0001.5"}}),
    ("Trade", {"quantity": "1.0000000000", "multiplier": "00100.0000000", "entry_price": "-1.3900000000000"}),
    ("Trade", {"risk_amount": f"1.5{'0' * 997}"}),
    ("Exit", {"exit_price": 9999999999999998, "fees": -999999999999.9999}),
    ("Recommendation", {"action": "DECLINE", "plan": None}),
    ("Recommendation", {"recommendation": {"a": [1, None, {"b": "c\n"}]}}),
    ("Fill", {"fill_ref": "entry-2"}),
    ("Fill", {"fill_ref": "my directive-1"}),
    *(("Fill", {"time": time}) for time in ("2012-02-29T12:00:00Z", "2000-02-29T12:00:00Z", "1970-01-01T00:00:00Z")),
    ("Fill", {"time": "2100-12-31T23:59:59.999999999+00:00"}),
    ("Amendment", {"kind": "CORRECT", "values": {"fees": "1"}}),
    ("Amendment", {"values": {}}),
    *(("Amendment", {"evidence": seen}) for seen in DOCUMENTS),
    *(("Amendment", CORRECT | {"values": {word: 1.5, "fees": "1"}}) for word in ("exit_price", "price")),
    ("Amendment", CORRECT | {"of": " entry ", "values": {"entry_price": "1.50"}}),
    ("Amendment", CORRECT | {"values": {"legs": [LEG | {"exit_price": "1.50", "ratio": 2}]}}),
    ("Amendment", CORRECT | {"of": "entry", "values": {"legs": [LEG | {"entry_price": "1.50"}]}}),
    ("Amendment", CORRECT | {"of": "f1", "values": {"legs": [FILLED] * 8}}),
    *(("MarketData", {"symbol": symbol}) for symbol in ("NASDAQ:aapl", "ES1!", "/ES", "[SP500]", "BTC/USDT:USDT", "1")),
    ("ShadowExit", {"quotes": {}, "market_conditions": {"quotes": {}, "seen": None}}),
]
REFUSED: list[tuple[str, Body]] = [
    *(("Heartbeat", {"engine_version": version}) for version in ("", " ", "\x1f\x85", 7, None, "x" * 101)),
    *(("Heartbeat", {"rules_hash": text}) for text in (f" {'a' * 64}", f"{'a' * 64}\n", "a" * 65, "A" * 64)),
    *(("Claim", {"limit": limit}) for limit in ("5", 5.5, True, None, 0, 101)),
    *(("Claim", {"wait_seconds": wait}) for wait in ("0", True, 25.5, -1, None)),
    *(("Renew", {"lease_seconds": seconds}) for seconds in ("60", False, 0, 3601)),
    ("Renew", {"lease_token": 2**120}),
    ("Recommendation", {"experiment_id": 2**120}),
    ("Recommendation", {"strategy_version": 7}),
    ("Recommendation", {"plan": PLAN | {"legs": []}}),
    ("Recommendation", {"plan": PLAN | {"legs": [LEG] * 5}}),
    *(("Recommendation", {"plan": PLAN | {"quantity": quantity}}) for quantity in ("0", "0.00", "-1", 0, -1, 1e14, "")),
    *(("Recommendation", {"plan": PLAN | {"currency": currency}}) for currency in ("USD\n", " USD", "usd", 840)),
    *(("Recommendation", {"plan": PLAN | {"legs": [LEG | {"ratio": ratio}]}}) for ratio in ("1", 0, 1.5, True)),
    *(("Trade", {"legs": [LEG | {"instrument": name}]}) for name in ("", " ", " TWX", "TWX ", "TWX\n", "x" * 65, 7)),
    *(("Trade", {"multiplier": number}) for number in ("0", "0.0000000", "1.00000010", "12345678901.0000000")),
    *(("Trade", {"risk_amount": number}) for number in (f"1.5{'0' * 998}", "0" * 1001, "1.", ".5", "1.00000000000010")),
    ("Trade", {"risk_amount": 1e16}),
    ("Fill", {"legs": []}),
    ("Fill", {"legs": [FILLED] * 9}),
    ("Fill", {"legs": [FILLED | {"quantity": "0.00000000"}]}),
    *(("Fill", {"fill_ref": name}) for name in ("", "  ", 5, "x" * 65)),
    *(("Fill", {"time": time}) for time in ("", "2014-06-05", NOON[:-1], f"{NOON[:-1]}.{'1' * 10}Z", 1)),
    *(("Fill", {"time": time}) for time in ("0000-00-00T00:00:00Z", "2014-06-05T24:00:00Z", "2014-06-05T12:00:60Z")),
    ("Fill", {"time": "2014-06-05T12:00:00+14:30"}),
    ("Exit", {"legs": [LEG] * 9}),
    ("Exit", {"exit_reason": "SYNCHRONISED"}),
    *(("Amendment", {name: blank}) for name in ("of", "reason", "evidence") for blank in ("", " ", 1)),
    ("Amendment", {"kind": "CORRECT", "values": {"legs": []}}),
    ("Quotes", {"quotes": []}),
    ("Quotes", {"quotes": [QUOTE] * 5001}),
    *(("Quotes", {"quotes": [QUOTE | {"instrument": name}]}) for name in ("", " TWX", "x" * 65, 7)),
    *(("Quotes", {"quotes": [QUOTE | {"bid": price}]}) for price in ("-1", -1, "", " 1", True, None)),
    *(("Quotes", {"quotes": [QUOTE | {"quote_time": time}]}) for time in ("", "1401969600", -1, None, True)),
    *(("Quotes", {"quotes": [QUOTE | {"bid": price}]}) for price in ("-1e-2", "1e12", 10**12, "1" * 13)),
    *(("Quotes", {"quotes": [QUOTE | {"quote_time": time}]}) for time in (4133980800, 10**11 - 1, 4133980800000)),
    *(("Recommendation", {"plan": PLAN | {"quantity": quantity}}) for quantity in (9.9e-9, 1e-30, "0.000000001")),
    ("Recommendation", {"plan": PLAN | {"risk_amount": -1e-30}}),
    ("Recommendation", {"plan": None}),
    ("Recommendation", {"action": "DECLINE"}),
    *(("Recommendation", {"recommendation": bad}) for bad in ("\x00", {"a": ["\x00"]}, {"\x00": 1})),
    *(("Heartbeat", {"model": model}) for model in ({"a": "\x00"}, "\x00")),
    ("Heartbeat", {"engine_version": "7\x00"}),
    *(("Trade", {"legs": [LEG | {"instrument": name}]}) for name in ("\u0422WX", "T\x00X", "T\tX")),
    *(("Fill", {"fill_ref": name}) for name in ("entry", "exit\n", " entry ", "directive-1", "succession-1")),
    *(("Fill", {"time": time}) for time in ("2014-06-31T12:00:00Z", "2013-02-29T12:00:00Z", "2100-02-29T12:00:00Z")),
    *(("Fill", {"time": time}) for time in ("1970-01-01T00:00:00+00:01", "2100-12-31T23:59:59-00:01")),
    *(("Amendment", {"evidence": seen}) for seen in NO_EVIDENCE),
    ("Amendment", CORRECT | {"of": "f1", "values": {"exit_price": "1.50"}}),
    *(("Amendment", CORRECT | {"values": {name: "1"}}) for name in ("entry_price", "exit_time", "quantity")),
    *(
        ("Amendment", CORRECT | {"values": {"legs": legs}})
        for legs in (
            [LEG], [FILLED, LEG | {"exit_price": "1"}], [FILLED | {"exit_price": "1"}], [LEG | {"entry_price": "1"}],
            [LEG | {"exit_price": "1", "quantity": "1"}], [FILLED | {"ratio": 1}],
        )
    ),
    ("Amendment", CORRECT | {"values": {"exit_price": "1", "legs": [FILLED]}}),
    ("Amendment", {"kind": "CORRECT"}),
    ("Amendment", {"kind": "CORRECT", "values": {}}),
    ("Amendment", {"values": {"fees": "1"}}),
    ("Amendment", {"kind": "CORRECT", "values": {"fees": "1", "successor": SUCCESSOR}}),
    *(
        ("MarketData", {"symbol": symbol})
        for symbol in ("", " ", 7, "NaN", "null ", "{{ticker}}", "a/b/c", "A:B:C", "\u00e9", "-", "X" * 65)
    ),
    ("ShadowExit", {"quotes": {}, "market_conditions": {"quotes": {"TWX": QUOTED}}}),
    ("ShadowExit", {"settlements": {}, "market_conditions": {"settlements": {"TWX": None}}}),
]  # fmt: skip


@cache
def described(name: str) -> jsonschema_rs.Validator:
    """What the document says of a body."""
    made = document()
    return jsonschema_rs.validator_for(made["components"]["schemas"][name] | {"components": made["components"]})


def is_taken(name: str, body: Body) -> bool:
    """Whether the server can read a body."""
    text = json.dumps(body).encode()
    try:
        sent = BODIES[name][0](data=decode_alert(text, max_bytes=MAX_BYTES, exact=True))
        if not sent.is_valid():
            return False
        if name == "Recommendation":
            sent.report(text)
        elif name == "MarketData":
            read_symbol(Fields({"symbol": sent.validated_data["symbol"]}))
        elif hasattr(sent, "report"):
            sent.report()
    except DomainError:
        return False
    return True


@pytest.mark.parametrize(("name", "change"), TAKEN)
def test_a_body_that_the_server_takes_is_one_of_the_document(name: str, change: Body) -> None:
    body = BODIES[name][1] | change

    assert (described(name).is_valid(body), is_taken(name, body)) == (True, True)


@pytest.mark.parametrize(("name", "change"), REFUSED)
def test_a_body_that_the_server_refuses_is_none_of_the_document(name: str, change: Body) -> None:
    body = BODIES[name][1] | change

    assert (described(name).is_valid(body), is_taken(name, body)) == (False, False)


@pytest.mark.django_db
def test_the_headers_of_answers_are_named() -> None:
    desk = make_desk()
    path = f"/api/v1/assignments/{desk.experiment.pk}"
    named = document()["paths"]["/api/v1/assignments/{experiment_id}"]["get"]["responses"]

    for answer in (Client().get(path), api_client("engine-a").get(path)):
        headers = {name for name in answer.headers if name in ("WWW-Authenticate", "ETag", "Cache-Control")}
        assert headers
        assert headers <= named[str(answer.status_code)]["headers"].keys()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["heartbeat", "assignments/claim", f"assignments/{ID}/renew", "trades"])
def test_a_call_that_takes_a_body_needs_one(client: Client, path: str) -> None:
    _, key = create_api_key(Actor("tests"), owner="engine-a", name="a")

    answer = client.post(
        f"/api/v1/{path}", b"", content_type="application/json", headers={"Authorization": f"Api-Key {key}"}
    )

    assert answer.status_code == 400
