"""The pages of who is told and of what was sent; what is secret is shown once or never."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from kernel.models import AuditEntry
from notifications.models import Notification, Recipient
from policies.services import engage_halt
from tests.notifications.receiver import ADMINISTRATOR, make_recipient, receiving
from tests.processes.harness import manage, wait_until

LIST = "/admin/notifications/recipient/"
FORM = {
    "name": "Desk", "url": "https://hooks.example/x/a-secret-token", "grace_seconds": "60", "digest_minutes": "15",
    "quiet_from": "22:00", "quiet_until": "07:00", "timezone": "Europe/Berlin", "kinds": ["halt", "incident"],
}  # fmt: skip


@pytest.fixture
def administrator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("jo"))
    return client


@pytest.mark.django_db
def test_a_recipient_is_added_its_key_shown_once_and_its_url_never(administrator: Client) -> None:
    added = administrator.post(f"{LIST}new/", FORM)

    recipient = Recipient.objects.get()
    assert "whsec_" in added.content.decode()
    assert (recipient.kinds, recipient.digest_minutes) == (["halt", "incident"], 15)
    pages = [LIST, f"{LIST}{recipient.pk}/change/", f"{LIST}{recipient.pk}/edit/", "/admin/kernel/auditentry/"]
    for page in pages:
        text = administrator.get(page).content.decode()
        assert "a-secret-token" not in text, page
        assert "whsec_" not in text, page
    assert "https://hooks.example/***" in administrator.get(LIST).content.decode()
    assert "22:00 to 07:00 Europe/Berlin" in administrator.get(LIST).content.decode()


@pytest.mark.django_db
def test_what_cannot_be_is_refused_beside_its_field(administrator: Client) -> None:
    make_recipient("json://localhost/")

    def said(**changed: str) -> str:
        return administrator.post(f"{LIST}new/", FORM | changed).content.decode()

    assert "There is a recipient Desk already." in said()
    assert "apprise cannot send to this nonsense:// URL" in said(name="Other", url="nonsense://x")
    assert "apprise cannot send to this slack:// URL" in said(name="Other", url="slack://x")
    assert "Begin the URL with its service" in said(name="Other", url="desk@example.com")
    assert "Enter both ends of the quiet hours, or neither." in said(name="Other", quiet_until="")
    assert Recipient.objects.count() == 1


@pytest.mark.django_db
def test_an_edit_keeps_the_url_and_says_what_it_changed(administrator: Client) -> None:
    recipient = make_recipient("json://localhost/")
    sealed = recipient.sealed_url

    administrator.post(f"{LIST}{recipient.pk}/edit/", FORM | {"url": ""})
    administrator.post(f"{LIST}{recipient.pk}/switch/")

    recipient.refresh_from_db()
    assert (recipient.sealed_url, recipient.grace_seconds, recipient.is_active) == (sealed, 60, False)
    changed = AuditEntry.objects.get(action="recipient.changed")
    assert changed.changes["grace_seconds"] == ["0", "60"]


@pytest.mark.django_db
def test_a_test_message_leads_to_the_page_that_says_what_became_of_it(administrator: Client) -> None:
    recipient = make_recipient("json://localhost/")

    answer = administrator.post(f"{LIST}{recipient.pk}/test/", follow=True)

    assert "WAITING" in answer.content.decode()
    assert "A test message, asked for by jo." in answer.content.decode()
    dead = Notification.objects.get()
    Notification.objects.update(state="DEAD", settled_at=dead.due_at, outcome="Refused.", attempts=10)
    assert "Refused." in administrator.get("/admin/notifications/notification/").content.decode()
    administrator.post(reverse("admin:notifications_notification_again", args=(dead.pk,)))
    assert Notification.objects.get().state == "WAITING"


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_administrators_say_who_is_told(client: Client, role: str) -> None:
    user = User.objects.create_user("somebody", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    recipient = make_recipient("json://localhost/")

    assert client.get(LIST).status_code == 200
    assert client.get("/admin/notifications/notification/").status_code == 200
    for page in ("new/", f"{recipient.pk}/edit/", f"{recipient.pk}/test/", f"{recipient.pk}/switch/"):
        assert client.post(f"{LIST}{page}", FORM).status_code == 403, page
    assert Recipient.objects.count() == 1


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_the_worker_tells_a_recipient_of_a_halt(tmp_path: Path) -> None:
    with receiving() as receiver:
        make_recipient(f"json://{receiver.address}/", kinds=["halt"])
        engage_halt(ADMINISTRATOR, reason="The broker is down.")

        with manage("worker", log=tmp_path / "log"):
            wait_until(lambda: receiver.taken, what="the message")
            wait_until(Notification.objects.filter(state="SENT").exists, what="the outbox to say so")

    assert [message["title"] for message in receiver.messages] == ["Trading halted"]
    assert '"event": "notification.sent"' in (tmp_path / "log").read_text()


def test_the_urls_of_the_guide_are_ones_that_apprise_takes() -> None:
    from apprise import Apprise

    guide = (Path(settings.BASE_DIR) / "docs/operators.md").read_text()
    (table,) = re.findall(r"## Notifications outside the console\n(.*?)\n## ", guide, re.DOTALL)
    urls = [url for url in re.findall(r"^\| [\w ]+ \| `(\w+://[^`]+)`", table, re.MULTILINE) if "https" not in url]

    assert len(urls) == 4
    assert [url for url in urls if not Apprise().add(url)] == []
