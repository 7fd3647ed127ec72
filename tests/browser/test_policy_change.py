"""A change of policy from the form to its activation, as the people at their browsers go through it."""

from __future__ import annotations

import pytest
from django.conf import LazySettings

from policies.core.settings import SETTINGS
from policies.models import PolicyApproval, PolicyDraft, PolicyRamp
from policies.selectors import active_policy
from tests.browser.axe import barriers_here
from tests.browser.person import DESKTOP, Person
from tests.factories import make_policy
from tests.orchestrator_site.console.rows import traded_pair
from tests.policies.control import make_draft

pytestmark = pytest.mark.django_db(transaction=True)

# Notes what the progress says from the moment the page is there.
WATCH_PROGRESS = """
window.progressSeen = [];
new MutationObserver(changes => changes.filter(one => one.target.id === "to-preview-count").forEach(
    one => one.addedNodes.forEach(node => window.progressSeen.push(node.textContent))
)).observe(document, {childList: true, subtree: true});
"""


def in_force() -> tuple[int, str, str]:
    policy = active_policy()
    assert policy is not None
    return policy.version, policy.configured_mode, str(policy.split_percentage)


def start_draft(person: Person, *, mode: str, note: str) -> None:
    person.open("policies_policyversion_changelist")
    person.click("New version")
    person.chooses("Configured mode", mode)
    person.types("Note", note)
    person.submit("Save draft")
    person.reads("It is not active: preview it, then activate it.")


def activate(person: Person, reason: str) -> None:
    person.types("Reason", reason)
    person.submit("Activate")


@pytest.fixture
def approval_is_required(settings: LazySettings) -> None:
    settings.POLICY_REQUIRE_APPROVAL = True


def test_a_draft_is_previewed_approved_by_somebody_else_and_activated(
    person: Person, approval_is_required: None
) -> None:
    traded_pair(symbol="TWX")

    start_draft(person, mode="ENGINE_B_PRIMARY", note="B has done better.")
    person.reads("needs approval by another person", "1 of 1 decisions would change")
    person.reads("These settings limit nothing: no guardrail can trip.")
    assert ["TWX", "CONFIGURED", "CONFIGURED", "1"] in person.table("By symbol and reason")
    pnl = person.table("Recorded P&L of the affected trades")
    assert [row[-1] for row in pnl] == ["P&L", "▲ +60.00 USD", "▲ +33.00 USD"]
    assert barriers_here(person) == []
    person.screen(DESKTOP)
    person.sit_down("bob", "operator")
    person.driver.refresh()
    person.submit("Approve")
    person.reads("approved.")
    person.sit_down("ada", "operator")
    person.driver.refresh()
    activate(person, "Agreed with Bob.")

    person.reads("Version 3 is active from the next decision on.")
    assert in_force()[:2] == (3, "ENGINE_B_PRIMARY")
    person.open("policies_policyversion_change", 3)
    person.reads("Approved by bob", "None yet.")


def test_a_preview_shows_how_far_it_is(person: Person) -> None:
    traded_pair()
    draft = make_draft(configured_mode="SHADOW_ONLY")
    watch = person.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH_PROGRESS})

    person.open("draft_preview", draft.pk)
    person.reads("1 of 1 decisions would change")

    assert person.driver.execute_script("return window.progressSeen") == ["1 of 1"]
    person.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", watch)


def test_nobody_approves_his_own_draft(person: Person, approval_is_required: None) -> None:
    start_draft(person, mode="SHADOW_ONLY", note="A pause.")
    assert "Approve" not in person.words()

    person.open("policies_policydraft_approve", PolicyDraft.objects.get().pk)
    person.submit("Approve")
    person.reads("You cannot approve your own draft.")

    assert not PolicyApproval.objects.exists()


def test_an_edit_voids_the_approval(person: Person, approval_is_required: None) -> None:
    draft = make_draft(configured_mode="SHADOW_ONLY")
    person.sit_down("bob", "operator")
    person.open("policies_policydraft_approve", draft.pk)
    person.submit("Approve")
    person.reads("approved.")

    person.sit_down("ada", "operator")
    person.open("policies_policydraft_edit", draft.pk)
    person.types("Split percentage", "12.5")
    person.submit("Save draft")

    person.reads("(of earlier content: void)", "needs approval by another person")
    activate(person, "It was approved.")
    person.reads("Somebody else must approve exactly this content first.")
    assert in_force()[0] == 1


