"""What the search of every page finds: pages, things to do, and rows by whatever somebody has of them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from experiments.models import Experiment
from outcomes.models import RealTrade
from outcomes.performance.listing import NEW_YORK
from signals_app.models import WebhookDelivery, WebhookSource
from tests.factories import make_signal, make_source
from tests.orchestrator_site.console.rows import logged_in, traded_pair

pytestmark = pytest.mark.django_db
# Session and account; then a look-up for each kind of row, and three more for every signal found.
MOST_STATEMENTS = 24


@pytest.fixture
def experiment() -> Experiment:
    make_source(slug="mine")
    return traded_pair(symbol="TWX", order_id="Long 7")


def found(client: Client, text: str) -> dict[str, str]:
    """What is found: title and link of each line."""
    answer = client.get(reverse("admin:search"), {"s": text})
    assert answer.status_code == 200
    results = answer.context["results"] if answer.context else ()
    return {one.link: one.title for one in results}


def test_a_signal_is_found_by_all_that_names_it(experiment: Experiment, subtests: pytest.Subtests) -> None:
    analyst, why = logged_in("analyst"), reverse("admin:experiments_experiment_change", args=(experiment.pk,))
    known = {
        "experiment ID": str(experiment.pk),
        "signal ID": str(experiment.signal_id),
        "trade ID": str(RealTrade.objects.get().pk),
        "signal hash": experiment.signal_hash,
        "assignment hash": experiment.assignment_hash,
        "context hash": experiment.signal.market_context.context_hash,
        "decision hash": experiment.decision.decision_hash,
    }
    for name, text in known.items():
        for typed in (text, text[:8], f" {text[:12].upper()} "):
            with subtests.test(name, typed=typed):
                assert why in found(analyst, typed)
    assert why in found(analyst, "Long 7")


def test_v7_is_a_version_of_the_policy_and_nothing_else_with_that_number(experiment: Experiment) -> None:
    operator, policy = logged_in("operator"), experiment.policy_version_id
    told = {"source": WebhookSource.objects.get(slug="mine"), "received_at": timezone.now(), "duration_ms": 1}
    WebhookDelivery.objects.create(pk=policy, body=b"{}", body_sha256="0" * 64, outcome="accepted", **told)
    version, delivery = (
        reverse(f"admin:{page}_change", args=(policy,))
        for page in ("policies_policyversion", "signals_app_webhookdelivery")
    )

    assert list(found(operator, f"v{policy}")) == [version]
    assert {version, delivery} <= set(found(operator, f"#{policy}"))


def test_the_worst_trades_of_an_engine_are_one_step_away(experiment: Experiment) -> None:
    rows = reverse("admin:rows")

    results = found(logged_in("analyst"), "worst trades of B")

    assert results == {f"{rows}?engine=B&order=worst": "The worst trades of B"}


def test_a_symbol_leads_to_its_signals(experiment: Experiment) -> None:
    analyst = logged_in("analyst")

    assert found(analyst, "twx")[f"{reverse('admin:experiments_experiment_changelist')}?signal__symbol=TWX"] == "TWX"
    assert found(analyst, "NONE") == {}


def test_a_symbol_with_a_day_leads_to_the_signals_that_fired_on_it_in_new_york(experiment: Experiment) -> None:
    analyst, why = logged_in("analyst"), reverse("admin:experiments_experiment_change", args=(experiment.pk,))
    day = f"{experiment.signal.timestamp.astimezone(NEW_YORK):%Y-%m-%d}"
    listed = f"{reverse('admin:experiments_experiment_changelist')}?signal__symbol=TWX"

    for typed in (f"TWX {day}", f"{day} twx"):
        results = found(analyst, typed)
        assert results[f"{listed}&market_date_from={day}&market_date_to={day}"] == f"TWX {day}"
        assert why in results
    for typed in ("TWX 2003-02-30", "TWX 9999-12-31", f"{day} {day}", f"SPY {day}", "TWX 0001-01-01"):
        assert found(analyst, typed) == {}, typed
    waiting = make_signal(symbol="IWM")
    assert reverse("admin:signals_app_signal_change", args=(waiting.pk,)) in found(
        analyst, f"IWM {waiting.timestamp.astimezone(NEW_YORK):%Y-%m-%d}"
    )


def test_rows_are_found_by_their_number_and_sources_by_their_name(experiment: Experiment) -> None:
    operator = logged_in("operator")
    version = experiment.policy_version

    for typed in (f"v{version.pk}", str(version.pk), version.content_hash[:8]):
        assert reverse("admin:policies_policyversion_change", args=(version.pk,)) in found(operator, typed), typed
    assert any("webhooksource" in link for link in found(operator, "mi"))


@pytest.mark.parametrize(
    ("typed", "view"),
    [
        ("halt", "kill_switch"),
        ("resume", "kill_switch"),
        ("check alert", "check_alert"),
        ("as of", "as_of"),
        ("verdict", "outcomes_evaluation_latest"),
        ("new evaluation", "outcomes_evaluation_write"),
        ("report", "report"),
        ("rotate key", "policies_apikey_changelist"),
        ("RISK", "risk"),
        ("audit", "kernel_auditentry_changelist"),
    ],
)
def test_actions_and_pages_are_found_by_their_words(typed: str, view: str) -> None:
    assert reverse(f"admin:{view}") in found(logged_in("operator"), typed)


def test_nobody_finds_what_he_may_not_see_or_do(experiment: Experiment) -> None:
    viewer, stranger = logged_in("viewer"), logged_in()

    assert reverse("admin:kill_switch") not in found(viewer, "halt")
    assert list(found(stranger, "now")) == [reverse("admin:index")]
    assert found(stranger, str(experiment.pk)) == found(stranger, "Long 7") == found(stranger, "TWX") == {}


@pytest.mark.parametrize("typed", ["", " ", "\x00", "%", "f" * 65, "-" * 36, "9" * 60, "x" * 5000, "#"])
def test_nonsense_finds_nothing(experiment: Experiment, typed: str) -> None:
    assert found(logged_in("operator"), typed) == {}


def test_a_search_takes_few_statements(experiment: Experiment) -> None:
    operator = logged_in("operator")

    with CaptureQueriesContext(connection) as statements:
        found(operator, experiment.decision.decision_hash)

    assert len(statements) <= MOST_STATEMENTS
    assert all("LIMIT" in one["sql"] or " IN (" in one["sql"] for one in statements if "experiments" in one["sql"])
