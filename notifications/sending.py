"""One message to one recipient: by apprise, or to a webhook that is signed as Standard Webhooks asks."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from logging import WARNING
from time import time
from urllib.parse import urlsplit

from django.conf import settings

from kernel.errors import DomainError
from kernel.values import format_timestamp
from notifications.models import Event, Notification, Recipient
from notifications.sealing import unseal, without_secrets

# Of a webhook: to connect, and until it answers.
WEBHOOK_SECONDS = (5.0, 10.0)
KEY_PREFIX = "whsec_"
SENDER = "Trading Orchestrator"


class SendingError(Exception):
    """It was not taken; the text says why, without secrets."""


def is_webhook(recipient: Recipient) -> bool:
    """Whether it is a webhook of ours and no service of apprise."""
    return recipient.shown_url.startswith(("https://", "http://"))


def send(recipient: Recipient, batch: Sequence[Notification]) -> None:
    """Send all of it, a webhook's alone; raise SendingError."""
    try:
        url = unseal(recipient.sealed_url)
        if is_webhook(recipient):
            send_webhook(url, unseal(recipient.sealed_key), batch[0])
        else:
            send_message(url, batch)
    except DomainError as error:
        raise SendingError(error.detail) from error


def send_message(url: str, batch: Sequence[Notification]) -> None:
    """Send one message by apprise."""
    # It brings a hundred services along, which only the worker's errand needs.
    from apprise import Apprise, AppriseAsset, LogCapture, NotifyFormat, NotifyType

    events = [one.event for one in batch]
    # In our words alone: Teams reads links in a title, and others wrote parts of the text.
    first = _over(events[0]) + events[0].get_kind_display()
    title = first if len(events) == 1 else f"{len(events)} notifications, the first: {first}"
    lines = [f"{format_timestamp(event.happened_at)} {event.get_kind_display()}: {_told(event)}" for event in events]
    if settings.PRODUCTION:
        lines.append(f"https://{settings.ALLOWED_HOSTS[0]}/admin/")
    # It comes from us, and without pictures of another host.
    service = Apprise(asset=AppriseAsset(app_id=SENDER, app_desc=SENDER, image_url_mask="", image_url_logo=""))
    # Not everything that can be wrong with a URL is seen when it is entered: services change.
    if not service.add(_once(url, batch[0])):
        raise SendingError("The URL is not one of a service that apprise knows.")
    with LogCapture(level=WARNING, fmt="%(message)s") as captured:  # type: ignore[no-untyped-call]
        kind = NotifyType.FAILURE if any(event.urgent for event in events) else NotifyType.INFO
        # Text: engines and senders of alerts wrote parts of it, and it must not become a link of a mail or of a chat.
        is_sent = service.notify(title=title, body="\n".join(lines), notify_type=kind, body_format=NotifyFormat.TEXT)
        text = captured.getvalue().strip()
    if not is_sent:
        raise SendingError(without_secrets(text, url)[:2000] or "The service did not take it and gave no reason.")


def _once(url: str, first: Notification) -> str:
    """The URL by which PagerDuty knows what it has taken, when it is sent again because the answer was lost."""
    if urlsplit(url).scheme != "pagerduty" or "dedup=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}dedup=orchestrator-{first.pk}"


def _over(event: Event) -> str:
    # What is sent late, after attempts that failed, may be over.
    return "" if event.ended_at is None else f"Over since {format_timestamp(event.ended_at)}: "


def _told(event: Event) -> str:
    return _over(event) + event.text


def send_webhook(url: str, key: str, notification: Notification) -> None:
    """Post one notification as JSON with the three headers of Standard Webhooks."""
    import requests

    event = notification.event
    document = {
        "type": f"orchestrator.{event.kind}",
        "timestamp": format_timestamp(event.happened_at),
        "data": {
            "id": event.pk,
            "kind": event.kind,
            "text": _told(event),
            "urgent": event.urgent,
            "ended_at": event.ended_at and format_timestamp(event.ended_at),
        },
    }
    body = json.dumps(document).encode()
    headers = {"Content-Type": "application/json", **signature(key, str(notification.pk), int(time()), body)}
    try:
        answer = requests.post(url, data=body, headers=headers, timeout=WEBHOOK_SECONDS, allow_redirects=False)
    except requests.exceptions.SSLError as error:
        raise SendingError("The webhook's certificate is not valid.") from error
    except requests.Timeout as error:
        raise SendingError("The webhook did not answer in time.") from error
    except requests.RequestException as error:
        # Its own text holds the URL.
        raise SendingError(f"The webhook cannot be reached ({type(error).__name__}).") from error
    if not 200 <= answer.status_code < 300:
        raise SendingError(f"The webhook answered {answer.status_code}.")


def signature(key: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers by which a receiver knows that the message is ours, whole and new (standardwebhooks.com)."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.digest(b64decode(key.removeprefix(KEY_PREFIX)), signed, "sha256")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }
