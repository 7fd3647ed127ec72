"""Drafts in the admin: each step asks, keeps what was typed, tells what happened, and changes nothing on a mistake."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from kernel.actors import account_actor
from policies.drafts import activate_due_drafts, approve_draft, discard_draft, edit_draft
from policies.models import PolicyVersion
from tests.factories import make_experiment, make_policy, policy_settings
from tests.orchestrator_site.console.draft_steps import address, post, text_of, version
from tests.orchestrator_site.console.rows import logged_in
from tests.pages import cells, table_rows
from tests.policies.control import ADA, BOB, activate, let_it_be_due, make_draft, schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> Client:
    return logged_in("operator")


# The page of a draft


def test_a_draft_shows_what_it_changes_and_that_it_is_not_in_force(operator: Client) -> None:
    draft = make_draft(split_percentage="20", max_engine_flaps=4)

    page = text_of(operator.get(address("change", draft)))

    assert "Not active" in page
    assert ["Split percentage", "50.00", "→", "20.00"] in table_rows(page)
    assert ["Max engine reconnects per hour", "off", "→", "4"] in table_rows(page)
    assert draft.content_hash in page


def test_one_page_has_what_a_draft_needs_until_it_is_in_force(operator: Client) -> None:
    draft = make_draft(split_percentage="20")

    page = text_of(operator.get(address("change", draft)))

    assert f'data-run="{reverse("admin:draft_preview_run", args=(draft.pk,))}"' in page
    for step in ("approve", "activate"):
        assert f'action="{address(step, draft)}"' in page
    assert page.count(f'value="{draft.content_hash}"') == 2
    assert 'type="datetime-local"' in page
    activate(draft)
    settled = text_of(operator.get(address("change", draft)))
    assert "data-run" not in settled
    assert "datetime-local" not in settled


def test_a_time_from_the_calendar_is_utc(operator: Client) -> None:
    draft = make_draft()
    at = (timezone.now() + timedelta(days=2)).replace(second=0, microsecond=0)

    post(operator, "activate", draft, reason="Over the weekend.", at=f"{at:%Y-%m-%dT%H:%M}")

    draft.refresh_from_db()
    assert (draft.state, draft.scheduled_at) == ("SCHEDULED", at)


def test_the_author_is_offered_no_approval(operator: Client) -> None:
    draft = make_draft(account_actor(User.objects.get(username="operator")))

    assert f'action="{address("approve", draft)}"' not in text_of(operator.get(address("change", draft)))


def test_what_lets_real_money_move_stands_apart(operator: Client) -> None:
    form = operator.get(address("edit", make_draft())).context["form"]

    groups = {title: [field.name for field in fields] for title, _, fields in form.groups}
    assert groups["Real money"] == ["live_enabled"]
    assert groups["Why"] == ["note", "evidence"]
    assert "max_daily_real_loss" in groups["Guardrails"]
    assert sum(len(names) for names in groups.values()) == len(form.visible_fields())


@pytest.mark.parametrize("state", ["OPEN", "SCHEDULED", "ACTIVATED", "REFUSED", "DISCARDED"])
def test_a_draft_of_every_state_has_a_page_with_fitting_buttons(operator: Client, state: str) -> None:
    draft = make_draft()
    if state == "SCHEDULED":
        schedule(draft)
    elif state == "ACTIVATED":
        activate(draft)
    elif state == "REFUSED":
        let_it_be_due(schedule(draft))
        make_policy()
        activate_due_drafts()
    elif state == "DISCARDED":
        discard_draft(ADA, draft.pk, reason="Too wild.")

    page = text_of(operator.get(address("change", draft)))

    offered = {action for action in ("edit", "activate", "unschedule", "discard") if address(action, draft) in page}
    expected = {"OPEN": {"edit", "activate", "discard"}, "SCHEDULED": {"unschedule", "discard"}}
    assert offered == expected.get(state, set())
    assert state in page


@pytest.mark.parametrize("identity", ["41", "x", "-1", "9" * 30, "%00"])
@pytest.mark.parametrize("page", ["change/", "edit", "approve", "activate", "unschedule", "discard"])
def test_a_draft_that_is_none_is_not_found(operator: Client, identity: str, page: str) -> None:
    assert operator.get(f"/admin/policies/policydraft/{identity}/{page}").status_code in {301, 302, 404}


# Editing


def test_an_edit_is_kept_and_told_as_not_in_force(operator: Client) -> None:
    draft = make_draft(split_percentage="20")

    answer = post(operator, "edit", draft, split_percentage="25.5", note="Slower.")

    draft.refresh_from_db()
    assert answer.headers["Location"] == address("change", draft)
    assert (str(draft.split_percentage), draft.note, draft.edited_by) == ("25.50", "Slower.", "operator")
    assert version() == 1


@pytest.mark.parametrize(("field", "text"), [
    ("split_percentage", "101"), ("max_daily_real_loss", "-5"), ("max_engine_flaps", "1.5"), ("note", " "),
    ("configured_mode", "BOTH"), ("heartbeat_ttl_seconds", ""),
])  # fmt: skip
def test_a_mistake_is_told_beside_its_field_and_changes_nothing(operator: Client, field: str, text: str) -> None:
    draft = make_draft(split_percentage="20")

    page = post(operator, "edit", draft, **{field: text})

    draft.refresh_from_db()
    assert list(page.context["form"].errors) == [field]
    assert page.context["form"][field].value() == text
    assert draft.revision == 1


def test_of_two_editors_the_second_sees_both_changes_and_what_he_typed(operator: Client) -> None:
    draft = make_draft(split_percentage="20")
    form = operator.get(address("edit", draft)).context["form"]
    theirs = policy_settings(split_percentage="30", configured_mode="SHADOW_ONLY")
    edit_draft(BOB, draft.pk, content=theirs, note="Theirs.", revision=1)

    page = post(operator, "edit", draft, revision=form["revision"].value(), split_percentage="40", note="Mine.")

    conflict, kept = page.context["conflict"], page.context["form"]
    draft.refresh_from_db()
    assert "bob edited this draft in the meantime" in text_of(page)
    assert [change.after for change in conflict.theirs] == ["SHADOW_ONLY", "30.00"]
    assert {change.name: change.after for change in conflict.yours}["split_percentage"] == "40.00"
    assert (kept["split_percentage"].value(), kept["note"].value()) == ("40", "Mine.")
    assert (str(draft.split_percentage), draft.note) == ("30.00", "Theirs.")


def test_having_seen_both_the_second_may_save_his(operator: Client) -> None:
    draft = make_draft(split_percentage="20")
    edit_draft(BOB, draft.pk, content=policy_settings(split_percentage="30"), note="Theirs.", revision=1)
    shown = post(operator, "edit", draft, revision="1", split_percentage="40").context["form"]

    post(operator, "edit", draft, revision=shown["revision"].value(), split_percentage="40")

    draft.refresh_from_db()
    assert str(draft.split_percentage) == "40.00"


def test_a_draft_whose_base_was_superseded_shows_both_and_is_saved_on_top(operator: Client) -> None:
    draft = make_draft(split_percentage="20")
    theirs = make_policy(split_percentage="70")

    page = operator.get(address("edit", draft))
    post(operator, "edit", draft)

    draft.refresh_from_db()
    assert page.context["conflict"].both == {"split_percentage"}
    assert draft.base_version == theirs
    assert post(operator, "activate", draft, reason="Seen.").status_code == 302


def test_what_is_settled_cannot_be_edited(operator: Client) -> None:
    draft = make_draft()
    activate(draft)

    page = operator.get(address("edit", draft), follow=True)

    assert "can no longer be edited" in text_of(page)


# Approval


def test_another_persons_approval_is_shown_and_lets_it_be_activated(operator: Client, settings: LazySettings) -> None:
    settings.POLICY_REQUIRE_APPROVAL = True
    draft = make_draft(ADA)
    assert "needs approval by another person" in text_of(operator.get(address("change", draft)))

    refused = post(operator, "activate", draft, reason="Go.")
    post(operator, "approve", draft)
    done = post(operator, "activate", draft, reason="Go.")

    assert refused.context["form"].non_field_errors() == ["Somebody else must approve exactly this content first."]
    assert done.status_code == 302
    assert version() == 2


def test_who_has_written_it_is_offered_no_approval_and_gets_none(operator: Client) -> None:
    draft = make_draft(account_actor(User.objects.get(username="operator")))

    assert address("approve", draft) not in text_of(operator.get(address("change", draft)))
    page = post(operator, "approve", draft)

    assert page.context["form"].non_field_errors() == ["You cannot approve your own draft."]
    assert draft.approvals.count() == 0


def test_a_void_approval_is_shown_as_void(operator: Client) -> None:
    draft = make_draft(ADA)
    approve_draft(BOB, draft.pk, content_hash=draft.content_hash)
    edit_draft(ADA, draft.pk, content=policy_settings(split_percentage="90"), note="", revision=1)

    assert "of earlier content: void" in text_of(operator.get(address("change", draft)))


# Permissions, one by one


PERMISSION_OF = {
    "edit": "change_policydraft", "discard": "change_policydraft", "approve": "approve_policydraft",
    "activate": "activate_policydraft", "unschedule": "activate_policydraft",
}  # fmt: skip


@pytest.mark.parametrize("granted", sorted({*PERMISSION_OF.values(), "add_policydraft", "halt_trading"}))
def test_each_step_needs_its_own_permission_and_no_other_opens_it(granted: str) -> None:
    user = User.objects.create_user("someone", is_staff=True)
    names = (granted, "view_policydraft")
    user.user_permissions.set(Permission.objects.filter(codename__in=names, content_type__app_label="policies"))
    client = Client()
    client.force_login(user)
    draft = make_draft()

    def opens(answer: Any) -> bool:
        return bool(answer.status_code == 200)

    steps = {action: opens(client.get(address(action, draft))) for action in PERMISSION_OF}
    assert steps == {action: needed == granted for action, needed in PERMISSION_OF.items()}
    new = client.get(reverse("admin:policies_policyversion_new_version"))
    assert opens(new) == (granted == "add_policydraft")


@pytest.mark.parametrize("role", ["viewer", "analyst"])
@pytest.mark.parametrize("action", PERMISSION_OF)
def test_who_only_looks_changes_nothing(role: str, action: str) -> None:
    draft = schedule(make_draft()) if action == "unschedule" else make_draft()
    form = {"reason": "x", "content_hash": draft.content_hash, "revision": "1", "base_version": "1", "note": "x"}

    answer = logged_in(role).post(address(action, draft), form)

    assert answer.status_code == 403
    draft.refresh_from_db()
    assert (draft.revision, draft.approvals.count(), PolicyVersion.objects.count()) == (1, 0, 1)


def test_times_on_the_page_are_utc_and_iso(operator: Client) -> None:
    draft = schedule(make_draft())
    assert isinstance(draft.scheduled_at, datetime)

    assert f"{draft.scheduled_at:%Y-%m-%dT%H:%M:%SZ}" in text_of(operator.get(address("change", draft)))


# The version that came of it


def test_a_version_names_its_authors_approvers_evidence_and_decisions(operator: Client) -> None:
    draft = make_draft(configured_mode="ENGINE_B_PRIMARY")
    rests_on = "Evaluation 3: https://desk.test/3"
    edit_draft(ADA, draft.pk, content=draft.content, revision=1, note="B is ahead.", evidence=rests_on)
    draft.refresh_from_db()
    approve_draft(BOB, draft.pk, content_hash=draft.content_hash)
    activate(draft)
    experiment = make_experiment("B")
    number = experiment.policy_version_id

    page = text_of(operator.get(reverse("admin:policies_policyversion_change", args=(2,))))
    part = text_of(operator.get(reverse("admin:version_decisions", args=(number,))))

    for said in ("ada", f"Approved by bob, {timezone.now():%Y-%m-%d}", '<a href="https://desk.test/3"', "B is ahead."):
        assert said in page
    assert reverse("admin:version_decisions", args=(2,)) in page
    assert ["Engine B", experiment.decision.reason, "1"] in table_rows(part)
    assert f"policy_version={number}" in part


def test_the_list_of_versions_says_which_were_approved_and_by_whom(operator: Client) -> None:
    draft = make_draft(split_percentage="12.5")
    approve_draft(BOB, draft.pk, content_hash=draft.content_hash)
    activate(draft)

    page = operator.get(reverse("admin:policies_policyversion_changelist")).content.decode()

    assert [cell for cell in cells(page) if cell.endswith("%")] == ["12.5%", "50%"]

    assert [cell for cell in cells(page) if "pproved" in cell] == [
        f"Approved by bob, {timezone.now():%Y-%m-%d}", "Not approved",
    ]  # fmt: skip


def test_a_version_without_a_draft_says_so(operator: Client) -> None:
    page = text_of(operator.get(reverse("admin:policies_policyversion_change", args=(1,))))

    assert "Not approved" in page
    assert re.search(r"Max daily real loss.*?>\s*off\s*<", page, re.DOTALL)
    assert "None yet." in text_of(operator.get(reverse("admin:version_decisions", args=(1,))))
    assert logged_in().get(reverse("admin:version_decisions", args=(1,))).status_code == 403
