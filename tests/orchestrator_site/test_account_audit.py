"""Accounts in the audit log: log-ins, what was changed of users and roles with before and after, never a secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from kernel.models import AuditEntry
from policies.drafts import edit_draft
from signals_app.webhook.sources import change_source
from tests.factories import make_source, policy_settings
from tests.orchestrator_site.console.rows import logged_in
from tests.policies.control import ADA, activate, entries, make_draft

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-password-1"
Told = tuple[str, str, dict[str, list[str]]]


@pytest.fixture
def root() -> Client:
    return logged_in(superuser=True)


def told(*actions: str) -> list[Told]:
    return [(entry.actor, entry.subject, entry.changes) for entry in entries(*actions)]


def change_user(client: Client, user: User, **changes: Any) -> None:
    form = {
        "username": user.username, "email": user.email, "first_name": "", "last_name": "", "is_active": "on",
        "is_staff": "on", "date_joined_0": "2026-03-16", "date_joined_1": "10:00:00",
    }  # fmt: skip
    answer = client.post(reverse("admin:auth_user_change", args=(user.pk,)), form | changes)
    assert answer.status_code == 302, answer.context["errors"]


def test_who_signs_in_and_out_is_told_with_the_address() -> None:
    User.objects.create_user("ada", password=PASSWORD, is_staff=True)
    client = Client(REMOTE_ADDR="198.51.100.7")

    client.post(reverse("admin:login"), {"username": "ada", "password": PASSWORD})
    client.post(reverse("admin:logout"))

    found = AuditEntry.objects.filter(actor="ada").order_by("pk")
    assert [(one.action, one.address) for one in found] == [
        ("user.logged_in", "198.51.100.7"), ("user.logged_out", "198.51.100.7"),
    ]  # fmt: skip


@pytest.mark.parametrize(("typed", "actor", "subject"), [
    ("ada", "ada", "user ada"), ("hunter2", "unknown user", ""), ("a\x00b", "unknown user", ""),
])  # fmt: skip
def test_a_refused_log_in_is_told_without_what_may_be_a_password(typed: str, actor: str, subject: str) -> None:
    User.objects.create_user("ada", password=PASSWORD, is_staff=True)

    Client().post(reverse("admin:login"), {"username": typed, "password": "wrong-" + PASSWORD})

    refused = told("user.log_in_refused")
    assert refused in ([(actor, subject, {})], []) if "\x00" in typed else refused == [(actor, subject, {})]


def test_what_is_changed_of_a_user_is_told_with_before_and_after(root: Client) -> None:
    user = User.objects.create_user("ada", email="ada@desk.test", is_staff=True)
    operators = Group.objects.get(name="operator")

    change_user(root, user, email="ada@other.test", is_staff="", groups=[operators.pk])
    change_user(root, user, email="ada@other.test", is_staff="")

    (changed,) = told("user.changed")
    assert changed[1:] == ("user ada", {"email": ["ada@desk.test", "ada@other.test"], "is_staff": ["True", "False"]})
    assert told("user.granted")[0][1:] == ("user ada", {"groups": ["", "operator"]})
    assert told("user.withdrawn")[0][1:] == ("user ada", {"groups": ["operator", ""]})


def test_a_new_password_is_told_and_stands_nowhere(root: Client) -> None:
    user = User.objects.create_user("ada", password=PASSWORD)
    new = {"password1": "quite-another-2", "password2": "quite-another-2", "usable_password": "true"}

    root.post(reverse("admin:auth_user_password_change", args=(user.pk,)), new)

    (changed,) = told("user.changed")
    assert changed[2] == {"password": ["as it was", "changed"]}


def test_users_and_groups_that_come_and_go_are_told(root: Client) -> None:
    root.post(reverse("admin:auth_group_add"), {"name": "night desk"})
    group = Group.objects.get(name="night desk")
    root.post(reverse("admin:auth_group_change", args=(group.pk,)), {"name": "late desk"})
    root.post(reverse("admin:auth_group_delete", args=(group.pk,)), {"post": "yes"})

    actions = [entry.action for entry in AuditEntry.objects.filter(action__startswith="group.").order_by("pk")]
    assert actions == ["group.created", "group.changed", "group.deleted"]
    assert told("group.changed")[0][2] == {"name": ["night desk", "late desk"]}


def test_what_a_command_on_the_server_does_to_accounts_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    monkeypatch.setattr("getpass.getpass", lambda **_: "quite-another-2")

    call_command("createsuperuser", "--noinput", username="root", email="root@desk.test", verbosity=0)
    call_command("changepassword", "root", stdout=StringIO())

    found = [(entry.action, entry.subject, entry.changes) for entry in entries("user.created", "user.changed")]
    assert found == [
        ("user.created", "user root", {"is_superuser": ["", "True"]}),
        ("user.changed", "user root", {"password": ["as it was", "changed"]}),
    ]
    assert all(entry.actor.startswith("command line (") for entry in entries("user.created", "user.changed"))


def test_accounts_that_nobody_has_made_are_not_told() -> None:
    User.objects.create_user("ada").groups.add(Group.objects.get(name="viewer"))

    assert not AuditEntry.objects.filter(action__startswith="user.").exists()


def test_policies_and_sources_are_told_with_before_and_after() -> None:
    draft = make_draft(split_percentage="20")
    edit_draft(ADA, draft.pk, content=policy_settings(split_percentage="30"), note="x", revision=1)
    activate(draft)
    make_source()
    kept = {"max_age_seconds": 300, "allowed_addresses": [], "client_certificate_subject": "", "bare_sell": "exit"}
    change_source(
        "tv",
        name="TV",
        rate_limit_per_minute=5,
        replay=False,
        body_secret="hush",
        actor=ADA,
        **kept,  # type: ignore[arg-type]
    )

    assert told("draft.edited")[0][2] == {"split_percentage": ["20.00", "30.00"]}
    assert told("policy.activated")[0][2] == {"split_percentage": ["50.00", "30.00"]}
    (changed,) = told("source.changed")
    assert changed[2]["body_secret"] == ["as it was", "changed"]
    assert changed[2]["rate_limit_per_minute"] == ["None", "5"]
    assert "hush" not in str(changed)


def test_a_session_in_use_goes_on_and_an_idle_one_ends(client: Client, settings: Any) -> None:
    settings.SESSION_COOKIE_AGE = 600
    begun = datetime.now(UTC)
    with time_machine.travel(begun, tick=False) as clock:
        client.force_login(User.objects.create_superuser("ada"))
        for _ in range(3):
            clock.shift(timedelta(minutes=9))
            assert client.get(reverse("admin:settings")).status_code == 200

        clock.shift(timedelta(minutes=11))
        assert client.get(reverse("admin:settings")).status_code == 302


def test_a_page_that_refreshes_itself_keeps_no_session_and_is_led_to_the_sign_in(client: Client, settings: Any) -> None:
    settings.SESSION_COOKIE_AGE = 600
    now = reverse("admin:index")
    begun = datetime.now(UTC)
    with time_machine.travel(begun, tick=False) as clock:
        client.force_login(User.objects.create_superuser("ada"))
        clock.shift(timedelta(minutes=9))
        assert b"to-now-inbox" in client.get(f"{now}?part=inbox", headers={"HX-Request": "true"}).content

        clock.shift(timedelta(minutes=2))
        ended = client.get(f"{now}?part=inbox", headers={"HX-Request": "true"})

    # Loaded anew as a whole: the sign-in page does not come to stand in a part of another.
    assert (ended.status_code, ended.headers["HX-Refresh"], ended.content) == (200, "true", b"")
    assert client.get(now).headers["Location"].startswith(reverse("admin:login"))


def test_a_page_within_a_minute_writes_no_session(client: Client) -> None:
    client.force_login(User.objects.create_superuser("ada"))

    with CaptureQueriesContext(connection) as queries:
        client.get(reverse("admin:settings"))

    assert [query["sql"] for query in queries if "UPDATE" in query["sql"] and "django_session" in query["sql"]] == []


def sign_in(name: str, password: str, address: str = "203.0.113.7") -> int:
    form = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post(reverse("admin:login"), form).status_code


def test_after_too_many_wrong_passwords_a_name_waits_at_that_address_alone(settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    User.objects.create_superuser("ada", password=PASSWORD)
    User.objects.create_superuser("bob", password=PASSWORD)

    assert [sign_in("ada", "wrong") for _ in range(4)] == [200, 200, 429, 429]

    assert sign_in("ada", PASSWORD) == 429
    assert sign_in("bob", PASSWORD) == 302
    # Whoever knows her name cannot keep her from the kill switch.
    assert sign_in("ada", PASSWORD, "203.0.113.8") == 302
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=16)):
        assert sign_in("ada", PASSWORD) == 302


def test_a_password_in_the_wrong_field_is_kept_nowhere() -> None:
    sign_in("my-secret-password", "wrong")

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM axes_accessattempt),"
            " (SELECT string_agg(row_to_json(a)::text, '') FROM axes_accessattempt a)"
            " || (SELECT string_agg(row_to_json(a)::text, '') FROM audit_log a)"
        )
        attempts, text = cursor.fetchone()
    assert attempts == 1
    assert "my-secret-password" not in text
