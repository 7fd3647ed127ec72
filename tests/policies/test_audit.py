"""The audit log: every change of who may trade is in it, with who, when, why and from where, or did not happen."""

from __future__ import annotations

import getpass
import io
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from experiments.models import Experiment
from experiments.services import discard_failed, replay_experiment, requeue_failed
from kernel.actors import Actor, actor_of, command_line_actor
from kernel.audit import record
from kernel.errors import DomainError
from kernel.models import AuditEntry
from policies.core.settings import PolicySettings
from policies.drafts import (
    activate_draft,
    activate_due_drafts,
    approve_draft,
    discard_draft,
    edit_draft,
    unschedule_draft,
)
from policies.models import ApiKey, Engine, GuardrailTrip, Halt, PolicyDraft, PolicyVersion
from policies.selectors import open_halt
from policies.services import (
    create_api_key,
    create_policy_version,
    engage_halt,
    release_guardrail,
    release_halt,
    revoke_api_key,
    set_engine_enabled,
)
from signals_app.models import Signal, WebhookSource
from signals_app.webhook.sources import change_source, create_source, rotate_source, set_source_active
from tests.database import execute, refusal_of, value
from tests.factories import make_experiment, make_policy, make_signal, policy_settings
from tests.orchestrator_site.console.rows import fail, logged_in
from tests.policies.control import ADA, BOB, activate, entries, let_it_be_due, make_draft, schedule

pytestmark = pytest.mark.django_db


def content(split: str = "40") -> PolicySettings:
    return policy_settings(split_percentage=split)


def told() -> list[tuple[str, str, str, str, str]]:
    """Return who, what, to what, why, from where of every entry but the first version's, oldest first."""
    # Whoever clicks has logged in before.
    rows = AuditEntry.objects.exclude(actor="environment").exclude(action="user.logged_in").order_by("pk")
    return [(row.actor, row.action, row.subject, row.reason, row.address) for row in rows]


# One entry for every kind of change


def test_a_version_made_directly_is_told() -> None:
    create_policy_version(ADA, content(), base_version=1, note="A ramp.")

    assert told() == [("ada", "policy.created", "version 2", "A ramp.", "192.0.2.1")]


def test_the_first_version_is_told_as_the_environments() -> None:
    execute("TRUNCATE audit_log, policy_versions CASCADE")
    call_command("migrate", verbosity=0)

    (entry,) = AuditEntry.objects.all()
    assert (entry.actor, entry.action, entry.subject) == ("environment", "policy.created", "version 1")


def test_the_life_of_a_draft_is_told_step_by_step() -> None:
    draft = make_draft(ADA)
    draft = edit_draft(ADA, draft.pk, content=content(), note="A ramp.", revision=1)
    approve_draft(BOB, draft.pk, content_hash=draft.content_hash)
    activate(draft, BOB)

    name = f"draft {draft.pk}"
    assert told() == [
        ("ada", "draft.started", f"{name} of version 1", "", "192.0.2.1"),
        ("ada", "draft.edited", name, "A ramp.", "192.0.2.1"),
        ("bob", "draft.approved", name, draft.content_hash, "192.0.2.2"),
        ("bob", "policy.activated", f"version 2 from {name}", "It is time.", "192.0.2.2"),
    ]


def test_giving_a_draft_up_is_told() -> None:
    draft = discard_draft(BOB, make_draft().pk, reason="Too wild.")

    assert told()[-1] == ("bob", "draft.discarded", f"draft {draft.pk}", "Too wild.", "192.0.2.2")


def test_a_schedule_what_calls_it_off_and_what_it_refuses_are_told() -> None:
    draft = schedule(make_draft())
    unschedule_draft(BOB, draft.pk, reason="Not today.")
    draft = schedule(draft)
    make_policy(split_percentage="70")
    let_it_be_due(draft)
    activate_due_drafts()

    actions = ("draft.scheduled", "draft.unscheduled", "draft.refused")
    told_of = [(entry.actor, entry.action) for entry in entries(*actions)]
    assert told_of == [
        ("ada", "draft.scheduled"),
        ("bob", "draft.unscheduled"),
        ("ada", "draft.scheduled"),
        ("system", "draft.refused"),
    ]
    assert "Version 2 was activated" in entries("draft.refused")[0].reason


