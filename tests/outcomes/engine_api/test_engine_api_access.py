"""Who may make the engine calls, and how bodies are read."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from outcomes.models import ExitDirective
from tests.factories import api_client
from tests.outcomes.desk import C70, C72_5_JULY, make_desk, quote, recommendation, trade

pytestmark = pytest.mark.django_db

CALLS = [
    ("post", f"assignments/{UUID(int=4)}/renew"),
    ("post", "recommendations"),
    ("post", f"permits/{UUID(int=4)}/confirm"),
    ("post", "trades"),
    ("get", f"trades/{UUID(int=4)}"),
    ("post", f"trades/{UUID(int=4)}/exit"),
    ("post", f"trades/{UUID(int=4)}/fills"),
    ("get", "exit-directives"),
    ("post", "exit-directives/00000000-0000-0000-0000-000000000000.1/report"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_only_engines_may_call(method: str, path: str) -> None:
    statuses = [
        getattr(client, method)(f"/api/v1/{path}", format="json").status_code
        for client in (APIClient(), api_client("feeder"), api_client("analyst"))
    ]

    assert statuses == [401, 403, 403]


@pytest.mark.parametrize(("method", "path"), [call for call in CALLS if call[0] == "post"])
@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        "1",
        "{",
        '{"a":1,"a":2}',
        '{"a":NaN}',
        '{"a":1e400}',
        '{"a":"\\u0000"}',
        '{"a":"\\ud800"}',
        "{}",
    ],
)
def test_no_body_makes_an_internal_error(method: str, path: str, body: str) -> None:
    response = api_client("engine-a").generic("POST", f"/api/v1/{path}", body, content_type="application/json")

    assert response.status_code in {400, 404}, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["detail"]


NASTY: list[Any] = [
    None, True, 0, -1, 1.5, 1e308, 2**80, "", " ", "x" * 300, "\u202e", "é", [], [[]], {}, {"a": {}}, "2014-06-05",
    "NaN", "-0", "1e5", "9" * 40,
]  # fmt: skip


@pytest.mark.parametrize("value", NASTY, ids=repr)
def test_no_value_of_any_member_makes_an_internal_error(value: Any) -> None:
    desk = make_desk(recommended=False)
    advice, opening = recommendation(desk.experiment), trade(desk.experiment)
    bodies = [("recommendations", advice | {name: value}) for name in advice if name != "recommendation"]
    bodies += [("trades", opening | {name: value}) for name in opening]
    bodies += [("trades", opening | {"legs": [opening["legs"][0] | {name: value}]}) for name in opening["legs"][0]]

    bodies += [("recommendations", advice | {"plan": advice["plan"] | {name: value}}) for name in advice["plan"]]
    planned = advice["plan"]["legs"][0]
    bodies += [
        ("recommendations", advice | {"plan": advice["plan"] | {"legs": [planned | {name: value}]}}) for name in planned
    ]

    statuses = {desk.a.post_text(path, json.dumps(body)).status for path, body in bodies}

    assert statuses <= {200, 201, 400, 404, 409}


@pytest.mark.parametrize("value", NASTY, ids=repr)
def test_no_value_in_an_exit_makes_an_internal_error(value: Any) -> None:
    desk = make_desk()
    trade_id = desk.open_real()
    members = (
        "exit_time", "exit_price", "exit_reason", "fees", "legs", "market_conditions", "price_provenance",
    )  # fmt: skip
    exits = [
        {"exit_time": "2014-06-05T18:00:00Z", "exit_price": "1", "exit_reason": "OTHER"} | {m: value} for m in members
    ]
    exits += [{"market_conditions": {"quotes": value}}, {"market_conditions": {"quotes": {"X": {"bid": value}}}}]

    statuses = {desk.a.post(f"trades/{trade_id}/exit", body).status for body in exits}

    assert statuses <= {200, 400, 409}


@pytest.mark.parametrize("value", NASTY, ids=repr)
def test_no_value_in_a_fill_or_a_report_of_a_shadow_makes_an_internal_error(value: Any) -> None:
    desk = make_desk()
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    execution = {"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1"}
    fill = {"fill_ref": "f", "time": "2014-06-05T15:00:00Z", "legs": [execution], "fees": "0", "reason": "OTHER"}
    fills = [fill | {name: value} for name in (*fill, "price_provenance", "market_conditions")]
    fills += [fill | {"legs": [execution | {name: value}]} for name in execution]
    ended = {"kind": "EXPIRED", "price": "0", "settled_at": "2014-07-19T20:00:00Z", "underlying": "70"}
    settled = [{"settlements": {C72_5_JULY: ended | {name: value}}} for name in ended]
    settled += [{"settlements": value}, {"settlements": {C72_5_JULY: value}}]
    known = [{"quotes": {C72_5_JULY: quote() | {name: value}}} for name in ("bid", "ask", "quote_time")]

    answers = [desk.a.post(f"trades/{real_id}/fills", body) for body in fills]
    answers += [desk.b.close(shadow_id, exit_price="1.31", market_conditions=found) for found in settled + known]
    desk.a.close(real_id)
    directive_id = ExitDirective.objects.order_by("-number")[0].name
    answers += [desk.b.report(directive_id, **found) for found in settled + known]

    assert {answer.status for answer in answers} <= {200, 201, 202, 400, 409}


def test_every_error_is_a_problem_document_with_a_code_and_advice() -> None:
    desk = make_desk()

    body = desk.b.open(desk.experiment, "REAL").body

    assert set(body) == {"type", "title", "status", "detail", "code", "errors", "request_id"}
    assert body["type"] == "urn:orchestrator:problem:double_execution_prevented"
    assert "report a shadow trade" in body["detail"]
