"""Trades are opened in the revealed role, once; a report of real money is kept whatever it says."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from kernel.actors import Actor
from outcomes.models import Incident, RealTrade, ShadowTrade, TradeFill
from policies.services import engage_halt
from signals_app.alerts.documents import trade_id
from tests.outcomes.desk import C70, C72_5_JULY, Desk, leg, let_time_pass, make_desk, trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def test_a_real_trade_is_stored_as_reported_and_linked_to_its_experiment() -> None:
    desk = make_desk()

    answer = desk.a.open(desk.experiment, fees="0.65", quantity="3", legs=[leg(entry_price="1.39000000")])

    stored = RealTrade.objects.get()
    assert (answer.status, answer.body["status"], answer.body["kind"]) == (201, "OPEN", "REAL")
    assert stored.pk == trade_id(desk.experiment.pk, "A", "REAL")
    assert answer.body["legs"] == stored.legs == [leg()]
    assert (answer.body["entry_price"], answer.body["entry_provenance"]) == ("1.39", "BROKER_FILL")
    assert [answer.body[name] for name in ("quantity", "multiplier", "entry_fees")] == ["3.00", "100.00", "0.65"]


def test_the_entry_is_the_first_fill(desk: Desk) -> None:
    desk.open_real(fees="-0.17")

    fill = TradeFill.objects.get()

    assert (fill.fill_ref, fill.number, fill.trade, fill.fees) == (
        "entry",
        1,
        RealTrade.objects.get(),
        Decimal("-0.17"),
    )
    assert fill.legs == [
        {"instrument": C70, "effect": "OPEN", "side": "LONG", "quantity": "1", "price": "1.39"}
    ]  # fmt: skip


def test_numbers_are_read_exactly_and_the_ratio_may_be_left_out() -> None:
    desk = make_desk()
    one = leg(entry_price=1.39)
    del one["ratio"]

    answer = desk.a.open(desk.experiment, legs=[one], quantity=2, multiplier=100.0, entry_price=1.39)

    assert (answer.status, answer.body["legs"][0]["ratio"], answer.body["entry_price"]) == (201, 1, "1.39")


def test_four_legs_are_one_trade_at_their_net_debit() -> None:
    desk = make_desk()
    legs = [leg(f"X{n}", side, "1.25") for n, side in enumerate(["LONG", "SHORT", "SHORT", "LONG"])]

    answer = desk.a.open(desk.experiment, legs=legs, entry_price="0")

    assert (answer.status, answer.body["entry_price"], len(answer.body["legs"])) == (201, "0.00", 4)


def test_the_executing_engine_is_told_what_to_quote_as_shadows_open() -> None:
    desk = make_desk()
    first = desk.a.open(desk.experiment)
    desk.open_shadow()

    again = desk.a.open(desk.experiment)
    read = desk.a.get(f"trades/{first.body['trade_id']}")

    assert first.body["snapshot_instruments"] == []
    assert (again.status, again.body["snapshot_instruments"]) == (200, [C72_5_JULY])
    # Reading it says more than opening it.
    assert again.body.items() <= read.body.items()


def test_a_shadow_learns_nothing_of_the_real_trade() -> None:
    desk = make_desk()
    desk.open_real()

    shadow = desk.b.open(desk.experiment, "SHADOW", legs=[leg(C72_5_JULY, entry_price="0.98")])

    assert (shadow.status, shadow.body["snapshot_instruments"]) == (201, [])


def test_a_shadow_that_reports_a_real_trade_is_refused_and_the_report_is_kept_once() -> None:
    desk = make_desk()

    answers = [desk.b.open(desk.experiment, "REAL") for _ in range(2)]

    incident = Incident.objects.get()
    assert {(answer.status, answer.code) for answer in answers} == {(409, "double_execution_prevented")}
    assert (incident.kind, incident.engine, incident.experiment_id) == (
        "double_execution_prevented", "B", desk.experiment.pk,
    )  # fmt: skip
    assert incident.report == trade(desk.experiment, "REAL")
    assert not RealTrade.objects.exists()


def test_in_shadow_only_nobody_trades_for_real() -> None:
    desk = make_desk(None)

    codes = [engine.open(desk.experiment, "REAL").code for engine in (desk.a, desk.b)]

    assert codes == ["double_execution_prevented"] * 2
    assert Incident.objects.count() == 2


def test_an_engine_that_a_halt_made_a_shadow_cannot_trade_for_real() -> None:
    desk = make_desk("A", recommended=False)
    engage_halt(Actor("tests"), reason="Something is odd.")
    desk.a.recommend(desk.experiment)

    assert desk.a.open(desk.experiment, "REAL").code == "double_execution_prevented"
    assert desk.a.open(desk.experiment, "SHADOW").status == 201


def test_the_executing_engine_must_not_shadow() -> None:
    desk = make_desk()

    answer = desk.a.open(desk.experiment, "SHADOW")

    assert (answer.status, answer.code) == (409, "role_mismatch")
    assert not ShadowTrade.objects.exists()


@pytest.mark.parametrize("executed", ["A", "B", None])
@pytest.mark.parametrize("kind", ["REAL", "SHADOW"])
def test_before_its_recommendation_every_engine_gets_one_answer_which_tells_no_role(
    executed: str | None, kind: str
) -> None:
    desk = make_desk(executed, recommended=False)

    answers = [engine.open(desk.experiment, kind) for engine in (desk.a, desk.b)]

    assert [(answer.status, answer.code) for answer in answers] == [(409, "recommendation_missing")] * 2
    assert answers[0].body | {"request_id": ""} == answers[1].body | {"request_id": ""}


def test_a_real_trade_told_before_its_recommendation_is_kept_and_may_be_told_again_afterwards() -> None:
    desk = make_desk(recommended=False)
    desk.a.open(desk.experiment)
    desk.a.open(desk.experiment, "SHADOW")

    desk.a.recommend(desk.experiment)
    answer = desk.a.open(desk.experiment)

    incident = Incident.objects.get()
    assert (incident.kind, incident.engine) == ("recommendation_missing", "A")
    assert incident.report == trade(desk.experiment)
    assert answer.status == 201


def test_who_declined_has_no_shadow() -> None:
    desk = make_desk(recommended=False)
    desk.b.recommend(desk.experiment, action="DECLINE")

    answer = desk.b.open(desk.experiment, "SHADOW")

    assert (answer.status, answer.code) == (409, "declined")


def test_another_trade_for_the_same_experiment_is_a_conflict_and_is_kept() -> None:
    desk = make_desk()
    desk.open_real()

    answer = desk.a.open(desk.experiment, quantity="2")

    assert (answer.status, answer.code) == (409, "conflict")
    assert (RealTrade.objects.get().quantity, Incident.objects.get().kind) == (Decimal(1), "conflicting_report")


def test_a_repeat_is_the_first_answer_even_after_the_permit(desk: Desk) -> None:
    first = desk.a.open(desk.experiment)
    let_time_pass(seconds=3600)

    again = desk.a.open(desk.experiment)

    assert (again.status, again.body["trade_id"], again.body["fills"][0]["fill_ref"]) == (
        200, first.body["trade_id"], "entry",
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["REAL", "SHADOW"])
def test_an_unknown_experiment_is_not_found(kind: str) -> None:
    desk = make_desk()

    answer = desk.a.open(desk.experiment, kind, experiment_id=str(uuid4()))

    assert (answer.status, answer.code) == (404, "not_found")
