"""A shadow ends by its own exit where no real trade can come, and is named UNPAIRED."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kernel.actors import Actor
from outcomes.models import ExitDirective, OwnExit, ShadowOutcome, ShadowTrade
from outcomes.services import settle_due
from policies.services import engage_halt
from tests.outcomes.desk import (
    C70,
    C72_5_JULY,
    leg,
    let_time_pass,
    make_desk,
    plan,
    quote,
    violations,
)

pytestmark = pytest.mark.django_db


def test_in_shadow_only_both_leave_by_their_own_reports() -> None:
    desk = make_desk(None)
    first = desk.a.open(desk.experiment, "SHADOW").body["trade_id"]
    second = desk.open_shadow()

    answers = [
        desk.a.close(first, market_conditions={"quotes": {C70: quote("1.99", "2.05")}}),
        desk.leave_by_its_own_rules(second),
    ]

    assert [(answer.status, answer.body["pnl"]) for answer in answers] == [(200, "60.00"), (200, "22.00")]
    assert all("UNPAIRED" in answer.body["flags"] for answer in answers)
    assert answers[1].body["exit_reason"] == "TIME_LIMIT"
    assert not ExitDirective.objects.exists()
    assert violations() == set()


@pytest.mark.parametrize("why", ["declined", "halted", "silent", "permit lapsed"])
def test_a_shadow_is_free_once_the_executing_engine_cannot_trade_any_more(why: str) -> None:
    desk = make_desk(recommended=False)
    if why == "halted":
        engage_halt(Actor("tests"), reason="Something is odd.")
    if why != "silent":
        desk.a.recommend(desk.experiment, action="DECLINE" if why == "declined" else "OPEN")
    desk.b.recommend(desk.experiment, plan=plan(leg(C72_5_JULY)))
    shadow_id = desk.open_shadow()
    # By answer_by, or by the permit's end and the time a report takes.
    let_time_pass(seconds={"silent": 601, "permit lapsed": 331}.get(why, 0))

    answer = desk.leave_by_its_own_rules(shadow_id)

    assert (answer.status, answer.body["status"]) == (200, "CLOSED")
    assert ("UNPAIRED" in answer.body["flags"], answer.body["pnl"]) == (True, "22.00")


@pytest.mark.parametrize(("why", "seconds"), [("silent", 595), ("permit", 325)])
def test_until_then_its_own_exit_is_kept_and_closes_it_afterwards(why: str, seconds: int) -> None:
    desk = make_desk(recommended=False)
    if why != "silent":
        desk.a.recommend(desk.experiment)
    desk.b.recommend(desk.experiment, plan=plan(leg(C72_5_JULY)))
    shadow_id = desk.open_shadow()
    let_time_pass(seconds=seconds)
    assert desk.leave_by_its_own_rules(shadow_id).status == 202
    assert settle_due() == 0

    let_time_pass(seconds=10)

    assert settle_due() == 1
    shadow = ShadowTrade.objects.get()
    assert (shadow.status, shadow.exit_reason, "UNPAIRED" in shadow.flags) == ("CLOSED", "TIME_LIMIT", True)
    assert ShadowOutcome.objects.get().pnl == Decimal(22)


def test_a_real_trade_that_comes_in_late_is_kept_and_finds_the_shadow_closed() -> None:
    desk = make_desk()
    desk.a.confirm(desk.experiment)
    shadow_id = desk.open_shadow()
    let_time_pass(seconds=331)
    desk.leave_by_its_own_rules(shadow_id)

    desk.a.close(desk.a.open(desk.experiment).body["trade_id"])

    assert ExitDirective.objects.get().state == "ALREADY_CLOSED"
    assert ShadowOutcome.objects.get().pnl == Decimal(22)
    assert violations() == {("A", "LATE_ENTRY")}


def test_a_shadow_that_opened_after_the_real_exit_has_its_own_exit_only() -> None:
    desk = make_desk()
    desk.a.close(desk.open_real(), exit_time="2014-06-05T15:00:00Z")
    shadow_id = desk.open_shadow(entry_time="2014-06-05T16:00:00Z")

    answer = desk.leave_by_its_own_rules(shadow_id)

    assert (answer.status, answer.body["status"], answer.body["pnl"]) == (200, "CLOSED", None)
    assert (OwnExit.objects.get().pnl, ShadowOutcome.objects.count()) == (Decimal(22), 0)
    assert violations() == set()


def test_a_contract_that_ends_where_no_real_trade_can_come_leaves_it_unpaired() -> None:
    desk, at = make_desk(None), "2014-07-19T20:00:00Z"
    ended = {"kind": "EXPIRED", "price": "0", "settled_at": at}

    answer = desk.b.post(
        f"trades/{desk.open_shadow()}/exit",
        {"exit_time": at, "exit_reason": "EXPIRED", "market_conditions": {"settlements": {C72_5_JULY: ended}}},
    )

    assert (answer.status, answer.body["pnl"], "UNPAIRED" in answer.body["flags"]) == (200, "-98.00", True)


@pytest.mark.parametrize("after_real_exit", [True, False])
def test_a_shadow_that_never_says_when_it_leaves_ends_unpriced_when_no_own_exit_is_taken_any_more(
    after_real_exit: bool,
) -> None:
    desk = make_desk("A" if after_real_exit else None)
    if after_real_exit:
        desk.a.close(desk.open_real(), exit_time="2014-06-05T15:00:00Z")
    desk.open_shadow(entry_time="2014-06-05T16:00:00Z")
    let_time_pass(seconds=7 * 86400 - 10)
    settle_due()
    assert ShadowTrade.objects.get().status == "OPEN"

    let_time_pass(seconds=10)

    assert [settle_due(), settle_due()] == [1, 0]
    shadow = ShadowTrade.objects.get()
    assert (shadow.status, shadow.exit_reason, "UNPAIRED" in shadow.flags) == (
        "UNPRICED", "TIME_LIMIT", not after_real_exit,
    )  # fmt: skip
    assert ShadowOutcome.objects.count() == (0 if after_real_exit else 1)