def test_a_ramp_is_planned_approved_by_somebody_else_started_watched_and_stopped(
    person: Person, approval_is_required: None
) -> None:
    person.open("policies_policyramp_changelist")
    person.click("Plan ramp")
    person.types("Engine B's share at each step, in percent", "5, 25")
    person.types("Net loss of engine B at one step that stops the ramp", "500")
    person.types("Note", "B has done better.")
    person.submit("Plan ramp")
    person.reads("Nothing changes before it is started.")
    ramp = PolicyRamp.objects.get().pk
    person.open("index")
    person.click("Policy ramps waiting for approval: 1.")
    person.sit_down("bob", "operator")
    person.click(f"ramp {ramp} from v1")
    person.click("Approve")
    person.submit("Approve ramp")
    person.reads(f"Ramp {ramp}: open.", "bob")

    person.sit_down("ada", "operator")
    person.click("Start")
    person.submit("Start ramp")
    person.reads(f"Ramp {ramp}: running.", "5 → 25%")
    assert in_force() == (2, "SPLIT_CAPITAL", "95.00")
    person.open("index")
    person.reads("engine B gets 5% of the signals, step 1 of 2, next 25%.")
    person.click(f"Ramp {ramp}")
    person.click("Stop")
    person.types("Reason", "Odd fills.")
    person.submit("Stop ramp")

    person.reads(f"Ramp {ramp}: stopped.", "Odd fills.")
    assert in_force() == (3, "AUTO", "50.00")
    person.open("index")
    person.reads(f"A ramp has stopped: ramp {ramp}, Odd fills.")


def test_of_two_who_start_from_the_same_version_the_second_sees_both_changes_and_loses_nothing(person: Person) -> None:
    person.open("policies_policyversion_new_version")
    person.types("Split percentage", "40")
    person.types("Note", "Less for A.")
    mine = person.driver.current_window_handle
    person.driver.switch_to.new_window("tab")
    person.sit_down("bob", "operator")
    start_draft(person, mode="SPLIT_CAPITAL", note="Half each.")
    activate(person, "Agreed.")
    person.reads("Version 2 is active")

    person.driver.switch_to.window(mine)
    person.sit_down("ada", "operator")
    person.submit("Save draft")

    person.reads("Version 2 was activated in the meantime", "bob, ", "Half each.")
    assert person.table("Theirs: v1 → v2") == [["Configured mode", "AUTO", "→", "SPLIT_CAPITAL"]]
    assert person.table("Yours: v1 → this form") == [["Split percentage", "50.00", "→", "40.00"]]
    assert (person.value("Split percentage"), person.value("Note")) == ("40", "Less for A.")
    assert PolicyDraft.objects.count() == 1

    person.chooses("Configured mode", "SPLIT_CAPITAL")
    person.submit("Save draft")
    person.reads("It is not active")
    assert person.table("Changes from v2") == [["Split percentage", "50.00", "→", "40.00"]]


def test_any_two_versions_are_compared_field_by_field(person: Person) -> None:
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="40")
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="60")

    person.open("policies_policyversion_changelist")
    person.click("Compare versions")
    person.types("Left", "v1")
    person.types("Right", "v3")
    person.submit("Compare")

    person.reads(f"2 of {len(SETTINGS)} settings differ.")
    differing = [row for row in person.table("Compare policy versions") if row[1] != row[2]][:3]
    assert differing[1:] == [["Configured mode", "AUTO", "SPLIT_CAPITAL"], ["Split percentage", "50.00", "60.00"]]


def test_an_old_version_is_restored_as_a_new_one(person: Person) -> None:
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="40")

    person.open("policies_policyversion_change", 1)
    person.click("Restore as new version")
    person.types("Note", "Back to what worked.")
    person.submit("Save draft")
    person.reads("It is not active")
    activate(person, "The split was a mistake.")

    person.reads("Version 3 is active")
    assert in_force() == (3, "AUTO", "50.00")


def test_wrong_input_is_told_beside_its_field_and_changes_nothing(person: Person) -> None:
    wrong = {"Split percentage": "150", "Heartbeat timeout (s)": "soon", "Max daily real loss": "-1"}
    right = {"Permit lifetime (s)": "45", "Note": "A pause."}
    person.open("policies_policyversion_new_version")
    person.chooses("Configured mode", "SHADOW_ONLY")
    for label, text in (wrong | right).items():
        person.types(label, text)
    person.submit("Save draft")

    person.reads("Allowed:")
    assert {label: "Allowed:" in person.around_refused(label) for label in wrong} == dict.fromkeys(wrong, True)
    typed = {label: person.value(label) for label in (*wrong, *right, "Configured mode")}
    assert typed == wrong | right | {"Configured mode": "SHADOW_ONLY"}
    assert not PolicyDraft.objects.exists()
    assert in_force()[0] == 1
