"""The form for a new policy version: prefilled, judged field by field, and what it makes is a draft."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from policies.core.settings import Change, diff
from policies.models import PolicyDraft, PolicyVersion
from policies.selectors import active_policy
from tests.factories import make_policy, policy_settings
from tests.orchestrator_site.console.rows import logged_in
from tests.pages import cells, table_rows

pytestmark = pytest.mark.django_db

NEW = "admin:policies_policyversion_new_version"


@pytest.fixture
def operator() -> Client:
    return logged_in("operator")


def typed(client: Client, **changes: Any) -> dict[str, Any]:
    """Return the form as the page fills it in, with these changes typed."""
    form = client.get(reverse(NEW)).context["form"]
    filled = {name: "" if (value := form[name].value()) is None else value for name in form.fields}
    if not filled["live_enabled"]:
        del filled["live_enabled"]  # a box that is not ticked is not sent
    return filled | {"note": "A test."} | changes


def in_force() -> PolicyVersion:
    policy = active_policy()
    assert policy is not None
    return policy


def test_the_form_starts_from_the_version_in_force(operator: Client) -> None:
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="12.5")

    form = operator.get(reverse(NEW)).context["form"]

    assert form["configured_mode"].value() == "SPLIT_CAPITAL"
    assert str(form["split_percentage"].value()) == "12.50"
    assert form["base_version"].value() == in_force().version
    assert not form["note"].value()


def test_the_form_makes_a_draft_that_is_not_in_force(operator: Client) -> None:
    before = in_force()

    answer = operator.post(reverse(NEW), typed(operator, configured_mode="SHADOW_ONLY", note="Too wild."))

    made = PolicyDraft.objects.get()
    assert answer.headers["Location"] == reverse("admin:policies_policydraft_change", args=(made.pk,))
    assert (made.base_version, made.configured_mode, made.note) == (before, "SHADOW_ONLY", "Too wild.")
    assert (made.created_by, made.state) == ("operator", "OPEN")
    assert in_force() == before


@pytest.mark.parametrize(("share", "warned"), [("0.5", True), ("50", False)])
def test_a_share_that_looks_like_a_fraction_is_drafted_with_a_warning(
    operator: Client, share: str, warned: bool
) -> None:
    page = operator.post(reverse(NEW), typed(operator, split_percentage=share), follow=True)

    said = [str(message) for message in page.context["messages"]]
    doubt = "Check the split percentage: 0.50 is a percentage, not a fraction: of 10,000 signals, 50 go to engine A."
    assert ((doubt in said), len(said)) == (warned, 1 + warned)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("split_percentage", "100.01"),
        ("split_percentage", "50.123"),
        ("split_percentage", "NaN"),
        ("split_percentage", ""),
        ("heartbeat_ttl_seconds", "0"),
        ("permit_ttl_seconds", "1e3"),
        ("entry_window_seconds", "-1"),
        ("exit_directive_ttl_seconds", "2592001"),
        ("fee_per_contract", "0.00001"),
        ("currency", "dollars"),
        ("configured_mode", "BOTH"),
        ("note", "  "),
    ],
)
def test_what_is_not_allowed_is_told_beside_its_field(operator: Client, field: str, text: str) -> None:
    page = operator.post(reverse(NEW), typed(operator, **{field: text}))

    assert page.status_code == 200
    assert list(page.context["form"].errors) == [field]
    assert PolicyDraft.objects.count() == 0


def test_all_wrong_fields_are_told_at_once_and_what_was_typed_is_kept(operator: Client) -> None:
    page = operator.post(reverse(NEW), typed(operator, split_percentage="x", heartbeat_ttl_seconds="y"))

    assert set(page.context["form"].errors) == {"split_percentage", "heartbeat_ttl_seconds"}
    assert 'value="x"' in page.content.decode()


def test_the_second_of_two_operators_is_told_and_loses_nothing(operator: Client) -> None:
    form = typed(operator, split_percentage="30", note="Mine.")
    theirs = make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="70")

    page = operator.post(reverse(NEW), form)

    conflict, kept = page.context["conflict"], page.context["form"]
    assert (in_force(), PolicyDraft.objects.count()) == (theirs, 0)
    assert [change.name for change in conflict.theirs] == ["configured_mode", "split_percentage"]
    assert [change.name for change in conflict.yours] == ["split_percentage"]
    assert conflict.both == {"split_percentage"}
    assert (kept["split_percentage"].value(), kept["note"].value()) == ("30", "Mine.")
    assert "was activated in the meantime" in page.content.decode()


def test_after_a_conflict_saving_again_makes_a_draft_on_top_of_theirs(operator: Client) -> None:
    form = typed(operator, split_percentage="30")
    theirs = make_policy(split_percentage="70")
    shown = operator.post(reverse(NEW), form).context["form"]

    operator.post(reverse(NEW), form | {"base_version": shown["base_version"].value()})

    draft = PolicyDraft.objects.get()
    assert (draft.base_version, str(draft.split_percentage)) == (theirs, "30.00")


@pytest.mark.parametrize("base", ["999", "0", "x", ""])
def test_a_forged_base_makes_no_draft(operator: Client, base: str) -> None:
    page = operator.post(reverse(NEW), typed(operator, base_version=base))

    assert page.status_code == 200
    assert PolicyDraft.objects.count() == 0


def test_restoring_fills_the_form_from_the_old_version_on_top_of_the_present_one(operator: Client) -> None:
    old = make_policy(configured_mode="SHADOW_ONLY", split_percentage="1")
    present = make_policy(configured_mode="ENGINE_A_PRIMARY", split_percentage="99")
    restore = reverse("admin:policies_policyversion_restore", args=(old.version,))

    page = operator.get(restore, follow=True)

    form = page.context["form"]
    assert (form["configured_mode"].value(), str(form["split_percentage"].value())) == ("SHADOW_ONLY", "1.00")
    assert form["base_version"].value() == present.version
    assert in_force() == present


def test_the_page_of_a_version_shows_what_it_changed(operator: Client) -> None:
    make_policy(configured_mode="SHADOW_ONLY", split_percentage="10")
    policy = make_policy(configured_mode="SHADOW_ONLY", split_percentage="90")

    page = operator.get(reverse("admin:policies_policyversion_change", args=(policy.version,))).content.decode()

    assert ["Split percentage", "10.00", "→", "90.00"] in table_rows(page)
    assert "Configured mode" not in cells(page)


def test_a_difference_is_told_setting_by_setting() -> None:
    before, after = policy_settings(), policy_settings(split_percentage="75", live_enabled="true")

    assert diff(before, after) == [
        Change("split_percentage", "50.00", "75.00"),
        Change("live_enabled", "no", "yes"),
    ]
    assert diff(before, before) == []


def test_a_guardrail_that_is_switched_on_or_off_is_told() -> None:
    off, on = policy_settings(), policy_settings(max_engine_flaps=5, max_daily_real_loss="100")

    assert diff(off, on) == [Change("max_daily_real_loss", "off", "100.00"), Change("max_engine_flaps", "off", "5")]
    assert diff(on, off) == [Change("max_daily_real_loss", "100.00", "off"), Change("max_engine_flaps", "5", "off")]
