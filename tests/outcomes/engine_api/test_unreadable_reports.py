"""A report of real money that cannot be read is refused like any other, and kept as an incident: it is not lost."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from outcomes.models import Incident, RealTrade
from tests.outcomes.desk import C70, EXIT_TIME, Desk, leg, make_desk, real_exit, trade

pytestmark = pytest.mark.django_db

FILL = {
    "fill_ref": "f1",
    "time": EXIT_TIME,
    "legs": [{"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1.50"}],
}


@pytest.fixture
def desk() -> Desk:
    return make_desk()


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"currency": "usd"}, "currency: "),
        ({"quantity": "0"}, "quantity: "),
        ({"price_provenance": "HEARSAY"}, "price_provenance: "),
        ({"legs": [leg(instrument=f"SYM{number}") for number in range(5)]}, "legs: "),
        ({"legs": [leg(instrument="Ä")]}, "legs/0/instrument: "),
        ({"fees": None}, "fees: "),
        ({"tax": "1"}, "tax: "),
    ],
)
def test_an_opening_is_kept_with_what_is_wrong_in_it(desk: Desk, change: dict[str, Any], wrong: str) -> None:
    body = trade(desk.experiment) | change

    answers = [desk.a.post("trades", body) for _ in range(2)]

    assert [(answer.status, answer.code) for answer in answers] == [(400, "invalid")] * 2
    incident = Incident.objects.get()
    assert (incident.kind, incident.engine, incident.report) == ("unbookable_report", "A", body)
    assert incident.detail == answers[0].body["detail"]
    assert incident.detail.startswith(wrong)
    assert not RealTrade.objects.exists()


def test_an_exit_and_a_fill_are_kept_too(desk: Desk) -> None:
    path = f"trades/{desk.open_real()}"

    desk.a.post(f"{path}/exit", real_exit(exit_reason="BORED"))
    desk.a.post(f"{path}/fills", FILL | {"fill_ref": "exit"})

    (of_the_fill, of_the_exit) = Incident.objects.all()
    assert of_the_exit.detail.startswith("exit_reason must be one of ")
    assert of_the_fill.detail.startswith('"exit" is reserved')


def test_before_the_recommendation_it_is_kept_whichever_engine_sends_it() -> None:
    desk = make_desk(recommended=False)

    for engine in (desk.a, desk.b):
        engine.post("trades", trade(desk.experiment, currency="usd"))

    assert sorted(Incident.objects.values_list("engine", "kind")) == [(name, "unbookable_report") for name in "AB"]


def test_what_is_no_report_of_real_money_of_this_engine_is_not(desk: Desk) -> None:
    real, shadow = desk.open_real(), desk.open_shadow()
    other = trade(desk.experiment, currency="usd") | {"experiment_id": str(uuid4())}

    refused = [
        desk.b.post("trades", trade(desk.experiment, "SHADOW", currency="usd")),
        desk.a.post("trades", other),
        desk.a.post("trades", other | {"experiment_id": ["no", "id"]}),
        desk.a.post("trades", ["no", "trade"]),
        desk.a.post(f"trades/{real}/exit", {}),
        desk.b.post(f"trades/{real}/exit", real_exit(exit_reason="BORED")),
        desk.b.post(f"trades/{shadow}/exit", real_exit(exit_reason="BORED")),
        desk.b.post(f"trades/{shadow}/fills", FILL | {"fill_ref": "exit"}),
    ]

    assert {answer.status for answer in refused} == {400}
    assert not Incident.objects.exists()
