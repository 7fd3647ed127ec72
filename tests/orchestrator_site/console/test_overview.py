"""The first page: what would be decided now, what waits, what needs attention."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from admin_kit.display import age_text
from experiments.history.replay import Selection, run_replay
from orchestrator_site.console.overview import Overview
from policies.drafts import activate_due_drafts
from tests.database import execute
from tests.experiments.history.test_replay import tamper
from tests.factories import make_available, make_experiment, make_policy, make_signal
from tests.orchestrator_site.console.rows import fail, logged_in, make_everything
from tests.policies.control import let_it_be_due, make_draft, schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> Client:
    return logged_in("operator")


def seen(client: Client) -> Overview:
    found: Overview = client.get(reverse("admin:index")).context["overview"]
    return found


def test_before_the_first_signal_it_teaches_how_to_make_one(operator: Client) -> None:
    page = operator.get(reverse("admin:index")).content.decode()

    assert "No signals yet" in page
    assert "manage.py demo" in page
    assert "/webhooks/tradingview/" in page


def test_it_tells_what_the_rules_would_decide_now(operator: Client) -> None:
    make_available("A", "B")
    make_policy(configured_mode="ENGINE_B_PRIMARY")

    assert seen(operator).next_decisions == [
        "engine B trades for real, engine A shadows (ENGINE_B_PRIMARY, CONFIGURED)"
    ]


def test_a_split_is_told_for_both_variants(operator: Client) -> None:
    make_available("A", "B")
    make_policy(configured_mode="SPLIT_CAPITAL")

    first, second = seen(operator).next_decisions

    assert first.startswith("Variant A: engine A trades for real")
    assert second.startswith("Variant B: engine B trades for real")


def test_it_counts_what_waits_and_what_failed(operator: Client) -> None:
    make_signal()
    fail(make_signal())

    numbers = seen(operator).numbers

    assert (numbers.signals_today, numbers.waiting, numbers.failed) == (2, 1, 1)
    assert numbers.oldest_wait is not None


def test_what_needs_attention_leads_to_its_page(operator: Client) -> None:
    fail(make_signal())
    make_available("B")

    page = operator.get(reverse("admin:index"))

    texts = [item.text for item in page.context["overview"].attention]
    assert "No worker is running. Start one: manage.py worker" in texts
    assert "Failed signals to retry or discard: 1." in texts
    assert "Engine A is unavailable: no heartbeat yet." in texts
    assert f"{reverse('admin:signals_app_signal_changelist')}?failure=open" in page.content.decode()


def test_a_scheduled_policy_that_was_refused_needs_attention(operator: Client) -> None:
    draft = schedule(make_draft())
    make_policy(split_percentage="70")
    let_it_be_due(draft)
    activate_due_drafts()

    page = operator.get(reverse("admin:index"))

    texts = [item.text for item in page.context["overview"].attention]
    assert "Scheduled policies that failed to activate in the last 24 hours: 1." in texts
    shown = operator.get(reverse("admin:policies_policydraft_changelist"), {"state__exact": "REFUSED"})
    assert [row.pk for row in shown.context["cl"].result_list] == [draft.pk]


def test_a_healthy_system_needs_no_attention(operator: Client) -> None:
    make_available("A", "B")
    execute("INSERT INTO worker_heartbeats (cluster, heartbeat_at) VALUES ('host:1', now())")

    assert seen(operator).attention == []


def test_the_last_replay_is_shown_with_a_link_to_its_run(operator: Client) -> None:
    assert "never ran" in operator.get(reverse("admin:index")).content.decode()
    make_experiment("A")
    run_replay(Selection(), run_by="somebody else")

    run = run_replay(Selection(), run_by="ada")

    page = operator.get(reverse("admin:index")).content.decode()
    assert "no difference" in page
    assert f"1 verified in {run.seconds:.1f} s" in page
    assert "by ada" in page
    assert reverse("admin:experiments_replayrun_change", args=(run.pk,)) in page


def test_a_replay_that_found_differences_needs_attention(operator: Client) -> None:
    experiment = make_experiment("A")
    tamper("experiments", "bucket = (bucket + 1) % 10000")
    run = run_replay(Selection(), run_by="ada")

    assert any(
        "The last replay found differences in the stored data: 1." in item.text for item in seen(operator).attention
    )

    page = operator.get(reverse("admin:experiments_replayrun_change", args=(run.pk,))).content.decode()
    assert "experiments.bucket" in page
    assert reverse("admin:experiments_experiment_change", args=(experiment.pk,)) in page


def test_the_last_ten_decisions_are_listed_with_links(operator: Client) -> None:
    made = [make_experiment("A") for _ in range(11)]

    page = operator.get(reverse("admin:index"))

    shown = [decision.pk for decision in page.context["overview"].decisions]
    assert len(shown) == 10
    assert made[0].pk not in shown
    assert reverse("admin:experiments_experiment_change", args=(made[-1].pk,)) in page.content.decode()


def test_it_refreshes_itself_unless_switched_off(operator: Client) -> None:
    assert "every 5s" in operator.get(reverse("admin:index")).content.decode()
    assert "every 30s" in operator.get(reverse("admin:index"), {"refresh": "30"}).content.decode()
    assert 'hx-trigger="every' not in operator.get(reverse("admin:index"), {"refresh": "0"}).content.decode()


def test_the_page_takes_few_statements_however_much_there_is(operator: Client) -> None:
    make_everything()
    operator.get(reverse("admin:index"))

    with CaptureQueriesContext(connection) as queries:
        operator.get(reverse("admin:index"))

    assert len(queries) <= 14


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172800, "2 d")]
)
def test_ages_are_told_in_fitting_units(seconds: float, text: str) -> None:
    assert age_text(seconds) == text