def test_the_kill_switch_is_told_both_ways() -> None:
    halt = engage_halt(ADA, reason="strange fills")
    release_halt(BOB, reason="found it")

    assert told() == [
        ("ada", "halt.engaged", f"halt {halt.pk}", "strange fills", "192.0.2.1"),
        ("bob", "halt.released", f"halt {halt.pk}", "found it", "192.0.2.2"),
    ]


def test_an_engines_switch_is_told_both_ways() -> None:
    set_engine_enabled(ADA, "B", enabled=False, reason="maintenance")
    set_engine_enabled(BOB, "B", enabled=True, reason="done")

    assert [entry[:4] for entry in told()] == [
        ("ada", "engine.switched", "engine B disabled", "maintenance"),
        ("bob", "engine.switched", "engine B enabled", "done"),
    ]  # fmt: skip


def test_keys_are_told_by_prefix_and_never_in_full() -> None:
    key, text = create_api_key(ADA, owner="feeder", name="feed")
    revoke_api_key(BOB, prefix=key.prefix)

    assert [entry[:3] for entry in told()] == [
        ("ada", "api_key.created", f"key {key.prefix} of feeder"), ("bob", "api_key.revoked", f"key {key.prefix}"),
    ]  # fmt: skip
    assert text not in str(told())


def test_sources_are_told_and_their_tokens_are_not() -> None:
    _, first = create_source(slug="tv", actor=ADA)
    _, second = rotate_source("tv", actor=BOB)
    change_source(
        "tv", name="TV", max_age_seconds=0, allowed_addresses=(), client_certificate_subject="",
        rate_limit_per_minute=None, bare_sell="entry_short", replay=False, actor=ADA,
    )  # fmt: skip
    set_source_active("tv", is_active=False, actor=BOB)
    set_source_active("tv", is_active=True, actor=BOB)

    actions = ["source.created", "source.rotated", "source.changed", "source.disabled", "source.enabled"]
    assert [(entry[1], entry[2]) for entry in told()] == [(action, "source tv") for action in actions]
    assert first not in str(told())
    assert second not in str(told())


def test_trying_failed_signals_again_is_told_with_how_many() -> None:
    failed = [fail(make_signal()).pk for _ in range(2)]

    assert requeue_failed(ADA, failed) == 2
    assert requeue_failed(ADA, failed) == 0

    assert [entry[1:3] for entry in told()] == [("signals.requeued", f"2 signals, including signal {failed[0]}")]


def test_giving_failed_signals_up_is_told_with_the_reason() -> None:
    failed = [fail(make_signal()).pk for _ in range(2)]

    assert discard_failed(ADA, failed, reason=" Not ours. ") == 2
    assert discard_failed(ADA, failed, reason="Again.") == 0

    subject = f"2 signals, including signal {failed[0]}"
    assert told() == [("ada", "signals.discarded", subject, "Not ours.", "192.0.2.1")]


def test_a_replay_by_button_is_told_with_its_result() -> None:
    experiment = make_experiment()

    assert replay_experiment(ADA, experiment.pk) == []
    assert replay_experiment(ADA, uuid4()) == []

    assert [entry[1:4] for entry in told() if entry[0] == "ada"] == [
        ("replay.run", f"experiment {experiment.pk}", "equal")
    ]


# Neither is there without the other


def held_trip() -> int:
    trip = GuardrailTrip.objects.create(
        name="max_engine_flaps", value="9", limit="3", policy_version_id=1, tripped_at=timezone.now()
    )
    return trip.pk


CHANGES: dict[str, Callable[[], object]] = {
    "version": lambda: create_policy_version(ADA, content(), base_version=1, note="A ramp."),
    "draft": make_draft,
    "halt": lambda: engage_halt(ADA, reason="x"),
    "switch": lambda: set_engine_enabled(ADA, "A", enabled=False, reason="x"),
    "key": lambda: create_api_key(ADA, owner="feeder", name="x"),
    "source": lambda: create_source(slug="tv", actor=ADA),
}


def state_of_the_world() -> list[object]:
    tables = (PolicyVersion, PolicyDraft, Halt, Engine, ApiKey, WebhookSource, Signal, Experiment)
    return [list(table._default_manager.order_by("pk").values()) for table in tables]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_that_cannot_be_told_does_not_happen(change: Callable[[], object]) -> None:
    before = state_of_the_world()
    execute("ALTER TABLE audit_log ADD CONSTRAINT audit_log_full CHECK (false) NOT VALID")

    with pytest.raises(Exception):  # noqa: B017, PT011 (whatever the service makes of it)
        change()

    execute("ALTER TABLE audit_log DROP CONSTRAINT audit_log_full")
    assert state_of_the_world() == before


