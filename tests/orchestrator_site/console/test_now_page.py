"""The first page: what needs somebody, what would be decided now, what the last hour was like."""

from __future__ import annotations

from html import unescape

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from admin_kit.display import age_text
from experiments.history.replay import Selection, run_replay
from experiments.worker.pipeline import drain
from outcomes.evaluations.lifecycle import finish_evaluation
from policies.drafts import activate_due_drafts
from policies.services import engage_halt
from signals_app.models import WebhookDelivery
from tests.database import execute
from tests.experiments.history.test_replay import tamper
from tests.factories import make_available, make_experiment, make_policy, make_signal, make_source
from tests.orchestrator_site.console.now import NOW, acknowledge, asks, seen
from tests.orchestrator_site.console.rows import fail, logged_in, make_everything
from tests.orchestrator_site.console.test_engines_page import stretch
from tests.outcomes.desk import live_desk
from tests.outcomes.evaluations import hall
from tests.outcomes.evaluations.hall import make_phase
from tests.policies.control import ADA, let_it_be_due, make_draft, schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> Client:
    return logged_in("operator")


def test_before_the_first_signal_it_teaches_how_to_make_one(operator: Client) -> None:
    def taught(host: str) -> str:
        return " ".join(unescape(operator.get(NOW, headers={"Host": host}).content.decode()).split())

    empty = taught("localhost:8123")
    assert "No signals yet" in empty
    assert "manage.py demo --port 8123<" in empty
    assert "manage.py demo<" in taught("localhost:8000")
    assert "Create a <a" in empty
    assert "API key</a> for each engine" in empty
    assert "manage.py worker" in empty
    assert "curl 'http://localhost:8123/webhooks/tradingview/<token>/'" in empty

    make_source()
    execute("INSERT INTO worker_heartbeats (cluster, heartbeat_at) VALUES ('host:1', now())")
    assert "Create a <a" not in taught("localhost:8123")
    assert ">tv</a> was shown when it was created" in taught("localhost:8123")
    assert '<code class="to-code">manage.py worker' not in taught("localhost:8123")
    make_signal()
    assert "No decisions yet" in taught("localhost:8123")
    assert "curl" not in taught("localhost:8123")


def test_it_tells_what_the_rules_would_decide_now(operator: Client) -> None:
    make_available("A", "B")
    make_policy(configured_mode="ENGINE_B_PRIMARY")

    assert seen(operator)["next_decisions"] == [
        "engine B trades for real and engine A shadows (ENGINE_B_PRIMARY, CONFIGURED)"
    ]


def test_a_split_is_told_for_both_variants(operator: Client) -> None:
    make_available("A", "B")
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="12.5")

    first, second = seen(operator)["next_decisions"]

    assert first.startswith("12.5% chance that engine A trades for real and engine B shadows")
    assert second.startswith("87.5% chance that engine B trades for real and engine A shadows")


def test_what_a_split_leaves_no_chance_is_not_told(operator: Client) -> None:
    make_available("A", "B")
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="100")

    (only,) = seen(operator)["next_decisions"]

    assert only.startswith("100% chance that engine A trades for real")


def test_it_counts_what_waits_and_what_failed(operator: Client) -> None:
    make_signal()
    fail(make_signal())

    numbers = seen(operator)["numbers"]

    assert (numbers.signals_today, numbers.waiting, numbers.failed) == (2, 1, 1)
    assert numbers.oldest_wait is not None


def test_what_needs_attention_leads_to_its_page(operator: Client) -> None:
    fail(make_signal())
    make_available("B")

    page = operator.get(reverse("admin:index"))

    texts = [item.text for item in page.context["inbox"].open]
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

    texts = [item.text for item in page.context["inbox"].open]
    assert "Scheduled policies that failed to activate in the last 24 hours: 1." in texts
    shown = operator.get(reverse("admin:policies_policydraft_changelist"), {"state__exact": "REFUSED"})
    assert [row.pk for row in shown.context["cl"].result_list] == [draft.pk]


def test_each_thing_that_asks_leads_to_a_page_that_opens(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    """All at once but for those of engines, guardrails, refusals, ramps and proofs, which have tests of their own."""
    settings.POLICY_REQUIRE_APPROVAL = True
    operator = logged_in(superuser=True)
    make_phase()
    hall.started(name="winter")
    finish_evaluation(ADA, "winter", reason="Enough.")
    hall.draft(name="spring")
    make_everything()
    make_draft()
    engage_halt(ADA, reason="A test.")
    for statement in (
        "UPDATE webhook_deliveries SET outcome = 'conflict'",
        "INSERT INTO unknown_token_attempts (address, hour, attempts, last_at) VALUES ('192.0.2.9', now(), 4, now())",
        "UPDATE exit_directives SET state = 'PENDING', settled_at = NULL, expires_at = now() - interval '1 hour'",
        "DELETE FROM worker_heartbeats",
    ):
        execute(statement)
    make_signal()
    monkeypatch.setattr("orchestrator_site.console.attention.WAITING_LIMIT_SECONDS", -3600)

    found = asks(operator)

    assert {kind: one.text for kind, one in found.items()} == {
        "halt": "Trading is halted: no new real trades.",
        "worker": "No worker is running. Start one: manage.py worker",
        "pending": "A signal has been pending for 0 s.",
        "incidents": "Incidents to acknowledge: 1.",
        "failed_signals": "Failed signals to retry or discard: 1.",
        "amendments": "Amendments to decide: 1.",
        "overdue_exits": "Overdue shadow exits without a price: 1.",
        "engine_errors": "Errors returned to engines since yesterday (UTC): engine B 1.",
        "missing_alerts": "Alerts missing in the last 24 hours: 1.",
        "conflicting_alerts": "Alerts of the last 24 hours that contradict an earlier one: 1.",
        "unknown_tokens": "Requests with an unknown webhook token in the last 24 hours: 4.",
        "unapproved_drafts": "Policy drafts waiting for approval: 1.",
        "unapproved_ramps": "Policy ramps waiting for approval: 1.",
        "unapproved_evaluations": "Evaluations waiting for approval: 1.",
        "ended_evaluation": "The evaluation winter has ended.",
    }
    pages = {
        kind: operator.get(f"{reverse(f'admin:{one.view}')}?{one.query}", follow=True) for kind, one in found.items()
    }
    assert {kind: page.status_code for kind, page in pages.items()} == dict.fromkeys(found, 200)


def test_counts_have_their_thousands_apart(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator_site.console.now_page.NUMBERS", "SELECT 1234567, 0, NULL, 0, 0, 0, 0, 0, 1")

    assert "<strong>1,234,567</strong>" in operator.get(NOW, {"part": "state"}).content.decode()


def test_a_healthy_system_needs_no_attention(operator: Client) -> None:
    make_available("A", "B")
    execute("INSERT INTO worker_heartbeats (cluster, heartbeat_at) VALUES ('host:1', now())")

    assert seen(operator)["inbox"].open == []


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
        "The last replay found differences in the stored data: 1." in item.text for item in seen(operator)["inbox"].open
    )

    page = operator.get(reverse("admin:experiments_replayrun_change", args=(run.pk,))).content.decode()
    assert "experiments.bucket" in page
    assert reverse("admin:experiments_experiment_change", args=(experiment.pk,)) in page


def test_the_last_ten_decisions_are_listed_with_links(operator: Client) -> None:
    made = [make_experiment("A") for _ in range(11)]

    page = operator.get(reverse("admin:index"))

    shown = [decision.pk for decision in page.context["decisions"]]
    assert len(shown) == 10
    assert made[0].pk not in shown
    assert reverse("admin:experiments_experiment_change", args=(made[-1].pk,)) in page.content.decode()


def test_it_refreshes_itself_unless_switched_off(operator: Client) -> None:
    assert "every 5s" in operator.get(reverse("admin:index")).content.decode()
    assert "every 30s" in operator.get(reverse("admin:index"), {"refresh": "30"}).content.decode()
    assert 'hx-trigger="every' not in operator.get(reverse("admin:index"), {"refresh": "0"}).content.decode()


def test_errors_answered_to_engines_are_counted_as_on_the_engines_page(operator: Client) -> None:
    counted = (
        "INSERT INTO engine_errors (engine, day, code, count)"
        " VALUES (%s, (now() AT TIME ZONE 'UTC')::date - %s, %s, %s)"
    )
    for error in (
        ("A", 2, "not_found", 9),
        ("A", 1, "not_found", 2),
        ("A", 0, "not_found", 1),
        # The feed was faster.
        ("A", 0, "directive_settled", 8),
        ("B", 0, "stale_context", 4),
    ):
        execute(counted, *error)

    asked = asks(operator)["engine_errors"]

    assert asked.text == "Errors returned to engines since yesterday (UTC): engine A 3, engine B 4."
    assert asked.view == "engines"
    acknowledge(operator, asked)
    execute("UPDATE engine_errors SET count = count + 1")
    assert "engine_errors" not in asks(operator)
    execute(counted, "B", 0, "not_found", 1)
    assert "engine_errors" in asks(operator)


@pytest.mark.parametrize("part", ["inbox", "state", "activity", "decisions"])
def test_each_part_refreshes_alone(operator: Client, part: str) -> None:
    make_everything()

    answer = operator.get(NOW, {"part": part}).content.decode()

    assert answer.count('class="to-part"') == 1
    assert f'id="to-now-{part}"' in answer
    assert "<html" not in answer


def test_the_last_hour_is_drawn_and_told_in_words(operator: Client) -> None:
    make_everything()
    make_signal()
    drain()

    requests, latency = seen(operator)["charts"]

    assert len(requests.labels) == 60
    assert sum(requests.series[0].values) == WebhookDelivery.objects.filter(outcome="accepted").count()
    assert latency.summary.startswith("From arrival to decision")


def test_each_engine_has_its_lane_of_the_day_once_it_was_seen(operator: Client) -> None:
    assert seen(operator)["lanes"] == []
    stretch(6, 3)

    ((name, lane),) = seen(operator)["lanes"]

    assert (name, lane.percentage, lane.since_birth) == ("A", "50.0%", True)
    page = " ".join(operator.get(NOW, {"part": "activity"}).content.decode().split())
    assert "Engine A</a>: available 50.0% of the time since its first heartbeat" in page
    assert 'aria-label="Engine A by quarters of an hour, available 50.0% of the time"' in page


def test_what_is_drawn_is_a_file_as_well(operator: Client) -> None:
    make_everything()

    file = operator.get(NOW, {"part": "activity", "csv": "requests"})

    assert file["Content-Type"] == "text/csv; charset=utf-8"
    head, *minutes = file.content.decode().splitlines()
    assert head == '"Minute, UTC",signals,duplicates and exits,rejected or conflicting'
    assert len(minutes) == 60
    assert operator.get(NOW, {"csv": "other"}).status_code == 404


def test_what_is_at_stake_is_told_by_engine_and_currency(operator: Client) -> None:
    desk = live_desk("A")
    desk.open_real()

    (stake,) = seen(operator)["stakes"]

    assert (stake.engine, stake.currency, stake.open_trades, stake.at_risk) == ("A", "USD", 1, 139)
    assert "Capital at risk" in operator.get(NOW).content.decode()


def test_the_page_takes_few_statements_however_much_there_is(operator: Client) -> None:
    make_everything()
    operator.get(reverse("admin:index"))

    with CaptureQueriesContext(connection) as queries:
        operator.get(reverse("admin:index"))

    assert len(queries) <= 29


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172800, "2 d")]
)
def test_ages_are_told_in_fitting_units(seconds: float, text: str) -> None:
    assert age_text(seconds) == text
