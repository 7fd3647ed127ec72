"""A draft is activated, scheduled, called off or discarded: with a reason, at a time in UTC, as it was looked at."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from policies.drafts import edit_draft
from policies.models import PolicyDraft
from policies.selectors import active_policy
from tests.factories import policy_settings
from tests.orchestrator_site.console.draft_steps import address, post, text_of, version
from tests.orchestrator_site.console.rows import logged_in
from tests.pages import cells
from tests.policies.control import BOB, activate, entries, make_draft, schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> Client:
    return logged_in("operator")


def test_activation_puts_it_in_force_with_name_and_reason(operator: Client) -> None:
    draft = make_draft(configured_mode="SHADOW_ONLY")

    page = operator.post(
        address("activate", draft), {"reason": "Fills are odd.", "content_hash": draft.content_hash}, follow=True
    )

    policy = active_policy()
    assert policy is not None
    assert (policy.configured_mode, policy.created_by) == ("SHADOW_ONLY", "operator")
    assert "Version 2 is active from the next decision on." in text_of(page)
    (entry,) = entries("policy.activated")
    assert (entry.actor, entry.reason, entry.address) == ("operator", "Fills are odd.", "127.0.0.1")


@pytest.mark.parametrize("reason", ["", "   "])
def test_activation_without_a_reason_is_told_beside_the_field(operator: Client, reason: str) -> None:
    page = post(operator, "activate", make_draft(), reason=reason)

    assert list(page.context["form"].errors) == ["reason"]
    assert version() == 1


@pytest.mark.parametrize(
    "at", ["tomorrow", "2026-13-01T00:00", "25:00", "2026-03-16", "9999-12-31T23:59-23:59", "\x00"]
)
def test_a_time_that_is_none_is_told_beside_the_field_and_kept(operator: Client, at: str) -> None:
    page = post(operator, "activate", make_draft(), reason="Later.", at=at)

    assert list(page.context["form"].errors) == ["at"]
    assert page.context["form"]["reason"].value() == "Later."
    assert PolicyDraft.objects.get().state == "OPEN"


def test_a_time_that_has_passed_is_told_beside_the_field(operator: Client) -> None:
    page = post(operator, "activate", make_draft(), reason="Later.", at="2020-01-01T00:00Z")

    assert page.context["form"].errors["at"] == ["Choose a time in the future, or activate now."]


@pytest.mark.parametrize(("typed", "offset_hours"), [("", 0), ("Z", 0), ("+02:00", 2)])
def test_a_time_without_an_offset_is_utc(operator: Client, typed: str, offset_hours: int) -> None:
    tomorrow = (timezone.now() + timedelta(days=1)).replace(second=0, microsecond=0)
    draft = make_draft()

    page = post(operator, "activate", draft, reason="Later.", at=f"{tomorrow:%Y-%m-%dT%H:%M}{typed}")

    draft.refresh_from_db()
    assert page.status_code == 302
    assert draft.scheduled_at == tomorrow.astimezone(UTC) - timedelta(hours=offset_hours)
    assert version() == 1


def test_what_was_edited_since_the_page_was_shown_is_shown_again_instead(operator: Client) -> None:
    draft = make_draft(split_percentage="20")
    looked_at = draft.content_hash
    edit_draft(BOB, draft.pk, content=policy_settings(split_percentage="90"), note="", revision=1)

    page = operator.post(address("activate", draft), {"reason": "Go.", "content_hash": looked_at})

    assert "was edited after you opened it" in text_of(page)
    assert "90.00" in cells(text_of(page))
    assert page.context["form"]["reason"].value() == "Go."
    assert version() == 1


def test_the_second_of_two_activations_sees_both_changes(operator: Client) -> None:
    mine, theirs = make_draft(split_percentage="20"), make_draft(split_percentage="30", configured_mode="SHADOW_ONLY")
    activate(theirs)

    page = operator.post(address("activate", mine), {"reason": "Go.", "content_hash": mine.content_hash})

    conflict = page.context["conflict"]
    assert [change.name for change in conflict.theirs] == ["configured_mode", "split_percentage"]
    assert [change.after for change in conflict.yours] == ["20.00"]
    assert version() == 2


def test_a_scheduled_draft_can_be_called_off_with_a_reason(operator: Client) -> None:
    draft = schedule(make_draft())

    assert list(post(operator, "unschedule", draft, reason="").context["form"].errors) == ["reason"]
    post(operator, "unschedule", draft, reason="Not today.")

    draft.refresh_from_db()
    assert draft.state == "OPEN"


def test_discarding_needs_a_reason_and_keeps_it(operator: Client) -> None:
    draft = make_draft()

    assert list(post(operator, "discard", draft, reason="").context["form"].errors) == ["reason"]
    post(operator, "discard", draft, reason="Too wild.")

    draft.refresh_from_db()
    assert (draft.state, draft.refusal) == ("DISCARDED", "Too wild.")
