"""Trades are opened in the revealed role, once, with prices that agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from kernel.actors import Actor
from kernel.values import format_timestamp
from outcomes.models import Incident, RealTrade, Recommendation, ShadowTrade
from policies.models import Engine
from policies.services import engage_halt
from signals_app.alerts.documents import trade_id
from tests.outcomes.desk import C70, C72_5_JULY, Desk, leg, make_desk, trade

pytestmark = pytest.mark.django_db


def test_a_real_trade_is_stored_as_reported_and_linked_to_its_experiment() -> None:
    desk = make_desk()

    answer = desk.a.open(desk.experiment, fees="0.65", quantity="3", legs=[leg(entry_price="1.39000000")])

    stored = RealTrade.objects.get()
    assert (answer.status, answer.body["status"], answer.body["kind"]) == (201, "OPEN", "REAL")
    assert stored.pk == trade_id(desk.experiment.pk, "A", "REAL")
    assert stored.rules_hash == Engine.objects.get(pk="A").rules_hash
    assert stored.legs == [{"instrument": C70, "side": "LONG", "ratio": 1, "entry_price": "1.39"}]
    assert answer.body["legs"] == [leg() | {"exit_price": None}]
    assert [answer.body[name] for name in ("quantity", "multiplier", "entry_fees")] == ["3.00", "100.00", "0.65"]


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
    assert read.body == again.body


def test_a_shadow_learns_nothing_of_the_real_trade() -> None:
    desk = make_desk()
    desk.open_real()

    shadow = desk.b.open(desk.experiment, "SHADOW")

    assert shadow.body["snapshot_instruments"] == []


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


@pytest.mark.parametrize("recommended", [True, False])
def test_in_shadow_only_nobody_trades_for_real(recommended: bool) -> None:
    desk = make_desk(None, recommended=recommended)

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


@pytest.mark.parametrize(("engine", "kind", "incidents"), [("A", "REAL", 1), ("B", "SHADOW", 0)])
def test_a_trade_without_a_recommendation_is_refused_and_a_real_one_is_kept(
    engine: str, kind: str, incidents: int
) -> None:
    desk = make_desk(recommended=False)
    caller = desk.a if engine == "A" else desk.b

    answer = caller.open(desk.experiment, kind)

    assert (answer.status, answer.code) == (409, "not_recommended")
    assert Incident.objects.filter(kind="unpermitted_real_trade").count() == incidents


@pytest.mark.parametrize("kind", ["REAL", "SHADOW"])
def test_who_declined_has_no_trade(kind: str) -> None:
    desk = make_desk(recommended=False)
    caller = desk.a if kind == "REAL" else desk.b
    caller.recommend(desk.experiment, action="DECLINE")

    answer = caller.open(desk.experiment, kind)

    assert (answer.status, answer.code) == (409, "declined")


def test_a_real_trade_after_its_permit_is_refused_and_kept() -> None:
    desk = make_desk(policy={"permit_ttl_seconds": 1})
    permit_ends = Recommendation.objects.get(engine="A").permit_expires_at
    assert permit_ends is not None

    late = desk.a.open(desk.experiment, entry_time=format_timestamp(permit_ends + timedelta(microseconds=1)))
    in_time = desk.a.open(desk.experiment, entry_time=format_timestamp(permit_ends))

    assert (late.status, late.code, in_time.status) == (409, "permit_expired", 201)
    assert Incident.objects.get().kind == "permit_expired"


def test_another_trade_for_the_same_experiment_is_a_conflict_and_is_kept() -> None:
    desk = make_desk()
    desk.open_real()

    answer = desk.a.open(desk.experiment, quantity="2")

    assert (answer.status, answer.code) == (409, "conflict")
    assert (RealTrade.objects.get().quantity, Incident.objects.get().kind) == (Decimal(1), "conflicting_report")


def test_a_repeat_is_the_first_answer_even_after_the_permit() -> None:
    desk = make_desk(policy={"permit_ttl_seconds": 1})
    first = desk.a.open(desk.experiment)
    past_the_permit = datetime.now(UTC) + timedelta(seconds=2)
    assert Recommendation.objects.get(engine="A").permit_expires_at < past_the_permit  # type: ignore[operator]

    again = desk.a.open(desk.experiment)

    assert (again.status, again.body) == (200, first.body)


@pytest.mark.parametrize("kind", ["REAL", "SHADOW"])
def test_an_unknown_experiment_is_not_found(kind: str) -> None:
    desk = make_desk()

    answer = desk.a.open(desk.experiment, kind, experiment_id=str(uuid4()))

    assert (answer.status, answer.code) == (404, "not_found")


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
        ({"legs": [leg(entry_price="1.123456789")]}, "/legs/0/entry_price"),
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
    assert pointer in [error["pointer"].removesuffix("/non_field_errors") for error in answer.body["errors"]]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"entry_time": "2100-01-01T00:00:00Z"}, "time_in_future"),
        ({"entry_price": "1.40"}, "price_mismatch"),
        ({"legs": [leg(), leg()]}, "duplicate_leg"),
        ({"legs": [leg(entry_price="-1.39")], "entry_price": "-1.39"}, "negative_price"),
        ({"fees": "-0.65"}, "negative_fees"),
    ],
)
def test_an_impossible_trade_is_refused_by_name(desk: Desk, change: dict[str, Any], code: str) -> None:
    answer = desk.a.post("trades", trade(desk.experiment) | change)

    assert (answer.status, answer.code) == (400, code)
    assert not RealTrade.objects.exists()


@pytest.fixture
def desk() -> Desk:
    return make_desk()
