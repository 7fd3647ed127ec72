"""The outbox: each event becomes one notification for everybody who wants it, and each of those is sent at least once.

A notification is claimed before it is sent and settled afterwards: if a process dies in between, the next one sends
it again, under the same id.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from kernel.events import NOTIFICATION_FAILED, NOTIFICATION_SENT
from notifications.core.timing import due_at, pause_after
from notifications.models import Event, EventKind, Notification, Recipient, State
from notifications.sending import SendingError, is_webhook, send

DELIVERY_SECONDS = 1.0
# Who has no recipients needs no process for them.
DELIVERY_IS_DUE = """
EXISTS (SELECT FROM notification_recipients) AND EXISTS (SELECT FROM notification_events WHERE spread_at IS NULL)
 OR EXISTS (SELECT FROM notifications WHERE state = 'WAITING' AND due_at <= now()
               AND (claimed_until IS NULL OR claimed_until < now()))
"""
# Longer than sending may take (experiments/worker/supervisor.py ends an errand after 90 s).
CLAIM = timedelta(seconds=120)
MOST_IN_ONE = 50
OVER = "It was over before it was due."
SWITCHED_OFF = "The recipient is switched off."


def deliver() -> None:
    """Spread what has happened, then send what is due until nothing is."""
    spread()
    while batch := claim():
        settle(batch)


def spread() -> int:
    """Make a notification of each new event for every recipient who wants it; return how many."""
    made = []
    with transaction.atomic():
        now = _now()
        events = list(Event.objects.filter(spread_at=None).select_for_update(skip_locked=True).order_by("id"))
        recipients = list(Recipient.objects.filter(is_active=True))
        for event in events:
            for recipient in recipients:
                if (
                    recipient.created_at <= event.happened_at
                    and event.kind != EventKind.TEST
                    and recipient.wants(event)
                ):
                    due = due_at(event.happened_at, recipient.rules, urgent=event.urgent)
                    made.append(Notification(recipient=recipient, event=event, due_at=due))
        Notification.objects.bulk_create(made)
        Event.objects.filter(pk__in=[event.pk for event in events]).update(spread_at=now)
    return len(made)


def claim() -> list[Notification]:
    """Claim what is due for one recipient, after settling what is no longer to be sent; nothing when nothing is due."""
    with transaction.atomic():
        now = _now()
        due = (
            Notification.objects.filter(
                Q(claimed_until=None) | Q(claimed_until__lt=now), state=State.WAITING, due_at__lte=now
            )
            .select_related("event", "recipient")
            .order_by("due_at")
            .select_for_update(skip_locked=True, of=("self",))
        )
        taken: list[Notification] = []
        for one in due[: 4 * MOST_IN_ONE]:
            ended = one.event.ended_at
            if not one.recipient.is_active or (ended is not None and ended <= one.due_at and one.attempts == 0):
                one.state, one.settled_at = State.SKIPPED, now
                one.outcome = OVER if one.recipient.is_active else SWITCHED_OFF
                one.save()
            elif not taken or (one.recipient_id == taken[0].recipient_id and len(taken) < MOST_IN_ONE):
                one.claimed_until, one.attempts = now + CLAIM, one.attempts + 1
                one.save()
                taken.append(one)
        return taken


def settle(batch: Sequence[Notification]) -> None:
    """Send what was claimed, all of it in one message or, to a webhook, each by itself; keep what became of it."""
    recipient = batch[0].recipient
    for part in [[one] for one in batch] if is_webhook(recipient) else [batch]:
        try:
            send(recipient, part)
        except SendingError as error:
            now = _now()
            for one in part:
                pause = pause_after(one.attempts)
                one.outcome, one.claimed_until = str(error), None
                if pause is None:
                    one.state, one.settled_at = State.DEAD, now
                else:
                    one.due_at = now + pause
                one.save()
            NOTIFICATION_FAILED.log(recipient=recipient.name, attempts=part[0].attempts, error=str(error))
        else:
            now = _now()
            for one in part:
                one.state, one.settled_at, one.outcome, one.claimed_until = State.SENT, now, "", None
                one.save()
            NOTIFICATION_SENT.log(recipient=recipient.name, notifications=len(part))


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
