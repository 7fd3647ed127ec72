"""An answer that comes too late trades for nothing: the engine could know how the signal came out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError

from kernel.actors import Actor
from kernel.values import parse_instant
from outcomes.models import Permit, RealTrade, Recommendation
from policies.services import engage_halt
from tests.database import execute
from tests.outcomes.desk import C70, C72_5_JULY, leg, let_time_pass, live_desk, make_desk, now, plan, quote, touched

pytestmark = pytest.mark.django_db

POLICY = {"max_answer_age_seconds": 60}


@pytest.mark.parametrize("replayed", [False, True])
@pytest.mark.parametrize("action", ["OPEN", "DECLINE"])
def test_who_answers_after_answer_by_is_a_shadow_whatever_it_was_chosen_for(replayed: bool, action: str) -> None:
    desk = make_desk(recommended=False, policy=POLICY) if replayed else live_desk(recommended=False, policy=POLICY)
    let_time_pass(seconds=61)

    a, b = desk.a.recommend(desk.experiment, action=action), desk.b.recommend(desk.experiment, action=action)

    assert [(answer.body["role"], answer.body["reason"]) for answer in (a, b)] == [("SHADOW", "STALE_ANSWER")] * 2
    assert (a.body["permit_expires_at"], Permit.objects.count()) == (None, 0)
    assert desk.a.confirm(desk.experiment).code == "not_permitted"


def test_an_answer_within_the_time_that_the_assignment_names_is_in_time() -> None:
    desk = make_desk(recommended=False, policy=POLICY)
    assignment = desk.a.get(f"assignments/{desk.experiment.pk}").body
    let_time_pass(seconds=55)

    answer = desk.a.recommend(desk.experiment)

    given = parse_instant(assignment["answer_by"]) - parse_instant(assignment["distributed_at"])
    assert (given.total_seconds(), answer.body["role"]) == (60, "REAL")


def test_both_engines_are_given_the_same_time() -> None:
    desk = make_desk("B", recommended=False)

    a, b = (engine.get(f"assignments/{desk.experiment.pk}").body for engine in (desk.a, desk.b))

    assert a["answer_by"] == b["answer_by"]


def test_a_stale_answer_is_told_so_although_trading_is_halted() -> None:
    desk = make_desk(recommended=False, policy=POLICY)
    let_time_pass(seconds=61)
    engage_halt(Actor("tests"), reason="Something is odd.")

    assert desk.a.recommend(desk.experiment).body["reason"] == "STALE_ANSWER"


def test_a_real_trade_of_a_stale_engine_is_kept_as_an_incident_and_nowhere_else() -> None:
    desk = make_desk(recommended=False, policy=POLICY)
    let_time_pass(seconds=61)
    desk.a.recommend(desk.experiment)

    answer = desk.a.open(desk.experiment)

    assert (answer.status, answer.code) == (409, "double_execution_prevented")
    assert not RealTrade.objects.exists()


def test_when_the_chosen_engine_was_stale_both_shadows_leave_by_their_own_reports() -> None:
    desk = make_desk(recommended=False, policy=POLICY)
    desk.b.recommend(desk.experiment, plan=plan(leg(C72_5_JULY)))
    shadow_id = desk.open_shadow()
    let_time_pass(seconds=61)
    desk.a.recommend(desk.experiment)
    own_id = desk.a.open(desk.experiment, "SHADOW").body["trade_id"]

    left = [
        desk.leave_by_its_own_rules(shadow_id),
        desk.a.close(own_id, market_conditions={"quotes": {C70: quote("1.99", "2.05")}}),
    ]

    assert [(answer.status, answer.body["pnl"]) for answer in left] == [(200, "22.00"), (200, "60.00")]
    assert all("UNPAIRED" in answer.body["flags"] for answer in left)


@pytest.mark.parametrize(("live", "reason"), [(True, "STALE_ANSWER"), (False, "CONFIGURED")])
def test_an_answer_after_the_real_exit_is_stale_unless_it_is_replayed(live: bool, reason: str) -> None:
    desk = live_desk(recommended=False) if live else make_desk(recommended=False)
    desk.a.recommend(desk.experiment)
    let_time_pass(seconds=2)
    real_id = desk.open_real(**({"entry_time": now(-1)} if live else {}))
    desk.a.close(real_id, **({"exit_time": now()} if live else {}))

    answer = desk.b.recommend(desk.experiment)

    assert (answer.body["role"], answer.body["reason"]) == ("SHADOW", reason)


def test_a_part_of_the_real_trade_that_is_closed_makes_nobody_stale() -> None:
    desk = live_desk(recommended=False)
    desk.a.recommend(desk.experiment)
    let_time_pass(seconds=2)
    real_id = desk.open_real(entry_time=now(-1))
    sold = {"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "0.5", "price": "1.99"}
    assert desk.a.post(f"trades/{real_id}/fills", {"fill_ref": "1", "time": now(), "legs": [sold]}).status == 201

    assert desk.b.recommend(desk.experiment).body["reason"] == "CONFIGURED"


def test_an_answer_after_a_shadow_of_nobody_has_left_is_stale() -> None:
    desk = live_desk(None, recommended=False)
    desk.b.recommend(desk.experiment, plan=plan(leg(C72_5_JULY)))
    let_time_pass(seconds=2)
    entered = now(-1)
    call = leg(C72_5_JULY, entry_price="0.98")
    shadow_id = desk.open_shadow(legs=[call], entry_time=entered, entry_quotes={C72_5_JULY: touched(call, entered)})
    quoted = {"quotes": {C72_5_JULY: quote("1.20", "1.26", now())}}
    left = desk.b.close(shadow_id, exit_time=now(), exit_price="1.20", market_conditions=quoted)
    assert left.body["status"] == "CLOSED", left.body

    assert desk.a.recommend(desk.experiment).body["reason"] == "STALE_ANSWER"


def test_the_database_keeps_a_stale_answer_from_trading_for_real() -> None:
    desk = make_desk(recommended=False, policy=POLICY)
    let_time_pass(seconds=61)
    desk.a.recommend(desk.experiment)
    execute("SET LOCAL session_replication_role = replica")

    with pytest.raises(IntegrityError, match="recommendations_stale_answers_are_shadows"):
        Recommendation.objects.update(role="REAL", permit_expires_at=datetime.now(UTC))
