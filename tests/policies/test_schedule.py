"""Scheduled activation: once, on time or late, and refused when the ground has moved."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from structlog.testing import capture_logs

from kernel.errors import DomainError
from policies.drafts import activate_draft, activate_due_drafts, discard_draft, unschedule_draft
from policies.models import PolicyDraft, PolicyVersion
from policies.selectors import active_policy
from policies.tasks import activate_due_drafts as task
from tests.factories import make_policy
from tests.policies.control import ADA, BOB, activate, entries, let_it_be_due, make_draft, schedule
from tests.threads import in_background, succeeded, together, uncommitted


@pytest.mark.django_db
def test_a_scheduled_draft_is_not_in_force_before_its_time() -> None:
    draft = schedule(make_draft())

    assert activate_due_drafts() == []
    assert draft.state == "SCHEDULED"
    assert PolicyVersion.objects.count() == 1


@pytest.mark.django_db
def test_when_its_time_has_come_it_comes_into_force_once() -> None:
    draft = schedule(make_draft(split_percentage="20"), BOB)
    let_it_be_due(draft)

    assert task() == 1
    assert task() == 0

    policy = active_policy()
    assert policy is not None
    assert (policy.version, policy.created_by, policy.content_hash) == (2, "bob", draft.content_hash)


@pytest.mark.django_db
def test_one_that_was_due_while_nothing_ran_is_applied_and_told_as_late() -> None:
    draft = schedule(make_draft())
    let_it_be_due(draft, seconds_ago=7200)

    with capture_logs() as logs:
        activate_due_drafts()

    late = [line for line in logs if line["event"] == "policy.activated_late"]
    assert [(line["draft_id"], line["late_seconds"]) for line in late] == [(draft.pk, 7200)]
    assert [entry.reason for entry in entries("policy.activated_late")] == ["7200 seconds late"]
    assert PolicyVersion.objects.count() == 2


@pytest.mark.django_db
def test_one_that_is_on_time_is_not_told_as_late() -> None:
    let_it_be_due(schedule(make_draft()))

    with capture_logs() as logs:
        activate_due_drafts()

    assert "policy.activated_late" not in [line["event"] for line in logs]


@pytest.mark.django_db
def test_due_after_another_version_came_into_force_it_is_refused_and_says_why() -> None:
    draft = schedule(make_draft())
    theirs = make_policy(split_percentage="70")
    let_it_be_due(draft)

    with capture_logs() as logs:
        (settled,) = activate_due_drafts()

    assert (settled.state, settled.refusal) == (
        "REFUSED", "Version 2 was activated in the meantime; start again from it.",
    )  # fmt: skip
    assert active_policy() == theirs
    assert "policy.activation_refused" in [line["event"] for line in logs]
    assert [entry.actor for entry in entries("draft.refused")] == ["system"]


@pytest.mark.django_db
def test_of_two_that_are_due_the_earlier_wins_and_the_later_is_refused() -> None:
    later, earlier = schedule(make_draft(split_percentage="20")), schedule(make_draft(split_percentage="30"))
    let_it_be_due(later, seconds_ago=10)
    let_it_be_due(earlier, seconds_ago=20)

    settled = activate_due_drafts()

    assert [(draft.pk, draft.state) for draft in settled] == [(earlier.pk, "ACTIVATED"), (later.pk, "REFUSED")]


@pytest.mark.django_db
def test_a_scheduled_draft_that_is_called_off_is_open_again() -> None:
    draft = unschedule_draft(BOB, schedule(make_draft()).pk, reason="Not today.")

    assert (draft.state, draft.scheduled_at) == ("OPEN", None)
    assert activate(draft).state == "ACTIVATED"


@pytest.mark.django_db
def test_a_scheduled_draft_can_be_discarded() -> None:
    draft = schedule(make_draft())
    discard_draft(BOB, draft.pk, reason="Too wild.")
    let_it_be_due(draft)

    assert activate_due_drafts() == []


@pytest.mark.django_db
@pytest.mark.parametrize("seconds", [0, -1, -86400])
def test_a_time_that_has_passed_is_refused(seconds: int) -> None:
    draft = make_draft()

    with pytest.raises(DomainError) as caught:
        activate_draft(
            ADA, draft.pk, reason="x", content_hash=draft.content_hash, at=timezone.now() + timedelta(seconds=seconds)
        )

    assert (caught.value.code, caught.value.pointer) == ("time_passed", "/at")
    assert PolicyDraft.objects.get().state == "OPEN"


@pytest.mark.django_db(transaction=True)
def test_many_workers_that_start_together_apply_it_once() -> None:
    let_it_be_due(schedule(make_draft()))

    settled = succeeded(together(*[activate_due_drafts] * 5))

    assert sum(len(drafts) for drafts in settled) == 1
    assert PolicyVersion.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_draft_that_another_worker_has_in_hand_is_passed_over() -> None:
    let_it_be_due(schedule(make_draft()))

    with uncommitted(activate_due_drafts) as commit, in_background(activate_due_drafts) as second:
        assert second.result() == []
        commit()

    assert PolicyVersion.objects.count() == 2
