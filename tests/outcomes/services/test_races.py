"""Interleavings that locks and keys close; each with the control that shows it without them."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from kernel.actors import Actor
from kernel.trips import Statement
from outcomes.models import ExitDirective, Incident, RealTrade, Recommendation, ShadowOutcome, ShadowTrade
from outcomes.services import case, closings, directives, openings, recommendations
from policies.services import engage_halt
from tests.outcomes.desk import C72_5_JULY, Answer, Desk, live_desk, make_desk, now, quote
from tests.outcomes.services.locks import take_locks_away
from tests.threads import Meeting, run_across, succeeded, together

pytestmark = pytest.mark.django_db(transaction=True)

QUOTED = {"quotes": {C72_5_JULY: quote()}}


def cross_exit_and_opening(desk: Desk, monkeypatch: pytest.MonkeyPatch, *, opening_first: bool) -> None:
    """Let the real exit and the shadow's opening look at the tables before either has committed."""
    live = not desk.experiment.signal.replayed
    real_id = desk.open_real(**({"entry_time": now(-1)} if live else {}))
    meeting = Meeting()

    def leave() -> object:
        moment = {"exit_time": now(), "market_conditions": {"quotes": {C72_5_JULY: quote(quote_time=now())}}}
        return desk.a.close(real_id, **(moment if live else {"market_conditions": QUOTED}))

    def enter() -> object:
        return desk.open_shadow(**({"entry_time": now(-1)} if live else {}))

    if opening_first:
        monkeypatch.setattr(openings, "follow_directives", meeting.after(directives.follow_directives))
        run_across(meeting, enter, leave)
    else:
        monkeypatch.setattr(closings, "issue_directive", meeting.after(directives.issue_directive))
        run_across(meeting, leave, enter)


@pytest.mark.parametrize("opening_first", [True, False])
def test_a_shadow_that_opens_while_the_real_trade_leaves_is_closed_exactly_once(
    monkeypatch: pytest.MonkeyPatch, opening_first: bool
) -> None:
    cross_exit_and_opening(make_desk(), monkeypatch, opening_first=opening_first)

    assert ShadowOutcome.objects.get().pnl == 33
    assert (ShadowTrade.objects.get().status, ExitDirective.objects.get().state) == ("CLOSED", "DONE")


@pytest.mark.parametrize("opening_first", [True, False])
def test_without_the_lock_such_a_shadow_would_stay_open_for_ever(
    monkeypatch: pytest.MonkeyPatch, opening_first: bool
) -> None:
    take_locks_away(monkeypatch)

    cross_exit_and_opening(make_desk(), monkeypatch, opening_first=opening_first)

    assert ShadowTrade.objects.get().status == "OPEN"
    assert ExitDirective.objects.get().shadow_trade is None


def test_a_live_shadow_that_comes_second_is_known_to_have_come_after_the_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    cross_exit_and_opening(live_desk(), monkeypatch, opening_first=False)

    assert "AFTER_REAL_EXIT" in ShadowTrade.objects.get().flags
    assert ExitDirective.objects.get().state == "NO_SHADOW"


def test_without_the_lock_it_would_pass_for_one_that_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    take_locks_away(monkeypatch)

    cross_exit_and_opening(live_desk(), monkeypatch, opening_first=False)

    assert "AFTER_REAL_EXIT" not in ShadowTrade.objects.get().flags


def cross_exit_and_decline(monkeypatch: pytest.MonkeyPatch, *, decline_first: bool) -> None:
    """Let the real exit look for a refusal and the refusal for a directive before either has committed."""
    desk = make_desk(recommended=False)
    desk.a.recommend(desk.experiment)
    real_id = desk.open_real()
    meeting = Meeting()

    def leave() -> object:
        return desk.a.close(real_id)

    def decline() -> object:
        return desk.b.recommend(desk.experiment, action="DECLINE")

    if decline_first:
        monkeypatch.setattr(recommendations, "settle_declined", meeting.after(directives.settle_declined))
        run_across(meeting, decline, leave)
    else:
        monkeypatch.setattr(closings, "issue_directive", meeting.after(directives.issue_directive))
        run_across(meeting, leave, decline)


