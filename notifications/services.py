"""Changes of recipients, each in the audit log; no secret is in it."""

from __future__ import annotations

import secrets
from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models.functions import Now

from kernel.actors import Actor
from kernel.audit import differences, record
from kernel.errors import DomainError
from notifications.models import Event, EventKind, Notification, Recipient
from notifications.sealing import masked, seal
from notifications.sending import KEY_PREFIX, is_webhook

SETTINGS = (
    "kinds", "urgent_only", "grace_seconds", "digest_minutes", "quiet_from", "quiet_until", "timezone",
    "quiet_when_urgent",
)  # fmt: skip


def create_recipient(actor: Actor, *, name: str, url: str, **chosen: Any) -> tuple[Recipient, str]:
    """Create a recipient; return it and, for a webhook, the key that signs what it is sent, else "".

    The key is not shown again. Raises `recipient_exists` and `recipient_url_unknown`.
    """
    if Recipient.objects.filter(name=name).exists():
        raise DomainError("recipient_exists", f"There is a recipient {name} already.", "/name")
    with transaction.atomic():
        recipient = Recipient(name=name, created_by=actor.name, created_at=Now(), **chosen)
        key = _set_url(recipient, url)
        recipient.save()
        record(actor, "recipient.created", f"recipient {name}")
    recipient.refresh_from_db()
    return recipient, key


def change_recipient(actor: Actor, recipient: Recipient, *, url: str = "", **chosen: Any) -> str:
    """Change what it is told and, where one is given, its URL; return a webhook's new key, else ""."""
    before = {name: getattr(recipient, name) for name in chosen}
    for name, value in chosen.items():
        setattr(recipient, name, value)
    changes = differences(before, chosen)
    with transaction.atomic():
        key = _set_url(recipient, url) if url else ""
        recipient.save()
        record(
            actor, "recipient.changed", f"recipient {recipient}", changes=changes | ({"url": ("", "")} if url else {})
        )
    return key


def switch_recipient(actor: Actor, recipient: Recipient) -> None:
    """Switch it off, or on again; what happens while it is off it is never told."""
    recipient.is_active = not recipient.is_active
    with transaction.atomic():
        if recipient.is_active:
            recipient.created_at = Now()
        recipient.save()
        record(actor, f"recipient.{'enabled' if recipient.is_active else 'disabled'}", f"recipient {recipient}")
    recipient.refresh_from_db()


def send_test(actor: Actor, recipient: Recipient) -> Notification:
    """Put a message for this recipient alone into the outbox, due at once."""
    with transaction.atomic():
        event = Event.objects.create(
            kind=EventKind.TEST, text=f"A test message, asked for by {actor.name}.", happened_at=Now(), spread_at=Now()
        )
        notification = Notification.objects.create(recipient=recipient, event=event, due_at=Now())
        record(actor, "recipient.tested", f"recipient {recipient}")
    return notification


def send_again(actor: Actor, notification: Notification) -> None:
    """Try a notification that was given up once more, from the first attempt."""
    with transaction.atomic():
        Notification.objects.filter(pk=notification.pk, state="DEAD").update(
            state="WAITING", settled_at=None, attempts=0, due_at=Now()
        )
        record(actor, "notification.sent_again", f"recipient {notification.recipient}")


def _set_url(recipient: Recipient, url: str) -> str:
    """Seal the URL and, for a webhook, a new key, which is returned."""
    from apprise import Apprise

    scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    recipient.sealed_url, recipient.shown_url = seal(url), masked(url)
    if is_webhook(recipient):
        if not host:
            raise DomainError("recipient_url_unknown", "The webhook's URL has no host.", "/url")
        key = KEY_PREFIX + b64encode(secrets.token_bytes(32)).decode()
        recipient.sealed_key = seal(key)
        return key
    if not Apprise().add(url):
        detail = (
            f"apprise cannot send to this {scheme}:// URL; appriseit.com/services says how each is written."
            if scheme
            else "Begin the URL with its service, such as slack:// or https://."
        )
        raise DomainError("recipient_url_unknown", detail, "/url")
    recipient.sealed_key = ""
    return ""
