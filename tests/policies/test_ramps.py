"""Ramps: planned, approved as a whole, moved by their plan, and back to what was before when it goes wrong."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from kernel.errors import DomainError
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

pytestmark = pytest.mark.django_db
GOOD = StepFacts(Decimal(24), 20, Decimal(10), braked=False)
BAD = StepFacts(Decimal(1), 2, Decimal(-500), braked=False)


def make_ramp(shares: str = "5, 50") -> PolicyRamp:
    plan = planned(shares, hold_hours=24, min_trades=20, max_loss=Decimal(500))
    return plan_ramp(ADA, plan, note="B has won its evaluation.")


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


# The pages


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
    client.post(pages["stop"], {"reason": "Odd fills."})

    assert list(refused.context["form"].errors) == ["shares"]
    assert "You cannot approve your own ramp." in own
    assert "Engine B gets 5, 25 %" in asked
    assert "<strong>5</strong> → <span>25</span> %" in shown
    ramp.refresh_from_db()
    assert (ramp.state, ramp.outcome, in_force()[0]) == ("STOPPED", "Odd fills.", 3)


@pytest.mark.parametrize("page", ["approve", "start", "stop"])
def test_who_may_only_look_moves_nothing(page: str) -> None:
    ramp = make_ramp()
    address = reverse(f"admin:policies_policyramp_{page}", args=(ramp.pk,))

    assert logged_in("viewer").post(address, {"reason": "x"}).status_code == 403
    assert logged_in("operator").post(address.replace(f"/{ramp.pk}/", "/99/")).status_code == 404
    assert in_force()[0] == 1
