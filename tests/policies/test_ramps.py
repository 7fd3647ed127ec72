"""Ramps: planned, approved as a whole, moved by their plan, and back to what was before when it goes wrong."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from django.conf import LazySettings
from django.core.management import CommandError
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse

from kernel.actors import Actor
from kernel.errors import DomainError
from orchestrator_site.console.attention import what_asks
from outcomes.ramps import move_ramps, step_facts
from policies import ramps
from policies.core.ramps import StepFacts, planned
from policies.models import PolicyRamp, PolicyVersion
from policies.ramps import approve_ramp, plan_ramp, start_ramp, stop_ramp
from policies.selectors import policy_in_force
from policies.services import engage_halt
from tests.database import refusal_of
from tests.factories import make_policy
from tests.orchestrator_site.console.rows import logged_in
from tests.outcomes.closed_trades import Closed, close_pair
from tests.policies.control import ADA, BOB, entries
from tests.policies.test_policy_commands import run
from tests.threads import Meeting, run_across

pytestmark = pytest.mark.django_db
GOOD = StepFacts(Decimal(24), 20, Decimal(10), braked=False)
BAD = StepFacts(Decimal(1), 2, Decimal(-500), braked=False)


def make_ramp(shares: str = "5, 50", planner: Actor = ADA) -> PolicyRamp:
    plan = planned(shares, hold_hours=24, min_trades=20, max_loss=Decimal(500))
    return plan_ramp(planner, plan, note="B has won its evaluation.")


def move(facts: StepFacts) -> int:
    return ramps.move_ramps(lambda _: facts)


def in_force() -> tuple[int, str, str]:
    policy = policy_in_force()
    return policy.version, policy.configured_mode, str(policy.split_percentage)


def test_a_planned_ramp_changes_nothing() -> None:
    ramp = make_ramp()

    assert (ramp.state, in_force(), move(GOOD)) == ("OPEN", (1, "AUTO", "50.00"), 0)


def test_each_step_is_a_version_until_the_last_has_held() -> None:
    ramp = start_ramp(BOB, make_ramp().pk)
    assert in_force() == (2, "SPLIT_CAPITAL", "95.00")
    first = policy_in_force()
    assert (first.created_by, first.note.startswith("Step 1 of 2 of ramp")) == ("bob", True)

    assert move(StepFacts(Decimal(2), 0, Decimal(0), braked=False)) == 0
    ramp.refresh_from_db()
    assert (in_force()[0], ramp.outcome) == (2, "2.0 of 24 hours have passed")
    assert move(GOOD) == 1
    assert in_force() == (3, "SPLIT_CAPITAL", "50.00")
    assert move(GOOD) == 1

    ramp.refresh_from_db()
    assert (ramp.state, ramp.step, in_force()[0], move(GOOD)) == ("DONE", 1, 3, 0)
    assert [entry.changes["split_percentage"][1] for entry in entries("ramp.moved")] == ["95.00", "50.00"]


def test_a_loss_brings_back_what_was_before() -> None:
    make_policy(configured_mode="ENGINE_A_PRIMARY", split_percentage="70", max_engine_flaps=4)
    ramp = start_ramp(BOB, make_ramp().pk)
    move(GOOD)

    assert move(BAD) == 1

    ramp.refresh_from_db()
    assert in_force() == (5, "ENGINE_A_PRIMARY", "70.00")
    assert policy_in_force().max_engine_flaps == 4
    assert (ramp.state, ramp.outcome) == ("STOPPED", "engine B has lost 500 at this step, limit 500")


def test_somebody_else_s_version_ends_it_and_holds() -> None:
    ramp = start_ramp(BOB, make_ramp().pk)
    theirs = make_policy(configured_mode="SHADOW_ONLY")

    assert move(BAD) == 1

    ramp.refresh_from_db()
    assert (in_force()[0], ramp.state) == (theirs.version, "STOPPED")
    assert ramp.outcome.startswith(f"version {theirs.version} was activated by")


def test_a_person_stops_it_with_a_reason() -> None:
    ramp = start_ramp(BOB, make_ramp().pk)

    stop_ramp(ADA, ramp.pk, reason="Odd fills.")

    assert in_force() == (3, "AUTO", "50.00")
    with pytest.raises(DomainError, match="This ramp is stopped"):
        stop_ramp(ADA, ramp.pk, reason="Again.")


def test_it_is_approved_by_another_where_the_site_wants_it(settings: LazySettings) -> None:
    settings.POLICY_REQUIRE_APPROVAL = True
    ramp = make_ramp()
    with pytest.raises(DomainError) as own:
        approve_ramp(ADA, ramp.pk)
    with pytest.raises(DomainError) as missing:
        start_ramp(ADA, ramp.pk)

    approve_ramp(BOB, ramp.pk)
    start_ramp(ADA, ramp.pk)

    assert (own.value.code, missing.value.code, in_force()[0]) == ("own_draft", "approval_missing", 2)
    assert entries("ramp.approved")[0].reason == ramp.content_hash


def test_a_planner_whose_account_was_renamed_does_not_approve_his_own_ramp() -> None:
    ramp = make_ramp(planner=replace(ADA, account_id=7))

    with pytest.raises(DomainError) as own:
        approve_ramp(Actor("somebody else", account_id=7), ramp.pk)

    assert own.value.code == "own_draft"
    assert "policy_ramps_approved_by_another" in refusal_of("UPDATE policy_ramps SET approver = 'account 7'")


def test_a_ramp_of_a_version_that_is_no_longer_in_force_does_not_start() -> None:
    ramp = make_ramp()
    make_policy(split_percentage="10")

    with pytest.raises(DomainError) as refused:
        start_ramp(BOB, ramp.pk)

    ramp.refresh_from_db()
    assert (refused.value.code, ramp.state, PolicyVersion.objects.count()) == ("policy_conflict", "OPEN", 2)


def test_only_one_runs_at_a_time_and_the_database_holds_it() -> None:
    start_ramp(BOB, make_ramp().pk)
    second = make_ramp()

    with pytest.raises(DomainError, match="Another ramp is running"):
        start_ramp(BOB, second.pk)

    running = "UPDATE policy_ramps SET state = 'RUNNING', step = 0, current_version_id = 1 WHERE id = %s"
    assert "policy_ramps_one_running" in refusal_of(running, (second.pk,))


def test_a_step_is_measured_on_b_s_real_trades_under_its_version() -> None:
    ramp = start_ramp(BOB, make_ramp("100").pk)
    experiment = close_pair("B", Closed(a="5", b="-600"))
    PolicyRamp.objects.filter(pk=ramp.pk).update(current_version=experiment.policy_version_id)
    ramp.refresh_from_db()

    found = step_facts(ramp)

    assert (found.trades, found.pnl, found.braked) == (1, Decimal(-600), False)
    assert 0 <= found.hours < 1
    engage_halt(ADA, reason="x")
    assert step_facts(ramp).braked
    assert move_ramps() == 1
    ramp.refresh_from_db()
    assert ramp.state == "STOPPED"


def test_each_step_s_page_names_who_planned_and_who_approved_the_ramp() -> None:
    ramp = make_ramp()
    approve_ramp(BOB, ramp.pk)
    start_ramp(ADA, ramp.pk)
    move(GOOD)
    stop_ramp(ADA, ramp.pk, reason="Odd fills.")
    viewer = logged_in("viewer")

    pages = [
        viewer.get(reverse("admin:policies_policyversion_change", args=(n,))).content.decode() for n in range(1, 5)
    ]

    assert [f"ada, as ramp {ramp.pk} from v1" in page for page in pages] == [False, True, True, False]
    assert [f"Approved by bob, {ramp.created_at:%Y-%m-%d}" in page for page in pages] == [False, True, True, False]


# At once


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_take_one_step() -> None:
    start_ramp(BOB, make_ramp().pk)

    assert look_across() == (1, 0)

    assert (in_force()[0], PolicyRamp.objects.get().step) == (3, 1)


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_second_worker_would_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    start_ramp(BOB, make_ramp().pk)
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **_: self)

    with pytest.raises(DomainError) as refused:
        look_across()

    assert (refused.value.code, in_force()[0]) == ("policy_conflict", 3)


@pytest.mark.django_db(transaction=True)
def test_whoever_stops_a_ramp_while_it_takes_a_step_stops_it() -> None:
    ramp = start_ramp(BOB, make_ramp().pk)
    meeting = Meeting()
    look = meeting.after(lambda _: GOOD)

    run_across(meeting, lambda: ramps.move_ramps(look), lambda: stop_ramp(ADA, ramp.pk, reason="Odd fills.").step)

    assert (PolicyRamp.objects.get().state, in_force()) == ("STOPPED", (4, "AUTO", "50.00"))
    assert meeting.other_was_done is False


def look_across() -> tuple[int, int]:
    """Let a second worker look while the first one has read what the step has brought and not moved yet."""
    meeting = Meeting()
    look = meeting.after(lambda _: GOOD)
    return run_across(meeting, lambda: ramps.move_ramps(look), lambda: move(GOOD))


# Where people see it


def test_now_tells_where_a_ramp_is_and_what_it_waits_for() -> None:
    operator = logged_in("operator")
    start_ramp(BOB, make_ramp("5, 25, 50").pk)
    move(StepFacts(Decimal(2), 0, Decimal(0), braked=False))

    def told() -> str:
        return " ".join(operator.get(reverse("admin:index")).content.decode().split())

    assert "engine B gets 5% of the signals, step 1 of 3, next 25%." in told()
    assert "Waiting: 2.0 of 24 hours have passed." in told()
    move(GOOD)
    move(StepFacts(Decimal(30), 30, Decimal(0), braked=True))
    assert "engine B gets 25% of the signals, step 2 of 3, next 50%. Held: trading is halted." in told()
    move(GOOD)
    assert "engine B gets 50% of the signals, step 3 of 3, the last." in told()
    move(BAD)
    assert "of the signals, step" not in told()
    assert "A ramp has stopped: ramp" in told()
    assert "engine B has lost 500 at this step, limit 500." in told()


def test_a_ramp_without_approval_waits_on_now(settings: LazySettings) -> None:
    settings.POLICY_REQUIRE_APPROVAL = True
    ramp = make_ramp()
    asks = [one.text for one in what_asks()]
    approve_ramp(BOB, ramp.pk)

    assert "Policy ramps waiting for approval: 1." in asks
    assert "unapproved_ramps" not in [one.kind for one in what_asks()]


def test_the_command_line_plans_starts_lists_and_stops(settings: LazySettings) -> None:
    assert run("ramp", "list") == "No ramp has been planned.\n"
    told = run("ramp", "plan", "5,25", "--hours", 2, "--trades", 3, "--max-loss", 250, "--note", "B is better.")
    ramp = PolicyRamp.objects.get()
    assert told == f"Ramp {ramp.pk} planned. Nothing changes before it is started.\n"
    assert (ramp.shares, ramp.hold_hours, ramp.min_trades, ramp.max_loss) == (["5", "25"], 2, 3, Decimal(250))

    settings.POLICY_REQUIRE_APPROVAL = True
    with pytest.raises(CommandError, match="Somebody else must approve the ramp first"):
        run("ramp", "start", ramp.pk)
    settings.POLICY_REQUIRE_APPROVAL = False
    assert run("ramp", "start", ramp.pk) == f"Ramp {ramp.pk} started: version 2 is in force.\n"
    assert f"{ramp.pk}  RUNNING  5, 25 %  at 5 %  by " in run("ramp", "list")
    assert run("ramp", "stop", ramp.pk, "--reason", "Odd fills.") == f"Ramp {ramp.pk} stopped.\n"
    assert run("ramp", "list").endswith(": Odd fills.\n")
    for loss in ("much", "nan", "-1"):
        with pytest.raises(CommandError):
            run("ramp", "plan", "5,25", f"--max-loss={loss}", "--note", "B is better.")


def test_a_ramp_is_planned_approved_started_and_stopped_in_the_admin() -> None:
    client: Client = logged_in("operator")
    form = {"shares": "5, 25", "hold_hours": "24", "min_trades": "20", "max_loss": "500", "note": "B is better."}

    refused = client.post(reverse("admin:policies_policyramp_plan"), form | {"shares": "25, 5"})
    client.post(reverse("admin:policies_policyramp_plan"), form)
    ramp = PolicyRamp.objects.get()
    words = ("approve", "start", "stop")
    pages = {word: reverse(f"admin:policies_policyramp_{word}", args=(ramp.pk,)) for word in words}
    own = client.post(pages["approve"], follow=True).content.decode()
    asked = client.get(pages["start"]).content.decode()
    client.post(pages["start"])
    shown = client.get(reverse("admin:policies_policyramp_change", args=(ramp.pk,))).content.decode()
    again = client.post(pages["start"], follow=True).content.decode()
    client.post(pages["stop"], {"reason": "Odd fills."})

    assert list(refused.context["form"].errors) == ["shares"]
    assert "You cannot approve your own ramp." in own
    assert "Engine B gets 5, 25%" in asked
    assert "<strong>5</strong> → <span>25</span>%" in shown
    assert [word for word in words if pages[word] in shown] == ["stop"]
    assert "This ramp is running." in again
    ramp.refresh_from_db()
    assert (ramp.state, ramp.outcome, in_force()[0]) == ("STOPPED", "Odd fills.", 3)


@pytest.mark.parametrize("page", ["approve", "start", "stop"])
def test_who_may_only_look_moves_nothing(page: str) -> None:
    ramp = make_ramp()
    address = reverse(f"admin:policies_policyramp_{page}", args=(ramp.pk,))

    assert logged_in("viewer").post(address, {"reason": "x"}).status_code == 403
    assert logged_in("operator").post(address.replace(f"/{ramp.pk}/", "/99/")).status_code == 404
    assert in_force()[0] == 1