@pytest.mark.parametrize("decline_first", [True, False])
def test_a_refusal_while_the_real_trade_leaves_ends_the_directive(
    monkeypatch: pytest.MonkeyPatch, decline_first: bool
) -> None:
    cross_exit_and_decline(monkeypatch, decline_first=decline_first)

    assert ExitDirective.objects.get().state == "NO_SHADOW"


@pytest.mark.parametrize("decline_first", [True, False])
def test_without_the_lock_such_a_directive_would_wait_for_nobody(
    monkeypatch: pytest.MonkeyPatch, decline_first: bool
) -> None:
    take_locks_away(monkeypatch)

    cross_exit_and_decline(monkeypatch, decline_first=decline_first)

    assert ExitDirective.objects.get().state == "PENDING"


# Each with an engine's call that a halt must not cross: it reveals the role REAL, or lets the order go out.
CALLS = {"recommend": {"role": "REAL"}, "confirm": {}}
NO_LOCK = "SELECT 1;"
NO_GUARD_EITHER = "SET LOCAL session_replication_role = replica;"


def cross_with_a_halt(call: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Answer, bool]:
    """Engage a halt after the call has looked for one, before it commits; whether the halt was done by then."""
    desk = make_desk(recommended=call != "recommend")
    meeting = Meeting()
    after_looking = meeting.after(case.lock_experiment_and_ask)
    monkeypatch.setattr(recommendations, "lock_experiment_and_ask", after_looking)

    answer, _ = run_across(
        meeting,
        lambda: getattr(desk.a, call)(desk.experiment),
        lambda: engage_halt(Actor("tests"), reason="Something is odd."),
    )
    return answer, meeting.other_was_done


@pytest.mark.parametrize("call", CALLS)
def test_a_halt_waits_for_a_role_or_a_permit_that_is_being_given(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, halted_meanwhile = cross_with_a_halt(call, monkeypatch)

    assert answer.status < 300
    assert answer.body.items() >= CALLS[call].items()
    assert not halted_meanwhile


def hold_instead(monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    """Let another statement stand for the lock that holds off halts."""
    _, look = recommendations.HALTED_AND_NOW
    monkeypatch.setattr(recommendations, "HALTED_AND_NOW", (Statement(statement), look))


@pytest.mark.parametrize("call", CALLS)
def test_without_that_wait_the_database_would_still_refuse(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hold_instead(monkeypatch, NO_LOCK)

    with pytest.raises(IntegrityError, match="while trading is halted"):
        cross_with_a_halt(call, monkeypatch)


@pytest.mark.parametrize("call", CALLS)
def test_without_both_it_would_be_given_although_the_halt_had_come(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hold_instead(monkeypatch, NO_GUARD_EITHER)

    answer, halted_meanwhile = cross_with_a_halt(call, monkeypatch)

    assert answer.status < 300
    assert answer.body.items() >= CALLS[call].items()
    assert halted_meanwhile


def test_one_recommendation_sent_twice_at_once_is_stored_once() -> None:
    desk = make_desk(recommended=False)

    answers = succeeded(together(*[lambda: desk.a.recommend(desk.experiment)] * 4))

    assert sorted(answer.status for answer in answers) == [200, 200, 200, 201]
    assert Recommendation.objects.count() == 1


def test_of_different_real_trades_at_once_one_stands_and_the_others_are_kept() -> None:
    desk = make_desk()

    answers = succeeded(together(*[lambda size=size: desk.a.open(desk.experiment, quantity=size) for size in "1234"]))

    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    assert (RealTrade.objects.count(), Incident.objects.count()) == (1, 3)


def test_both_engines_reporting_real_trades_at_once_leave_one_real_trade() -> None:
    desk = make_desk("B")

    answers = succeeded(together(lambda: desk.a.open(desk.experiment), lambda: desk.b.open(desk.experiment)))

    assert [answer.status for answer in answers] == [409, 201]
    assert RealTrade.objects.get().engine == "B"
