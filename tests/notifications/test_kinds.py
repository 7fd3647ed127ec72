"""Whatever people may be told of leads to a message; a verdict, which takes weeks of trades, in `test_triggers.py`."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.db.models.functions import Now

from notifications.look import look
from notifications.models import CHOICES, EventKind, Notification
from notifications.outbox import spread
from policies.models import PolicyRamp
from signals_app.watch_models import MissingAlert
from tests.database import execute
from tests.notifications.receiver import make_recipient
from tests.notifications.test_outbox import REPLAY
from tests.orchestrator_site.console.rows import make_everything
from tests.policies.control import make_draft

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def told() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kind, text in (
        Notification.objects.filter(recipient__name="Pager").values_list("event__kind", "event__text").order_by("event")
    ):
        found.setdefault(kind, []).append(text)
    return found


def test_every_kind_of_event_reaches_who_wants_it(settings: LazySettings) -> None:
    settings.POLICY_REQUIRE_APPROVAL = True
    make_recipient("json://localhost/", name="Pager", kinds=[kind for kind, _ in CHOICES])
    make_everything()
    make_draft()
    MissingAlert.objects.create(kind="silence", source="tv", expected_at=Now(), due_at=Now())
    execute("UPDATE exit_directives SET state = 'PENDING', settled_at = NULL, expires_at = now() - interval '1 hour'")
    execute("UPDATE engines SET last_heartbeat_at = now() - interval '1 hour'")
    execute(REPLAY)

    look()
    spread()

    found = told()
    assert set(found) == {kind for kind, _ in CHOICES} - {EventKind.VERDICT}
    assert "Policy drafts waiting for approval: 1." in found["approval"]
    assert "Policy ramps waiting for approval: 1." in found["approval"]
    assert found["source"] == ["Silent for longer than usual: tv."]
    assert found["overdue"] == ["Overdue shadow exits without a price: 1."]


def test_a_ramp_that_has_stopped_is_told_like_a_policy_that_was_refused() -> None:
    make_everything()
    make_recipient("json://localhost/", name="Pager", kinds=["activation"])
    PolicyRamp.objects.update(state="STOPPED", ended_at=Now())

    look()
    spread()

    assert any(text.startswith("A ramp has stopped: ") for text in told()["activation"])
