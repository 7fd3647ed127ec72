"""Permits: confirmed right before a real order goes out, judged anew each time, and missed where one is not."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from kernel.actors import Actor
from kernel.values import format_timestamp
from outcomes.models import Permit, RealOutcome, RealTrade, Violation
from policies.services import engage_halt, release_halt
from tests.database import execute
from tests.factories import make_experiment
from tests.outcomes.desk import C70, EngineClient, let_time_pass, live_desk, make_desk, now, violations

pytestmark = pytest.mark.django_db

POLICY = {"permit_ttl_seconds": 60, "report_delay_seconds": 30}


def halt() -> None:
    engage_halt(Actor("tests"), reason="Something is odd.")


def resume() -> None:
    release_halt(Actor("tests"), reason="It is over.")


def test_a_real_trade_whose_permit_was_deleted_is_kept_and_says_so() -> None:
    desk = make_desk()
    desk.a.confirm(desk.experiment)
    execute("SET session_replication_role = replica")
    execute("DELETE FROM permits")
    execute("SET session_replication_role = DEFAULT")

    answer = desk.a.open(desk.experiment)

    assert answer.status == 201
    assert Violation.objects.get(name="NOT_PERMITTED").detail == "its permit was deleted from the database"


def test_the_engine_that_may_trade_for_real_confirms_its_permit_until_it_ends() -> None:
    desk = make_desk(policy=POLICY)

    answer = desk.a.confirm(desk.experiment)

    permit = Permit.objects.get()
    assert (answer.status, answer.body) == (
        200, {"experiment_id": str(desk.experiment.pk), "valid_until": format_timestamp(permit.expires_at)},
    )  # fmt: skip
    assert permit.expires_at == permit.revealed_at + timedelta(seconds=60)
    assert permit.confirmed_at is not None


def test_a_confirmation_needs_no_body_and_takes_no_member() -> None:
    desk = make_desk()
    path = f"permits/{desk.experiment.pk}/confirm"

    assert desk.a.post_text(path, "").status == 200
    assert desk.a.post(path, {"until": "tomorrow"}).body["errors"][0]["code"] == "unknown_field"


def test_each_confirmation_is_judged_anew() -> None:
    desk = make_desk(policy=POLICY)
    first = desk.a.confirm(desk.experiment)
    halt()
    halted = desk.a.confirm(desk.experiment)
    resume()
    resumed = desk.a.confirm(desk.experiment)
    let_time_pass(seconds=61)
    expired = desk.a.confirm(desk.experiment)

    assert [first.status, halted.code, resumed.status, expired.code] == [200, "halted", 200, "permit_expired"]
    assert [halted.status, expired.status] == [409, 409]


def test_before_its_recommendation_both_engines_are_answered_alike() -> None:
    desk = make_desk(recommended=False)

    a, b = desk.a.confirm(desk.experiment), desk.b.confirm(desk.experiment)

    assert (a.status, a.code) == (409, "recommendation_missing")
    assert a.body | {"request_id": ""} == b.body | {"request_id": ""}


def test_there_is_no_permit_for_a_shadow_nor_for_who_declined_nor_after_a_halt_at_the_answer() -> None:
    shadow, declined, halted = make_desk(), make_desk(recommended=False), make_desk(recommended=False)
    declined.a.recommend(declined.experiment, action="DECLINE")
    halt()
    halted.a.recommend(halted.experiment)
    resume()

    answers = [shadow.b.confirm(shadow.experiment), declined.a.confirm(declined.experiment)]
    answers.append(halted.a.confirm(halted.experiment))

    assert {(answer.status, answer.code) for answer in answers} == {(409, "not_permitted")}
    assert Permit.objects.get().experiment == shadow.experiment


def test_of_an_unknown_experiment_there_is_nothing_to_confirm() -> None:
    make_experiment()

    assert EngineClient("A").post(f"permits/{uuid4()}/confirm", {}).code == "not_found"


# What the real trade is told without.


def test_a_real_trade_under_a_confirmed_permit_breaks_nothing() -> None:
    desk = live_desk()

    desk.open_real(entry_time=now(-1))

    assert violations() == set()


def test_a_real_trade_without_a_confirmed_permit_is_kept_and_not_permitted() -> None:
    desk = make_desk()

    answer = desk.a.open(desk.experiment)
    closed = desk.a.close(answer.body["trade_id"])

    assert (answer.status, closed.status) == (201, 200)
    assert violations() == {("A", "NOT_PERMITTED")}
    assert Violation.objects.get().detail == "the permit had not been confirmed"
    assert RealOutcome.objects.get().pnl == Decimal(60)


def test_a_confirmation_after_the_trade_mends_nothing() -> None:
    desk = make_desk()
    desk.a.open(desk.experiment)

    answer = desk.a.confirm(desk.experiment)

    assert (answer.status, answer.code) == (409, "not_permitted")
    assert Permit.objects.get().confirmed_at is None


def test_once_used_a_permit_keeps_the_confirmation_that_its_trade_was_opened_on() -> None:
    desk = make_desk()
    desk.open_real()
    used = Permit.objects.get().confirmed_at

    again = desk.a.confirm(desk.experiment)

    assert (again.status, Permit.objects.get().confirmed_at) == (200, used)


@pytest.mark.parametrize("replayed", [False, True])
def test_a_halt_revokes_a_confirmed_permit_that_is_not_used_yet(replayed: bool) -> None:
    desk = make_desk() if replayed else live_desk()
    desk.a.confirm(desk.experiment)
    halt()
    resume()

    answer = desk.a.open(desk.experiment, **({} if replayed else {"entry_time": now()}))

    assert answer.status == 201
    assert violations() == {("A", "NOT_PERMITTED")}
    assert "revoked by the halt of" in Violation.objects.get().detail


def test_what_was_filled_before_the_halt_was_permitted_although_it_is_told_after_it() -> None:
    desk = live_desk()
    desk.a.confirm(desk.experiment)
    filled = now()
    halt()

    answer = desk.a.open(desk.experiment, entry_time=filled)

    assert answer.status == 201
    assert violations() == set()


def test_what_was_filled_while_trading_was_halted_no_later_confirmation_permits() -> None:
    desk = live_desk()
    halt()
    filled = now()
    resume()

    desk.open_real(entry_time=filled)

    assert violations() == {("A", "NOT_PERMITTED")}


def test_after_a_halt_a_new_confirmation_permits_again() -> None:
    desk = live_desk()
    desk.a.confirm(desk.experiment)
    halt()
    resume()

    desk.open_real(entry_time=now())

    assert violations() == set()


def test_exits_need_no_permit_and_no_end_of_the_halt() -> None:
    desk = make_desk()
    trade_id = desk.open_real()
    halt()

    sold = {"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "0.5", "price": "1.99"}
    part = desk.a.post(f"trades/{trade_id}/fills", {"fill_ref": "1", "time": "2014-06-05T17:00:00Z", "legs": [sold]})
    rest = desk.a.close(trade_id)

    assert (part.status, rest.status, RealTrade.objects.get().status) == (201, 200, "CLOSED")
    assert violations() == set()


def test_a_real_trade_entered_after_its_permit_is_kept_and_not_permitted() -> None:
    desk = live_desk(policy=POLICY)
    desk.a.confirm(desk.experiment)
    let_time_pass(seconds=65)

    desk.a.open(desk.experiment, entry_time=now(-1))

    assert violations() == {("A", "NOT_PERMITTED")}


def test_a_real_trade_told_when_none_was_to_be_expected_any_more_is_a_late_entry() -> None:
    desk = make_desk(policy=POLICY)
    desk.a.confirm(desk.experiment)
    let_time_pass(seconds=91)

    desk.a.close(desk.a.open(desk.experiment).body["trade_id"])

    assert violations() == {("A", "LATE_ENTRY")}
    assert RealOutcome.objects.get().pnl == Decimal(60)


def test_a_real_trade_told_as_long_after_its_permit_as_a_report_takes_is_none() -> None:
    desk = make_desk(policy=POLICY)
    desk.a.confirm(desk.experiment)
    let_time_pass(seconds=88)

    desk.a.open(desk.experiment)

    assert violations() == set()
