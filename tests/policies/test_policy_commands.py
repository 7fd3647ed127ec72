"""`manage.py policy`, `engine` and `guardrail`: what operators type, and what they are told."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.utils import timezone

from policies.models import GuardrailTrip, PolicyDraft, PolicyVersion
from policies.selectors import active_policy, open_trip
from tests.database import execute
from tests.factories import engine, make_available, make_policy
from tests.policies.control import entries, make_draft, schedule

pytestmark = pytest.mark.django_db
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def run(*arguments: object) -> str:
    output = io.StringIO()
    call_command(*map(str, arguments), stdout=output)
    return output.getvalue()


def version() -> int:
    policy = active_policy()
    assert policy is not None
    return policy.version


# Looking


def test_show_prints_the_version_in_force_with_every_setting() -> None:
    make_policy(split_percentage="12.5", max_engine_flaps=4)

    shown = run("policy", "show")

    assert re.match(rf"v2  {STAMP}  AUTO  by tests: A test\.\n", shown)
    assert "split_percentage = 12.50\n" in shown
    assert "max_engine_flaps = 4\n" in shown
    assert "max_daily_real_loss = off\n" in shown


def test_show_prints_an_older_version_and_a_draft() -> None:
    make_policy(split_percentage="12.5")
    draft = make_draft(split_percentage="7")

    assert run("policy", "show", 1).startswith("v1  ")
    shown = run("policy", "show", "--draft", draft.pk)
    assert shown.startswith(f"draft {draft.pk} of v2  OPEN  by ada: A test.")
    assert f"content hash {draft.content_hash}" in shown


def test_history_is_newest_first_and_no_longer_than_asked_for() -> None:
    make_policy()
    make_policy()

    assert [line.split()[0] for line in run("policy", "history").splitlines()] == ["v3", "v2", "v1"]
    assert [line.split()[0] for line in run("policy", "history", "--last", 1).splitlines()] == ["v3"]


def test_diff_names_what_differs_and_says_when_nothing_does() -> None:
    make_policy(split_percentage="12.5", max_engine_flaps=4)

    assert run("policy", "diff", 1, 2) == "  split_percentage: 50.00 -> 12.50\n  max_engine_flaps: off -> 4\n"
    assert run("policy", "diff", 2, 2) == "  no differences\n"


@pytest.mark.parametrize("command", [
    ("show", 41), ("show", 0), ("show", -1), ("show", 10**30), ("diff", 1, 41), ("draft", "--from", 41, "--note", "x"),
])  # fmt: skip
def test_a_version_that_is_none_is_told_with_where_to_look(command: tuple[object, ...]) -> None:
    with pytest.raises(CommandError, match=r"Policy version -?\d+ does not exist"):
        run("policy", *command)


# Changing


def test_a_draft_is_made_and_says_what_it_changes() -> None:
    told = run(
        "policy", "draft", "--set", "configured_mode=SHADOW_ONLY", "--set", "split_percentage=30", "--note", "Odd."
    )

    draft = PolicyDraft.objects.get()
    assert (draft.configured_mode, str(draft.split_percentage), draft.note) == ("SHADOW_ONLY", "30.00", "Odd.")
    assert "configured_mode: AUTO -> SHADOW_ONLY" in told
    assert f"manage.py preview --draft {draft.pk}" in told
    assert version() == 1


def test_a_draft_whose_share_looks_like_a_fraction_says_what_it_means() -> None:
    meant, doubtful = (run("policy", "draft", "--set", f"split_percentage={s}", "--note", "A test.") for s in (50, 0.5))

    assert "Check split_percentage" not in meant
    assert "Check split_percentage: 0.50 is a percentage, not a fraction: of 10,000 signals, 50 go" in doubtful


def test_a_draft_restores_an_older_version_and_turns_a_guardrail_off() -> None:
    make_policy(split_percentage="12.5", max_engine_flaps=4)
    make_policy(split_percentage="90")

    run("policy", "draft", "--from", 2, "--set", "max_engine_flaps=", "--note", "Back.")

    draft = PolicyDraft.objects.get()
    assert (str(draft.split_percentage), draft.max_engine_flaps, draft.base_version_id) == ("12.50", None, 3)


@pytest.mark.parametrize(("change", "message"), [
    ("split=5", "write NAME=VALUE with one of configured_mode, split_percentage"),
    ("split_percentage", "write NAME=VALUE"),
    ("split_percentage=101", "split_percentage is '101'; allowed: a number from 0 to 100"),
    ("configured_mode=BOTH", "allowed: AUTO, SHADOW_ONLY"),
])  # fmt: skip
def test_a_wrong_setting_is_told_and_makes_no_draft(change: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run("policy", "draft", "--set", change, "--note", "x")

    assert PolicyDraft.objects.count() == 0


def test_a_draft_without_a_reason_is_refused() -> None:
    with pytest.raises(CommandError, match="--note: say why"):
        run("policy", "draft", "--set", "split_percentage=40", "--note", " ")

    assert PolicyDraft.objects.count() == 0


def test_a_draft_is_activated_by_the_command_lines_user() -> None:
    draft = make_draft(configured_mode="SHADOW_ONLY")

    told = run("policy", "activate", draft.pk, "--reason", "Odd fills.")

    assert told == "Version 2 is active from the next decision on.\n"
    (entry,) = entries("policy.activated")
    assert entry.actor.startswith("command line (")
    assert entry.reason == "Odd fills."


def test_a_draft_is_scheduled_called_off_and_discarded() -> None:
    draft = make_draft()
    tomorrow = timezone.now() + timedelta(days=1)

    told = run("policy", "activate", draft.pk, "--reason", "Later.", "--at", tomorrow.isoformat())
    assert told == f"Draft {draft.pk} is scheduled for {tomorrow:%Y-%m-%dT%H:%M:%SZ}.\n"
    assert "SCHEDULED" in run("policy", "drafts")
    run("policy", "unschedule", draft.pk, "--reason", "Not today.")
    run("policy", "discard", draft.pk, "--reason", "Never.")

    assert (PolicyDraft.objects.get().state, run("policy", "drafts"), version()) == ("DISCARDED", "", 1)


@pytest.mark.parametrize("at", ["tomorrow", "2099-01-01", "2099-01-01T00:00:00", "2099-13-01T00:00:00Z", ""])
def test_a_time_that_is_none_is_told(at: str) -> None:
    with pytest.raises(CommandError, match="it must be a time like 2026-03-16T14:30:00Z"):
        run("policy", "activate", make_draft().pk, "--reason", "x", "--at", at)

    assert PolicyDraft.objects.get().state == "OPEN"


def test_a_time_that_has_passed_is_told() -> None:
    with pytest.raises(CommandError, match="Choose a time in the future"):
        run("policy", "activate", make_draft().pk, "--reason", "x", "--at", "2020-01-01T00:00:00Z")


def test_approval_is_asked_for_on_the_command_line_too(settings: LazySettings) -> None:
    settings.POLICY_REQUIRE_APPROVAL = True

    with pytest.raises(CommandError, match="Somebody else must approve exactly this content first"):
        run("policy", "activate", make_draft().pk, "--reason", "x")


def test_a_superseded_draft_is_refused() -> None:
    draft = make_draft()
    make_policy()

    with pytest.raises(CommandError, match="Version 2 was activated in the meantime"):
        run("policy", "activate", draft.pk, "--reason", "x")


@pytest.mark.parametrize(
    "command", [("activate", "41"), ("discard", "41"), ("unschedule", "41"), ("show", "--draft", "41")]
)
def test_a_draft_that_is_none_is_told(command: tuple[str, ...]) -> None:
    reason = () if command[0] == "show" else ("--reason", "x")

    with pytest.raises(CommandError, match=r"Policy draft \d+ does not exist"):
        run("policy", *command, *reason)


def test_without_a_policy_the_command_says_what_to_run() -> None:
    execute("TRUNCATE policy_versions CASCADE")

    for command in (("show",), ("draft", "--note", "x")):
        with pytest.raises(CommandError, match="migrate"):
            run("policy", *command)


@pytest.mark.parametrize("action", ["activate", "discard"])
def test_a_blank_reason_is_refused(action: str) -> None:
    with pytest.raises(CommandError, match="Say why"):
        run("policy", action, make_draft().pk, "--reason", " ")


def test_calling_off_what_is_not_scheduled_is_refused() -> None:
    draft = schedule(make_draft())
    run("policy", "unschedule", draft.pk, "--reason", "x")

    with pytest.raises(CommandError, match="it must be scheduled"):
        run("policy", "unschedule", draft.pk, "--reason", "x")


# Engines


def test_an_engine_is_disabled_and_enabled_again() -> None:
    make_available("A", "B")

    assert run("engine", "disable", "B", "--reason", "maintenance") == "Engine B disabled.\n"
    assert not engine("B").enabled
    listed = run("engine", "list").splitlines()
    assert re.match(rf"A  available    heartbeat {STAMP}  version 1  enabled", listed[0])
    assert "B  unavailable" in listed[1]
    assert "disabled: maintenance (command line" in listed[1]

    run("engine", "enable", "B", "--reason", "done")
    assert engine("B").enabled


@pytest.mark.parametrize(("arguments", "message"), [
    (("disable", "C", "--reason", "x"), "invalid choice: 'C'"), (("disable", "A"), "required: --reason"),
    (("disable", "A", "--reason", " "), "Say why"), ((), "required: action"),
])  # fmt: skip
def test_a_wrong_engine_command_is_told_and_switches_nothing(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run("engine", *arguments)

    assert engine("A").enabled


# Guardrails


def test_a_guardrail_is_listed_and_released() -> None:
    trip = GuardrailTrip.objects.create(
        name="max_engine_flaps",
        value="9",
        limit="3",
        policy_version=PolicyVersion.objects.get(),
        tripped_at=timezone.now(),
    )

    assert re.fullmatch(
        rf"{trip.pk}  {STAMP}  Max engine reconnects per hour: 9 \(limit 3\)  TRIPPED\n", run("guardrail", "list")
    )
    assert "the policy decides again" in run("guardrail", "release", trip.pk, "--reason", "Cable.")
    assert "released" in run("guardrail", "list")
    assert open_trip() is None


def test_without_trips_the_list_says_so() -> None:
    assert run("guardrail", "list") == "No guardrail has tripped.\n"


def test_what_does_not_hold_is_not_released() -> None:
    with pytest.raises(CommandError, match=r"not tripped.*manage\.py guardrail list"):
        run("guardrail", "release", 41, "--reason", "x")
