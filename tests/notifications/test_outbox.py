"""From what happened to what was sent: each event once for everybody who wants it, and at least once to him."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import new as hmac_of
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from kernel.actors import Actor
from kernel.values import format_timestamp
from notifications.core.timing import MAX_ATTEMPTS
from notifications.look import look
from notifications.models import Event, Notification, Recipient, State
from notifications.outbox import OVER, SWITCHED_OFF, claim, deliver, settle, spread
from notifications.services import create_recipient, send_again, send_test, switch_recipient
from policies.services import engage_halt, release_halt, run_halt_drill
from tests.database import execute
from tests.factories import make_available, make_policy, make_signal
from tests.notifications.receiver import ADMINISTRATOR, Receiver, make_due, make_recipient, receiving
from tests.orchestrator_site.console.rows import fail
from tests.threads import in_background

pytestmark = pytest.mark.django_db
OPERATOR = Actor("op")
DUE_NOW = "UPDATE notifications SET due_at = clock_timestamp()"


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def receiver(server: Receiver) -> Receiver:
    server.taken.clear()
    server.status = 200
    return server


def happen(kind: str = "activation", *, urgent: bool = False, **members: Any) -> Event:
    told = {"text": f"This is {kind}.", "happened_at": Now()} | members
    event = Event.objects.create(kind=kind, urgent=urgent, **told)
    event.refresh_from_db()
    return event


def states() -> dict[str, str]:
    return dict(Notification.objects.values_list("recipient__name", "state"))


def test_an_event_is_spread_once_to_everybody_who_wants_it() -> None:
    make_recipient("json://localhost/", name="all")
    make_recipient("json://localhost/", name="halts", kinds=["halt"])
    make_recipient("json://localhost/", name="urgent", urgent_only=True)
    switch_recipient(OPERATOR, make_recipient("json://localhost/", name="off"))

    happen("activation")
    happen("incident", urgent=True)

    assert (spread(), spread()) == (3, 0)
    told = Notification.objects.values_list("recipient__name", "event__kind")
    assert sorted(told) == [("all", "activation"), ("all", "incident"), ("urgent", "incident")]


def test_nobody_is_told_of_what_happened_before_he_was_there() -> None:
    happen(happened_at=datetime.now(UTC) - timedelta(hours=1))
    make_recipient("json://localhost/")

    assert spread() == 0


def test_what_is_due_together_is_one_message_by_apprise(receiver: Receiver) -> None:
    make_recipient(f"json://{receiver.address}/")
    happen("activation")
    happen("incident", urgent=True, text="Engine A has traded as a shadow.")
    spread()
    make_due()

    deliver()

    (message,) = receiver.messages
    assert message["title"] == "2 notifications, the first: Policy activated"
    assert "Incident: Engine A has traded as a shadow." in message["message"]
    assert message["type"] == "failure"
    assert set(Notification.objects.values_list("state", "attempts")) == {("SENT", 1)}


def test_what_others_wrote_is_no_markup_where_a_service_takes_some(receiver: Receiver) -> None:
    # As mail does by itself.
    make_recipient(f"json://{receiver.address}/?format=html")
    happen("incident", text="<a href='http://evil.example'>Sign in</a>")
    spread()
    make_due()

    deliver()

    assert "&lt;a&nbsp;href=" in receiver.messages[0]["message"]
    assert "<a" not in receiver.messages[0]["message"]


def test_nothing_is_sent_before_it_is_due(receiver: Receiver) -> None:
    make_recipient(f"json://{receiver.address}/", grace_seconds=60)
    happen()

    deliver()

    assert (receiver.taken, states()) == ([], {"Desk": "WAITING"})


def test_what_is_over_in_time_is_not_sent_and_the_page_says_why(receiver: Receiver) -> None:
    make_policy()
    make_recipient(f"json://{receiver.address}/", grace_seconds=60, kinds=["halt"])
    engage_halt(OPERATOR, reason="A pause.")
    spread()
    release_halt(OPERATOR, reason="Over.")
    execute(DUE_NOW)

    deliver()

    assert receiver.taken == []
    assert list(Notification.objects.values_list("state", "outcome")) == [("SKIPPED", OVER)]


def test_a_halt_that_lasts_is_told_and_a_drill_is_not(receiver: Receiver) -> None:
    make_policy()
    make_recipient(f"json://{receiver.address}/", kinds=["halt"])
    run_halt_drill(OPERATOR)
    engage_halt(OPERATOR, reason="The broker is down.")
    spread()
    execute(DUE_NOW)

    deliver()

    assert [message["title"] for message in receiver.messages] == ["Trading halted"]


def test_an_event_of_a_change_that_is_rolled_back_is_told_to_nobody() -> None:
    make_policy()
    before = Event.objects.count()

    with transaction.atomic():
        engage_halt(OPERATOR, reason="A pause.")
        assert Event.objects.count() == before + 1
        transaction.set_rollback(True)

    assert Event.objects.count() == before


def test_a_webhook_is_signed_as_standard_webhooks_asks(receiver: Receiver) -> None:
    url = f"http://{receiver.address}/hook?token=t0p-s3cret"
    recipient, key = create_recipient(ADMINISTRATOR, name="Hook", url=url)
    happen("replay", urgent=True)
    happen("verdict")
    spread()
    make_due()

    deliver()

    assert [message["type"] for message in receiver.messages] == ["orchestrator.replay", "orchestrator.verdict"]
    headers, body = receiver.taken[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac_of(b64decode(key.removeprefix("whsec_")), signed, sha256).digest()
    assert headers["webhook-signature"] == f"v1,{b64encode(digest).decode()}"
    assert {headers["webhook-id"] for headers, _ in receiver.taken} == {
        str(one.pk) for one in recipient.notifications.all()
    }


@pytest.mark.parametrize("scheme", ["http", "json"])
def test_a_refusal_is_tried_again_later_under_the_same_id_and_given_up_in_the_end(
    receiver: Receiver, scheme: str
) -> None:
    make_recipient(f"{scheme}://{receiver.address}/a-secret-path/", kinds=["halt"])
    happen("halt")
    spread()
    receiver.status = 500

    for _ in range(MAX_ATTEMPTS):
        assert states() == {"Desk": "WAITING"}
        make_due()
        deliver()

    notification = Notification.objects.get()
    assert (notification.state, notification.attempts) == (State.DEAD, MAX_ATTEMPTS)
    assert "500" in notification.outcome
    assert "a-secret-path" not in notification.outcome
    assert len(receiver.taken) == MAX_ATTEMPTS
    assert len({headers.get("webhook-id") for headers, _ in receiver.taken}) == 1

    receiver.status = 200
    send_again(ADMINISTRATOR, notification)
    deliver()
    assert states() == {"Desk": "SENT"}


@pytest.mark.parametrize("scheme", ["http", "json"])
def test_what_is_over_when_it_comes_at_last_says_so(receiver: Receiver, scheme: str) -> None:
    make_recipient(f"{scheme}://{receiver.address}/")
    event = happen("halt")
    spread()
    receiver.status = 500
    make_due()
    deliver()
    Event.objects.update(ended_at=event.happened_at + timedelta(minutes=1))

    receiver.status = 200
    make_due()
    deliver()

    late, over = receiver.messages[-1], format_timestamp(event.happened_at + timedelta(minutes=1))
    assert (
        late["data"]["text"] if scheme == "http" else late["message"].partition(": ")[2]
    ) == f"Over since {over}: This is halt."
    assert scheme == "json" or (receiver.messages[0]["data"]["ended_at"], late["data"]["ended_at"]) == (None, over)


def test_who_cannot_be_reached_is_told_later_and_no_secret_is_kept() -> None:
    make_recipient("https://127.0.0.1:9/a-secret-path?token=t0p-s3cret")
    happen()
    spread()
    make_due()

    deliver()

    (outcome,) = Notification.objects.values_list("outcome", flat=True)
    assert outcome.startswith("The webhook cannot be reached")
    assert "s3cret" not in outcome
    assert "secret-path" not in outcome


def test_a_process_that_dies_while_it_sends_leaves_it_to_the_next(receiver: Receiver) -> None:
    make_recipient(f"json://{receiver.address}/")
    happen()
    spread()
    make_due()

    assert len(claim()) == 1
    assert claim() == []
    execute("UPDATE notifications SET claimed_until = now() - interval '1 second'")
    deliver()

    assert len(receiver.taken) == 1
    assert list(Notification.objects.values_list("state", "attempts")) == [("SENT", 2)]


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_it_once_and_control_without_the_claim_it_is_sent_twice(receiver: Receiver) -> None:
    make_recipient(f"json://{receiver.address}/")
    happen()
    spread()
    make_due()

    with transaction.atomic():
        mine = claim()
        with in_background(claim) as other:
            assert other.result() == []
    settle(mine)
    assert len(receiver.taken) == 1

    Notification.objects.update(state=State.WAITING, settled_at=None, claimed_until=None)
    for _ in range(2):
        settle(list(Notification.objects.select_related("recipient", "event")))
    assert len(receiver.taken) == 3


def test_a_recipient_that_was_switched_off_is_told_nothing_that_waits(receiver: Receiver) -> None:
    recipient = make_recipient(f"json://{receiver.address}/")
    happen()
    spread()
    switch_recipient(OPERATOR, recipient)
    make_due()

    deliver()

    assert list(Notification.objects.values_list("state", "outcome")) == [("SKIPPED", SWITCHED_OFF)]


def test_a_test_message_goes_to_one_recipient_whatever_he_wants(receiver: Receiver) -> None:
    recipient = make_recipient(f"json://{receiver.address}/", urgent_only=True, kinds=["halt"])
    make_recipient(f"json://{receiver.address}/", name="Other")

    send_test(ADMINISTRATOR, recipient)
    deliver()

    assert [message["title"] for message in receiver.messages] == ["Test message"]


def test_a_url_that_another_secret_key_has_sealed_says_so(receiver: Receiver, settings: Any) -> None:
    make_recipient(f"json://{receiver.address}/")
    happen()
    spread()
    make_due()
    settings.SECRET_KEY = "another-" * 8

    deliver()

    assert "SECRET_KEY has changed" in Notification.objects.get().outcome


def test_silence_is_told_while_it_lasts_and_ends() -> None:
    make_policy(heartbeat_ttl_seconds=60)
    make_available("A", "B")
    make_recipient("json://localhost/", kinds=["engine", "failed"])
    execute("UPDATE engines SET last_heartbeat_at = now() - interval '2 minutes' WHERE name = 'A'")
    fail(make_signal())

    look()
    look()

    lasting = Event.objects.filter(kind__in=("engine", "failed"), ended_at=None)
    assert sorted(lasting.values_list("kind", "urgent")) == [("engine", True), ("failed", False)]
    assert "silent for" in lasting.get(kind="engine").text

    execute("UPDATE engines SET last_heartbeat_at = clock_timestamp()")
    look()
    assert list(lasting.values_list("kind", flat=True)) == ["failed"]
    assert Event.objects.filter(kind="engine").count() == 1


TRIP = """INSERT INTO guardrail_trips (name, value, "limit", policy_version, tripped_at, released_by, release_reason)
VALUES ('max_open', '3', '3', 1, now(), '', '')"""
REPLAY = """INSERT INTO replay_runs (started_at, seconds, selection, verified, differences, first_differences, run_by)
VALUES (now(), 1, '{}', 10, 2, '[]', 'op')"""


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (TRIP, "Guardrail tripped: max_open is 3 (limit 3). No new real trades."),
        (REPLAY, "A replay found differences in the stored data: 2."),
        (REPLAY.replace("{}", '{"archive": "all"}'), "A replay found differences in archives: 2."),
    ],
)
def test_what_happens_once_is_written_down_where_it_happens(statement: str, text: str) -> None:
    execute(statement)

    assert Event.objects.get(text=text).urgent


def test_the_secret_is_nowhere_in_the_database_in_plain_text() -> None:
    make_recipient("slack://T1J3NKPHL/B5GPF4LQ3/Txz6QlFkVbBCN1x3oLSYPvbC/#desk")

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(r)::text FROM notification_recipients r")
        (row,) = cursor.fetchone()
        cursor.execute("SELECT string_agg(row_to_json(a)::text, '') FROM audit_log a")
        (audit,) = cursor.fetchone()

    assert json.loads(row)["shown_url"] == "slack://***/***"
    assert "Txz6QlFkVbBCN1x3oLSYPvbC" not in row + audit
    assert Recipient.objects.get().name in audit
