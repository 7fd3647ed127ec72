"""What asks for somebody on the first page: acknowledged, put off, or worth a look."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from experiments.worker.pipeline import drain
from kernel.models import AttentionMark
from orchestrator_site.console.attention import Attention
from outcomes.evaluations.lifecycle import finish_evaluation
from signals_app.models import WebhookDelivery
from tests.database import execute, refusal_of
from tests.factories import make_available, make_policy, make_signal
from tests.orchestrator_site.console.now import NOW, acknowledge, asks, seen
from tests.orchestrator_site.console.rows import fail, logged_in, make_everything
from tests.orchestrator_site.console.test_engines_page import stretch
from tests.outcomes.evaluations import hall
from tests.outcomes.evaluations.hall import make_phase
from tests.policies.control import ADA, make_draft

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> Client:
    return logged_in("operator")


def test_what_was_acknowledged_is_kept_with_name_and_asks_again_when_there_is_more(operator: Client) -> None:
    fail(make_signal())

    acknowledge(operator, asks(operator)["failed_signals"])

    assert "failed_signals" not in asks(operator)
    (mark,) = AttentionMark.objects.all()
    assert (mark.kind, mark.made_by, mark.until) == ("failed_signals", "operator", None)
    assert [one.mark for one in seen(operator)["inbox"].seen] == [mark]
    fail(make_signal())
    assert "failed_signals" in asks(operator)


def test_what_was_put_off_stays_away_until_then_whatever_happens(operator: Client) -> None:
    fail(make_signal())
    acknowledge(operator, asks(operator)["failed_signals"], hours="8")
    fail(make_signal())
    assert "failed_signals" not in asks(operator)

    AttentionMark.objects.create(kind="failed_signals", facts="", until=Now(), made_by="ada", made_at=Now())

    assert "failed_signals" in asks(operator)


def test_nobody_acknowledges_what_he_has_not_seen(operator: Client) -> None:
    fail(make_signal())
    stale = asks(operator)["failed_signals"]
    fail(make_signal())

    page = acknowledge(operator, stale)

    assert "It has changed in the meantime: Failed signals to retry or discard: 2." in page.content.decode()
    assert not AttentionMark.objects.exists()


def test_only_operators_acknowledge(operator: Client) -> None:
    fail(make_signal())
    viewer = logged_in("viewer")

    assert "Acknowledge" in operator.get(NOW).content.decode()
    assert "Acknowledge" not in viewer.get(NOW).content.decode()
    assert acknowledge(viewer, asks(viewer)["failed_signals"]).status_code == 403


def test_a_mark_is_never_changed_nor_deleted() -> None:
    AttentionMark.objects.create(kind="halt", facts="1", made_by="ada", made_at=Now())

    for statement in ("UPDATE attention_marks SET made_by = 'bob'", "DELETE FROM attention_marks"):
        assert "attention_marks is append-only" in refusal_of(statement)


def test_a_silent_engine_is_told_with_its_limit_and_what_it_cost(operator: Client) -> None:
    make_available("A", "B")
    make_policy(configured_mode="ENGINE_A_PRIMARY")
    execute("UPDATE engines SET last_heartbeat_at = now() - interval '5 minutes' WHERE name = 'A'")
    make_signal()
    drain()

    text = asks(operator)["engine_A"].text

    assert text == "Engine A has been silent for 5 min (limit 60 s). 1 signal was decided without it."


def test_a_guardrail_near_its_limit_is_shown_before_it_trips(operator: Client) -> None:
    make_policy(max_failed_signal_percentage="60")
    for _ in range(10):
        make_signal()
        fail(make_signal())

    assert asks(operator)["near_max_failed_signal_percentage"].text == (
        "Max failed signals (%) is at 50.00 of 60.00, close to its limit."
    )
    assert '<meter class="to-meter"' in operator.get(NOW).content.decode()


def test_a_draft_waits_for_nobody_where_no_approval_is_required(operator: Client) -> None:
    make_draft()

    assert "unapproved_drafts" not in asks(operator)


def test_alerts_that_were_refused_and_drafts_without_approval_ask_for_somebody(
    operator: Client, settings: LazySettings
) -> None:
    settings.POLICY_REQUIRE_APPROVAL = True
    make_everything()
    make_draft()
    WebhookDelivery.objects.update(outcome="rejected")

    found = asks(operator)

    assert found["unapproved_drafts"].text == "Policy drafts waiting for approval: 1."
    assert found["rejected_alerts"].text == "Alerts rejected in the last 24 hours: 1."
    page = operator.get(NOW).content.decode()
    assert [one.kind for one in found.values() if one.text not in page] == []


def reviewed(client: Client) -> dict[str, Attention]:
    """What is worth a look, by kind."""
    return {one.kind: one for one in seen(client)["reviews"]}


def test_what_other_pages_report_is_worth_a_look_and_not_counted_as_asking(operator: Client) -> None:
    make_available("A", "B")
    make_policy(max_daily_real_loss="100")
    stretch(6, 3)
    execute("UPDATE engines SET last_heartbeat_at = now()")
    execute("INSERT INTO worker_heartbeats (cluster, heartbeat_at) VALUES ('host:1', now())")

    page = operator.get(NOW)

    assert {kind: one.text for kind, one in reviewed(operator).items()} == {
        "low_A": "Engine A was available 50.0% of the time since its first heartbeat.",
        "halt_drill": "Halt has never been tested. Run a drill now, then monthly.",
        "guardrails_off": (
            "These guardrails are off: Max consecutive real losses, Max failed signals (%), "
            "Max engine reconnects per hour."
        ),
    }
    text = page.content.decode()
    assert "To review: 3" in text
    assert "All clear" in text
    assert "<title>Now" in " ".join(text.split())
    viewer = logged_in("viewer")
    for one in reviewed(operator).values():
        assert viewer.get(f"{reverse(f'admin:{one.view}')}?{one.query}").status_code == 200


def test_what_asks_for_attention_is_not_said_twice(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    stretch(6, 3)
    monkeypatch.setattr("orchestrator_site.console.attention.DRILL_DAYS", -1)

    assert {"engine_A", "halt_drill"} <= set(asks(operator))
    assert {"low_A", "halt_drill"} & set(reviewed(operator)) == set()


def test_a_verdict_s_reservations_are_worth_a_look_while_it_runs_and_a_while_longer(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_phase()
    hall.started(name="winter")
    because = "The worst block was promised without 60 earlier blocks to check it against."
    told = f"The verdict of winter has reservations. {because}"
    assert reviewed(operator)["verdict_flags"].text == told

    finish_evaluation(ADA, "winter", reason="Enough.")

    assert reviewed(operator)["verdict_flags"].text == told
    monkeypatch.setattr("orchestrator_site.console.reviews.ENDED_DAYS", -1)
    assert "verdict_flags" not in reviewed(operator)