def test_a_change_that_is_refused_is_not_told() -> None:
    engage_halt(ADA, reason="x")
    draft = make_draft()
    already = told()
    refused: list[Callable[[], object]] = [
        lambda: engage_halt(BOB, reason="again"),
        lambda: create_policy_version(BOB, content(), base_version=7, note="x"),
        lambda: activate_draft(BOB, draft.pk, reason="x", content_hash="0" * 64),
        lambda: approve_draft(ADA, draft.pk, content_hash=draft.content_hash),
        lambda: release_guardrail(BOB, 41, reason="x"),
        lambda: set_engine_enabled(BOB, "C", enabled=False, reason="x"),
    ]

    for number, change in enumerate(refused):
        with pytest.raises(DomainError):
            change()
        assert told() == already, number


def test_an_entry_has_the_database_clock() -> None:
    record(ADA, "draft.started", "draft 1")

    entry = AuditEntry.objects.get(actor="ada")
    assert value("SELECT now()") <= entry.at <= value("SELECT clock_timestamp()")


def test_the_database_refuses_to_change_or_forget_an_entry() -> None:
    record(ADA, "draft.started", "draft 1")

    for statement in ("UPDATE audit_log SET actor = 'bob'", "DELETE FROM audit_log"):
        # As the partition says it that the entry lies in.
        assert "is append-only" in refusal_of(statement)


# Who and from where


def test_a_person_in_the_admin_is_told_with_the_address_of_the_request() -> None:
    client = logged_in("operator")
    form = {"reason": "Broker is down.", "confirmation": "HALT"}

    client.post(reverse("admin:kill_switch"), form, REMOTE_ADDR="198.51.100.7")

    assert told() == [("operator", "halt.engaged", f"halt {_open_halt_id()}", "Broker is down.", "198.51.100.7")]


def test_behind_a_proxy_the_address_is_the_one_the_proxy_saw(settings: object) -> None:
    settings.TRUSTED_PROXIES = 1  # type: ignore[attr-defined]
    client: Client = logged_in("operator")

    client.post(
        reverse("admin:kill_switch"), {"reason": "x", "confirmation": "HALT"},
        REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="6.6.6.6, 198.51.100.7",
    )  # fmt: skip

    assert told()[0][4] == "198.51.100.7"


def test_a_forged_address_is_not_believed_where_there_is_no_proxy() -> None:
    logged_in("operator").post(
        reverse("admin:kill_switch"), {"reason": "x", "confirmation": "HALT"},
        REMOTE_ADDR="198.51.100.7", HTTP_X_FORWARDED_FOR="127.0.0.1",
    )  # fmt: skip

    assert told()[0][4] == "198.51.100.7"


def test_the_command_line_is_told_with_its_user() -> None:
    call_command("halt", "--reason", "strange fills", stdout=io.StringIO())

    assert told()[0][:2] == (f"command line ({getpass.getuser()})", "halt.engaged")
    assert told()[0][4] == ""


@pytest.mark.parametrize("error", [KeyError("uid not found"), OSError("No username set in the environment")])
def test_a_user_id_without_a_name_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def no_name() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", no_name)

    assert command_line_actor().name.startswith("command line (uid ")
    call_command("halt", "--reason", "x", stdout=io.StringIO())
    assert open_halt() is not None


def test_a_very_long_user_name_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "u" * 500)

    call_command("halt", "--reason", "x", stdout=io.StringIO())

    assert len(told()[0][0]) <= 150


def test_a_subject_that_is_too_long_is_cut_and_stops_nothing() -> None:
    record(Actor("ada"), "signals.requeued", "s" * 500)

    assert AuditEntry.objects.get(actor="ada").subject == "s" * 100


def test_an_actor_of_a_request_without_a_known_address_has_none(rf: object) -> None:
    request = rf.get("/")  # type: ignore[attr-defined]
    request.user = User(username="ada")

    assert actor_of(request) == Actor("ada", "")


def _open_halt_id() -> int:
    halt = open_halt()
    assert halt is not None
    return halt.pk
