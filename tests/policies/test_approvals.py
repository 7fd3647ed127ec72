"""Approval: another person, exactly this content, and only where the site asks for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.conf import LazySettings

from kernel.actors import Actor
from kernel.errors import DomainError
from policies.drafts import activate_due_drafts, approve_draft, edit_draft, is_approved
from policies.models import PolicyDraft, PolicyVersion
from policies.selectors import active_policy, state_in_force
from policies.services import engage_halt, set_engine_enabled
from tests.database import refusal_of
from tests.factories import policy_settings
from tests.policies.control import ADA, BOB, EVE, activate, let_it_be_due, make_draft, schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def four_eyes(settings: LazySettings) -> None:
    settings.POLICY_REQUIRE_APPROVAL = True


def approve(draft: PolicyDraft, by: Actor = BOB) -> None:
    draft.refresh_from_db()
    approve_draft(by, draft.pk, content_hash=draft.content_hash)


def edit(draft: PolicyDraft, by: Actor, split: str) -> None:
    draft.refresh_from_db()
    content = policy_settings(split_percentage=split)
    edit_draft(by, draft.pk, content=content, note="", revision=draft.revision)


@pytest.mark.usefixtures("four_eyes")
def test_without_another_persons_approval_nothing_comes_into_force() -> None:
    draft = make_draft()

    with pytest.raises(DomainError, match="Somebody else must approve exactly this content") as caught:
        activate(draft)

    assert caught.value.code == "approval_missing"
    assert PolicyVersion.objects.count() == 1


@pytest.mark.usefixtures("four_eyes")
def test_with_it_the_draft_comes_into_force() -> None:
    draft = make_draft(split_percentage="20")

    approve(draft)
    activate(draft)

    policy = active_policy()
    assert policy is not None
    assert policy.content_hash == draft.content_hash


@pytest.mark.usefixtures("four_eyes")
def test_the_one_who_approved_may_activate() -> None:
    draft = make_draft()
    approve(draft, BOB)

    assert activate(draft, BOB).activated_version is not None


def test_where_the_site_asks_for_no_approval_none_is_needed() -> None:
    assert activate(make_draft()).activated_version is not None


@pytest.mark.usefixtures("four_eyes")
def test_nobody_approves_what_he_has_written() -> None:
    draft = make_draft(ADA)

    with pytest.raises(DomainError, match="You cannot approve your own draft") as caught:
        approve(draft, ADA)

    assert caught.value.code == "own_draft"
    assert not is_approved(draft)


@pytest.mark.usefixtures("four_eyes")
def test_nobody_approves_what_he_has_once_edited() -> None:
    draft = make_draft(ADA)
    edit(draft, BOB, "30")
    edit(draft, ADA, "40")

    with pytest.raises(DomainError, match="cannot approve your own"):
        approve(draft, BOB)
    approve(draft, EVE)
    assert is_approved(draft)


@pytest.mark.usefixtures("four_eyes")
def test_an_author_whose_account_was_renamed_is_an_author_still() -> None:
    author = replace(ADA, account_id=7)
    draft = make_draft(author)

    with pytest.raises(DomainError, match="cannot approve your own"):
        approve(draft, replace(author, name="somebody else"))


@pytest.mark.usefixtures("four_eyes")
def test_another_account_that_has_got_the_authors_name_may_approve() -> None:
    draft = make_draft(replace(ADA, account_id=7))

    approve(draft, replace(ADA, account_id=8))

    assert is_approved(draft)


def test_no_account_passes_for_a_command_by_its_name() -> None:
    command, account = Actor("account 7"), Actor("account 7", account_id=8)

    assert len({command.person, account.person, Actor("any", account_id=7).person}) == 3


def test_the_database_refuses_an_approval_by_an_author() -> None:
    draft = make_draft(replace(ADA, account_id=7))

    refusal = refusal_of(
        "INSERT INTO policy_approvals (draft_id, content_hash, approved_by, approver, approved_at)"
        f" VALUES ({draft.pk}, '{draft.content_hash}', 'bob', 'account 7', now())"
    )

    assert "by one of its authors" in refusal


@pytest.mark.usefixtures("four_eyes")
def test_an_edit_voids_the_approval() -> None:
    draft = make_draft(ADA, split_percentage="20")
    approve(draft)

    edit(draft, ADA, "90")

    with pytest.raises(DomainError, match="exactly this content"):
        activate(draft)


@pytest.mark.usefixtures("four_eyes")
def test_the_approval_of_one_who_then_edits_counts_no_more() -> None:
    draft = make_draft(ADA, split_percentage="20")
    approve(draft, BOB)
    edit(draft, BOB, "90")

    edit(draft, BOB, "20")

    with pytest.raises(DomainError, match="exactly this content"):
        activate(draft)


@pytest.mark.usefixtures("four_eyes")
def test_the_approved_content_put_back_is_approved_still() -> None:
    draft = make_draft(ADA, split_percentage="20")
    approve(draft, BOB)

    edit(draft, ADA, "90")
    edit(draft, ADA, "20")

    assert activate(draft).activated_version is not None


def test_what_was_edited_after_the_look_is_not_approved() -> None:
    draft = make_draft(ADA)
    looked_at = draft.content_hash
    edit(draft, ADA, "90")

    with pytest.raises(DomainError, match="review it again") as caught:
        approve_draft(BOB, draft.pk, content_hash=looked_at)

    assert caught.value.code == "draft_changed"


def test_approving_twice_is_one_approval() -> None:
    draft = make_draft()

    approve(draft)
    approve(draft)

    assert draft.approvals.count() == 1


@pytest.mark.usefixtures("four_eyes")
def test_a_scheduled_activation_needs_the_approval_when_it_is_ordered() -> None:
    draft = make_draft()

    with pytest.raises(DomainError, match="exactly this content"):
        schedule(draft)
    approve(draft)
    assert schedule(draft).state == "SCHEDULED"


def test_approval_asked_for_since_it_was_scheduled_is_asked_for_when_it_is_due(settings: LazySettings) -> None:
    draft = schedule(make_draft())
    let_it_be_due(draft)
    settings.POLICY_REQUIRE_APPROVAL = True

    (settled,) = activate_due_drafts()

    assert settled.state == "REFUSED"
    assert "Somebody else must approve" in settled.refusal
    assert PolicyVersion.objects.count() == 1


@pytest.mark.usefixtures("four_eyes")
def test_the_kill_switch_and_an_engines_switch_wait_for_nobody() -> None:
    engage_halt(ADA, reason="strange fills")
    set_engine_enabled(ADA, "A", enabled=False, reason="strange fills")

    assert state_in_force().halted


def test_the_database_keeps_every_approval() -> None:
    approve(make_draft())

    for statement in ("DELETE FROM policy_approvals", "UPDATE policy_approvals SET approved_by = 'x'"):
        assert "is append-only" in refusal_of(statement)
