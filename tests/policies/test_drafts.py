"""Drafts: prepared beside the policy in force, edited by one at a time, put in force or given up."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest

from kernel.errors import DomainError
from policies.core.settings import PolicySettings
from policies.drafts import activate_draft, discard_draft, edit_draft, start_draft
from policies.models import DraftState, PolicyDraft, PolicyVersion
from policies.selectors import NoPolicyError, active_policy, state_in_force
from tests.database import execute, refusal_of, value
from tests.factories import make_policy, policy_settings
from tests.policies.control import ADA, BOB, activate, make_draft
from tests.threads import (
    in_background,
    succeeded,
    tables_without_constraints,
    together,
    uncommitted,
    unguarded,
    wait_for_blocked_sessions,
)


def edit(draft: PolicyDraft, split: str = "30", *, by: object = BOB, revision: int = 1) -> PolicyDraft:
    content = policy_settings(split_percentage=split)
    return edit_draft(by, draft.pk, content=content, note="Other.", revision=revision)  # type: ignore[arg-type]


@pytest.mark.django_db
def test_a_draft_starts_from_the_version_in_force_and_is_not_in_force() -> None:
    active = make_policy(split_percentage="12.5")

    draft = start_draft(ADA)

    assert (draft.base_version, draft.state, draft.created_by) == (active, DraftState.OPEN, "ada")
    assert draft.content == active.content
    assert draft.content_hash == active.content_hash
    assert active_policy() == active


@pytest.mark.django_db
def test_a_draft_that_restores_takes_the_old_content_on_top_of_the_present_version() -> None:
    old = make_policy(configured_mode="SHADOW_ONLY", split_percentage="1")
    present = make_policy(split_percentage="99")

    draft = start_draft(ADA, content=old.content, note="Back.")

    assert (draft.base_version, draft.note) == (present, "Back.")
    assert draft.content_hash == old.content_hash


@pytest.mark.django_db
def test_without_a_policy_a_draft_says_what_to_run() -> None:
    execute("TRUNCATE policy_versions CASCADE")

    with pytest.raises(NoPolicyError, match="migrate"):
        start_draft(ADA)


@pytest.mark.django_db
def test_an_edit_changes_content_hash_revision_and_authors() -> None:
    draft = make_draft(split_percentage="20")

    edited = edit(draft, "30")

    assert edited.content.split_percentage == Decimal("30.00")
    assert edited.content_hash == policy_settings(split_percentage="30").content_hash() != draft.content_hash
    assert (edited.note, edited.edited_by, edited.revision) == ("Other.", "bob", 2)
    assert edited.authors == ["ada", "bob"]


@pytest.mark.django_db
def test_an_edit_of_what_somebody_else_has_edited_is_refused_and_changes_nothing() -> None:
    draft = make_draft()
    edit(draft, "30", by=BOB)

    with pytest.raises(DomainError, match="bob edited this draft in the meantime") as caught:
        edit(draft, "40", by=ADA)

    draft.refresh_from_db()
    assert caught.value.code == "draft_changed"
    assert (draft.split_percentage, draft.revision) == (Decimal("30.00"), 2)


@pytest.mark.django_db
def test_activation_puts_the_content_in_force_and_settles_the_draft() -> None:
    draft = make_draft(configured_mode="SHADOW_ONLY", split_percentage="20")

    activated = activate(draft, BOB)

    policy = active_policy()
    assert policy is not None
    assert (policy.version, policy.configured_mode, policy.content_hash) == (2, "SHADOW_ONLY", draft.content_hash)
    assert (policy.created_by, policy.note) == ("bob", "A test.")
    assert (activated.state, activated.activated_version) == (DraftState.ACTIVATED, policy)
    assert activated.settled_at is not None


@pytest.mark.django_db
def test_a_draft_without_a_note_takes_the_reason_of_its_activation() -> None:
    activate(start_draft(ADA))

    policy = active_policy()
    assert policy is not None
    assert policy.note == "It is time."


@pytest.mark.django_db
@pytest.mark.parametrize("reason", ["", " \n"])
def test_activation_and_discarding_need_a_reason(reason: str) -> None:
    draft = make_draft()

    for act in (partial(activate_draft, content_hash=draft.content_hash), discard_draft):
        with pytest.raises(DomainError) as caught:
            act(ADA, draft.pk, reason=reason)
        assert (caught.value.code, caught.value.pointer) == ("reason_missing", "/reason")
    assert PolicyVersion.objects.count() == 1


@pytest.mark.django_db
def test_what_was_edited_after_the_look_is_not_activated() -> None:
    draft = make_draft(split_percentage="20")
    edit(draft, "30")

    with pytest.raises(DomainError, match="review it again") as caught:
        activate_draft(ADA, draft.pk, reason="It is time.", content_hash=draft.content_hash)

    assert caught.value.code == "draft_changed"
    assert PolicyVersion.objects.count() == 1


@pytest.mark.django_db
def test_a_draft_whose_base_was_superseded_is_refused_and_stays_open() -> None:
    draft = make_draft(split_percentage="20")
    theirs = make_policy(split_percentage="70")

    with pytest.raises(DomainError, match="Version 2 was activated in the meantime") as caught:
        activate(draft)

    draft.refresh_from_db()
    assert caught.value.code == "policy_conflict"
    assert active_policy() == theirs
    assert (draft.state, draft.split_percentage) == (DraftState.OPEN, Decimal("20.00"))


@pytest.mark.django_db
def test_saved_on_top_of_the_present_version_it_can_come_into_force() -> None:
    draft = make_draft(split_percentage="20")
    theirs = make_policy(split_percentage="70")

    edit_draft(ADA, draft.pk, content=draft.content, note="", revision=1, base_version=theirs.version)
    activated = activate(draft)

    assert activated.activated_version is not None
    assert activated.activated_version.base_version == theirs
    assert state_in_force().settings.split_percentage == Decimal("20.00")


@pytest.mark.django_db
@pytest.mark.parametrize("base", [0, 41])
def test_a_draft_cannot_be_put_on_top_of_a_version_that_does_not_exist(base: int) -> None:
    draft = make_draft()

    with pytest.raises(DomainError, match=f"Policy version {base} does not exist"):
        edit_draft(ADA, draft.pk, content=draft.content, note="", revision=1, base_version=base)


@pytest.mark.django_db
def test_a_discarded_draft_stays_readable_and_takes_no_more() -> None:
    draft = discard_draft(ADA, make_draft(split_percentage="20").pk, reason="Too wild.")

    assert (draft.state, draft.refusal, draft.split_percentage) == ("DISCARDED", "Too wild.", Decimal("20.00"))
    for act in (partial(edit, draft), partial(activate, draft), partial(discard_draft, ADA, draft.pk, reason="x")):
        with pytest.raises(DomainError, match="discarded; it must be open"):
            act()


@pytest.mark.django_db
def test_a_draft_that_does_not_exist_is_told() -> None:
    with pytest.raises(DomainError) as caught:
        discard_draft(ADA, 41, reason="x")

    assert caught.value.code == "not_found"


@pytest.mark.django_db
def test_the_database_keeps_every_draft() -> None:
    make_draft()

    assert refusal_of("DELETE FROM policy_drafts") == "policy_drafts is append-only: DELETE is refused"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'LATER'", "policy_drafts_state_known"),
        ("state = 'ACTIVATED'", "policy_drafts_activated_has_version"),
        ("activated_version_id = 1", "policy_drafts_activated_has_version"),
        ("state = 'SCHEDULED'", "policy_drafts_scheduled_has_time_and_reason"),
    ],
)
def test_the_database_refuses_a_draft_in_a_state_that_cannot_be(change: str, constraint: str) -> None:
    make_draft()

    assert refusal_of(f"UPDATE policy_drafts SET {change}") == constraint


# Two operators at the same moment


@pytest.mark.django_db(transaction=True)
def test_of_many_drafts_of_one_base_activated_at_once_one_comes_into_force() -> None:
    drafts = [make_draft(split_percentage=str(n)) for n in range(1, 6)]

    results = together(*[partial(activate, draft) for draft in drafts])

    losers = [result.code for result in results if isinstance(result, DomainError)]
    assert losers == ["policy_conflict"] * 4
    assert PolicyVersion.objects.count() == 2
    assert PolicyDraft.objects.filter(state=DraftState.OPEN).count() == 4


@pytest.mark.django_db(transaction=True)
def test_control_without_the_keys_every_draft_would_come_into_force() -> None:
    drafts = [make_draft(split_percentage=str(n)) for n in range(1, 4)]

    with tables_without_constraints("policy_versions", "policy_drafts"):
        succeeded(together(*[unguarded(partial(activate, draft)) for draft in drafts]))

        assert value("SELECT count(*) FROM unguarded.policy_versions WHERE version = 2") == 3


@pytest.mark.django_db(transaction=True)
def test_one_draft_activated_by_many_at_once_makes_one_version() -> None:
    draft = make_draft(split_percentage="20")

    results = together(*[partial(activate, draft)] * 4)

    assert [type(result).__name__ for result in results].count("PolicyDraft") == 1
    assert PolicyVersion.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_activation_waits_for_an_unfinished_edit_and_then_refuses() -> None:
    draft = make_draft(split_percentage="20")
    look = partial(activate_draft, ADA, draft.pk, reason="It is time.", content_hash=draft.content_hash)

    with uncommitted(partial(edit, draft, "90")) as commit, in_background(look) as activation:
        wait_for_blocked_sessions()
        commit()

        with pytest.raises(DomainError, match="was edited after you opened it"):
            activation.result()

    assert PolicyVersion.objects.count() == 1


def _activate_without_the_lock(draft: PolicyDraft) -> PolicySettings:
    """Do what an activation would do that reads the draft and does not lock it."""
    found = PolicyDraft.objects.get(pk=draft.pk)
    assert found.content_hash == draft.content_hash
    return found.content


@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_an_activation_would_not_see_the_unfinished_edit() -> None:
    draft = make_draft(split_percentage="20")

    with uncommitted(partial(edit, draft, "90")) as commit:
        outdated = _activate_without_the_lock(draft)
        commit()

    draft.refresh_from_db()
    assert outdated != draft.content
