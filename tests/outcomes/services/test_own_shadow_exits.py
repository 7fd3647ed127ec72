"""When a shadow may leave by its own report: only when there is no real trade to follow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from experiments.models import SignalDistribution
from kernel.actors import Actor
from outcomes.models import ExitDirective, Incident, ShadowOutcome, ShadowTrade, Violation
from policies.services import engage_halt
from tests.outcomes.desk import C72_5_JULY, Answer, Desk, make_desk, quote, real_exit

pytestmark = pytest.mark.django_db


def close_own(desk: Desk, shadow_id: str, **changes: Any) -> Answer:
    return desk.b.post(f"trades/{shadow_id}/exit", real_exit(exit_price="1.31", exit_reason="TIME_LIMIT", **changes))


def test_in_shadow_only_both_leave_by_their_own_reports() -> None:
    desk = make_desk(None)
    first = desk.a.open(desk.experiment, "SHADOW").body["trade_id"]
    second = desk.open_shadow()

    answers = [desk.a.close(first), close_own(desk, second, exit_time="2014-06-05T19:00:00Z")]

    assert [(answer.status, answer.body["pnl"]) for answer in answers] == [(200, "60.00"), (200, "33.00")]
    assert not ExitDirective.objects.exists()
    assert not Violation.objects.exists()


def test_a_shadow_has_to_follow_while_the_real_trade_is_open() -> None:
    desk = make_desk()
    desk.open_real()

    answer = close_own(desk, desk.open_shadow())

    assert (answer.status, answer.code) == (409, "shadow_follows_real")
    assert ShadowTrade.objects.get().status == "OPEN"


def test_a_shadow_has_to_follow_a_real_trade_that_has_left_already() -> None:
    desk = make_desk()
    desk.a.close(desk.open_real())

    assert close_own(desk, desk.open_shadow()).code == "shadow_follows_real"


def test_a_shadow_that_the_real_exit_closed_is_closed_and_that_is_no_incident() -> None:
    desk = make_desk()
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id, market_conditions={"quotes": {C72_5_JULY: quote()}})

    answer = close_own(desk, shadow_id)

    assert (answer.status, answer.code) == (409, "already_closed")
    assert not Incident.objects.exists()


def test_a_shadow_waits_for_an_engine_that_may_open_still() -> None:
    desk = make_desk()

    assert close_own(desk, desk.open_shadow()).code == "shadow_follows_real"


def test_a_shadow_is_free_when_the_executing_engine_declined() -> None:
    desk = make_desk(recommended=False)
    desk.a.recommend(desk.experiment, action="DECLINE")
    desk.b.recommend(desk.experiment)

    assert close_own(desk, desk.open_shadow()).status == 200


def test_a_shadow_is_free_when_a_halt_took_the_real_role_away() -> None:
    desk = make_desk(recommended=False)
    engage_halt(Actor("tests"), reason="Something is odd.")
    desk.a.recommend(desk.experiment)
    desk.b.recommend(desk.experiment)

    assert close_own(desk, desk.open_shadow()).status == 200


def test_a_shadow_is_free_when_the_permit_has_passed_unused() -> None:
    desk = make_desk()
    shadow_id = desk.open_shadow()

    let_time_pass(minutes=6)

    assert close_own(desk, shadow_id).status == 200


def test_a_shadow_is_free_when_the_executing_engine_never_answered() -> None:
    desk = make_desk(recommended=False)
    desk.b.recommend(desk.experiment)
    shadow_id = desk.open_shadow()
    waiting = close_own(desk, shadow_id)
    given = SignalDistribution.objects.get(engine="A")
    SignalDistribution.objects.update(distributed_at=given.distributed_at - timedelta(seconds=301))

    assert waiting.code == "shadow_follows_real"
    assert close_own(desk, shadow_id).status == 200


def test_a_real_trade_that_comes_in_late_is_stored_and_its_pair_is_not_fair() -> None:
    desk = make_desk()
    shadow_id = desk.open_shadow()
    let_time_pass(minutes=6)
    close_own(desk, shadow_id, exit_time="2014-06-05T17:00:00Z")

    desk.a.close(desk.open_real())

    assert ExitDirective.objects.get().state == "ALREADY_CLOSED"
    assert ShadowOutcome.objects.get().pnl == 33
    assert "EXIT_TIME_DIFFERS" in Violation.objects.values_list("name", flat=True)


@pytest.mark.parametrize(
    ("raw", "code"),
    [(quote(quote_time="2014-06-05T18:00:00.000001Z"), "lookahead"), (quote(bid="1.38"), "crossed_quote")],
)
def test_a_shadows_own_report_with_a_bad_quote_is_refused(raw: Any, code: str) -> None:
    desk = make_desk(None)
    shadow_id = desk.open_shadow()

    answer = close_own(desk, shadow_id, market_conditions={"quotes": {C72_5_JULY: raw}})

    assert (answer.status, answer.code) == (400, code)
    assert ShadowTrade.objects.get().status == "OPEN"


def test_a_repeat_is_the_first_answer_and_another_exit_is_kept() -> None:
    desk = make_desk(None)
    shadow_id = desk.open_shadow()
    first = close_own(desk, shadow_id)

    again, other = close_own(desk, shadow_id), close_own(desk, shadow_id, fees="1")

    assert (again.status, again.body) == (200, first.body)
    assert (other.status, other.code) == (409, "conflict")
    assert Incident.objects.get().kind == "conflicting_report"


def let_time_pass(*, minutes: int) -> None:
    """Move the revealed permits into the past; the table is append-only for everybody else."""
    with connection.cursor() as cursor:
        # A table with deferred checks still to come cannot be altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE recommendations DISABLE TRIGGER recommendations_append_only")
        cursor.execute(
            "UPDATE recommendations SET permit_expires_at = permit_expires_at - make_interval(mins => %s)", (minutes,)
        )
        cursor.execute("ALTER TABLE recommendations ENABLE TRIGGER recommendations_append_only")
