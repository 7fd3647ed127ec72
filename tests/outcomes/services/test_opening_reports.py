"""What a report of an opening must hold: of real money as little as can be, of a shadow all that can be checked."""

from __future__ import annotations

from typing import Any

import pytest

from outcomes.models import Incident, RealTrade, ShadowTrade
from tests.outcomes.desk import C70, C72_5_JULY, Desk, leg, make_desk, plan, trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return make_desk()


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"legs": []}, "/legs"),
        ({"legs": [leg(f"X{n}") for n in range(5)]}, "/legs"),
        ({"legs": {}}, "/legs"),
        ({"legs": [leg(side="BUY")]}, "/legs/0/side"),
        ({"legs": [leg(ratio=0)]}, "/legs/0/ratio"),
        ({"legs": [leg(ratio=1.5)]}, "/legs/0/ratio"),
        ({"legs": [leg("X" * 65)]}, "/legs/0/instrument"),
        ({"legs": [leg("X\n")]}, "/legs/0/instrument"),
        ({"legs": [leg(" X")]}, "/legs/0/instrument"),
        ({"legs": [leg("")]}, "/legs/0/instrument"),
        ({"legs": [leg(strike=70)]}, "/legs/0/strike"),
        ({"legs": [leg(entry_price="1.1234567890123")]}, "/legs/0/entry_price"),
        ({"legs": [leg(entry_price="1_0")]}, "/legs/0/entry_price"),
        ({"legs": [leg(entry_price=True)]}, "/legs/0/entry_price"),
        ({"quantity": "0"}, "/quantity"),
        ({"quantity": "-1"}, "/quantity"),
        ({"quantity": "1" * 20}, "/quantity"),
        ({"quantity": "NaN"}, "/quantity"),
        ({"multiplier": 0}, "/multiplier"),
        ({"entry_price": 1e300}, "/entry_price"),
        ({"entry_time": "2014-06-05T14:00:00"}, "/entry_time"),
        ({"entry_time": 1401976800}, "/entry_time"),
        ({"price_provenance": "UNPRICED"}, "/price_provenance"),
        ({"price_provenance": "GUESS"}, "/price_provenance"),
        ({"kind": "PAPER"}, "/kind"),
        ({"stop_loss": "1"}, "/stop_loss"),
    ],
)
def test_a_malformed_trade_is_refused_with_a_pointer(desk: Desk, change: dict[str, Any], pointer: str) -> None:
    answer = desk.a.post("trades", trade(desk.experiment) | change)

    assert answer.status == 400, answer.body
    assert pointer in [error["pointer"] for error in answer.body["errors"]]


def test_an_instrument_that_cannot_be_one_is_said_to_be_no_symbol(desk: Desk) -> None:
    answer = desk.a.post("trades", trade(desk.experiment) | {"legs": [leg(" ")]})

    (error,) = answer.body["errors"]
    assert (error["pointer"], error["code"]) == ("/legs/0/instrument", "invalid")
    assert error["detail"] == "Send a symbol of 1 to 64 ASCII characters, without spaces around it."


@pytest.mark.parametrize(
    "change",
    [
        {"entry_time": "2100-01-01T00:00:00Z"},
        {"entry_price": "1.40"},
        {"legs": [leg(entry_price="-1.39")], "entry_price": "-1.39"},
        {"legs": [leg("CLN4", entry_price="-37.63")], "entry_price": "-37.63"},
        {"fees": "-0.65"},
        {"currency": "INR"},
        {"quantity": "7"},
        {"price_provenance": "NEUTRAL_QUOTE"},
        {"entry_quotes": {C70: "none"}},
        {"risk_amount": "1"},
    ],
)
def test_real_money_is_never_refused_for_its_content(desk: Desk, change: dict[str, Any]) -> None:
    answer = desk.a.post("trades", trade(desk.experiment) | change)

    assert (answer.status, RealTrade.objects.get().status) == (201, "OPEN")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"legs": [leg(C72_5_JULY, entry_price="0.98")] * 2}, "plan_differs"),
        ({"price_provenance": "BROKER_FILL"}, "provenance_not_allowed"),
        ({"price_provenance": "SETTLEMENT"}, "provenance_not_allowed"),
        ({"price_provenance": "NEUTRAL_QUOTE"}, "provenance_not_allowed"),
        ({"currency": "INR"}, "currency_differs"),
        ({"entry_price": "0.99"}, "price_mismatch"),
    ],
)
def test_a_shadow_that_cannot_have_happened_is_refused_by_name(desk: Desk, change: dict[str, Any], code: str) -> None:
    body = trade(desk.experiment, "SHADOW", legs=[leg(C72_5_JULY, entry_price="0.98")])

    answer = desk.b.post("trades", body | change)

    assert (answer.status, answer.code) == (409 if code == "plan_differs" else 400, code)
    assert not ShadowTrade.objects.exists()
    assert not Incident.objects.exists()


def test_a_shadow_whose_own_plan_is_in_another_currency_is_refused() -> None:
    desk = make_desk(plan_b=plan(leg(C72_5_JULY), currency="INR"))

    answer = desk.b.open(desk.experiment, "SHADOW", legs=[leg(C72_5_JULY, entry_price="0.98")])

    assert (answer.status, answer.code) == (400, "currency_differs")


@pytest.mark.parametrize(
    ("legs", "code"),
    [
        ([leg(), leg()], "duplicate_leg"),
        ([leg(), leg("X", entry_price=None)], "price_missing"),
        ([leg(ratio=1000)], "max_value"),
    ],
)
def test_real_money_that_cannot_be_booked_is_kept_as_an_incident(desk: Desk, legs: list[Any], code: str) -> None:
    sent = [{name: value for name, value in each.items() if value is not None} for each in legs]

    answer = desk.a.post("trades", trade(desk.experiment, quantity="100000000000") | {"legs": sent})

    assert (answer.status, answer.code, answer.body["errors"][0]["pointer"]) == (400, code, "/legs")
    incident = Incident.objects.get()
    assert (incident.kind, incident.report["legs"]) == ("unbookable_report", sent)
    assert not RealTrade.objects.exists()
