"""Lists of a million rows: few statements, no count of the whole table, searches that use an index."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection, models
from django.db.models import QuerySet
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from admin_kit import paginator as paginator_module
from admin_kit.options import BrowseAdmin
from admin_kit.paginator import EstimatePaginator
from admin_kit.search import field_at, hash_begins, id_begins, search_exactly
from experiments.admin.signals import StatusFilter
from experiments.models import ExecutionDecision, Experiment
from kernel.models import AuditEntry
from orchestrator_site.console.experiment_admin import ExperimentAdmin
from outcomes.admin.of_experiment import OfExperimentAdmin
from outcomes.models import RealOutcome, RealTrade, ShadowTrade
from policies.models import PolicyVersion
from signals_app.models import MarketContext, Signal, WebhookDelivery
from tests.database import execute, forget_statistics
from tests.factories import make_policy, make_signal
from tests.orchestrator_site.console.rows import logged_in, make_everything, traded_pair

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
# Session, account, count, rows, the halt and the guardrail; what a list needs more stands here.
COMMON = 6
EXTRA = {"experiments.Experiment": 7, "signals_app.Signal": 1, "auth.Group": 1}
# Which of the page's rows are of replayed signals.
EXTRA |= {model._meta.label: 1 for model in MODELS if isinstance(admin.site._registry[model], OfExperimentAdmin)}


def signals_of(status: str) -> QuerySet[Signal]:
    """The rows of the list of signals narrowed to a status."""
    params = {"status__exact": [status]}
    options = admin.site._registry[Signal]
    request = RequestFactory().get("/")
    chosen = StatusFilter(Signal._meta.get_field("status"), request, params, Signal, options, "status")
    return chosen.queryset(request, Signal.objects.all())


def list_of(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@pytest.fixture
def client() -> Client:
    make_everything()
    traded_pair()
    traded_pair()
    return logged_in(superuser=True)


def statements_of(client: Client, model: type[models.Model]) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        client.get(list_of(model))
    return [query["sql"] for query in queries]


def test_a_list_takes_no_more_statements_for_more_rows(client: Client, subtests: pytest.Subtests) -> None:
    for model in MODELS:
        with subtests.test(model=model._meta.label):
            statements = statements_of(client, model)

            assert len(statements) <= COMMON + EXTRA.get(model._meta.label, 0), [sql[:120] for sql in statements]


def test_no_list_counts_its_whole_table_or_lists_distinct_values(client: Client, subtests: pytest.Subtests) -> None:
    for model in MODELS:
        with subtests.test(model=model._meta.label):
            for sql in statements_of(client, model):
                assert "DISTINCT" not in sql
                assert not (model._meta.db_table in sql and "COUNT(*)" in sql and "LIMIT" not in sql), sql


def test_nobody_can_have_the_rows_of_every_choice_counted(client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        page = client.get(list_of(Experiment), {"_facets": "True"})

    assert "Show counts" not in page.content.decode()
    assert not any("FILTER (WHERE" in query["sql"] for query in queries)


def test_only_choices_flags_and_periods_are_filters() -> None:
    for model, options in admin.site._registry.items():
        assert options.date_hierarchy is None
        for item in options.list_filter:
            if isinstance(item, str):
                field = field_at(model, item)
                assert getattr(field, "choices", None) or isinstance(field, models.BooleanField), (model, item)


def test_every_list_is_made_for_browsing() -> None:
    assert all(isinstance(options, BrowseAdmin) for options in admin.site._registry.values())


def test_a_small_table_is_counted_exactly() -> None:
    make_signal()
    make_signal()

    assert EstimatePaginator(Signal.objects.all(), 50).count == 2


@pytest.mark.parametrize("model", [Signal, AuditEntry], ids=["whole", "in partitions"])
def test_a_large_table_is_estimated_from_what_postgresql_knows(
    model: type[Signal | AuditEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paginator_module, "COUNTED", 1)
    for number in range(4):
        make_signal()
        AuditEntry.objects.create(at=timezone.now(), actor="ann", action="a", subject=f"{number}")
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {model._meta.db_table}")

    pages = EstimatePaginator(model.objects.all(), 50)

    assert (pages.count, pages.is_estimate, pages.is_lower_bound) == (model.objects.count(), True, False)


def test_pages_of_a_large_table_have_numbers_with_their_thousands_apart(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EstimatePaginator, "count", 100_000)

    page = client.get(list_of(Signal), {"p": "12"}).content.decode()

    assert re.search(r'<a href="\?p=2000">2,000</a>', page)
    assert re.search(r'aria-current="page">12</span>', page)
    # What is left out between them is no page.
    assert page.count("<span>…</span>") == 2


def test_what_a_filter_leaves_of_a_large_table_is_said_to_be_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paginator_module, "COUNTED", 1)
    for _ in range(4):
        make_signal(symbol="SPY")

    pages = EstimatePaginator(Signal.objects.filter(symbol="SPY"), 50)

    assert (pages.count, pages.is_estimate, pages.is_lower_bound) == (2, False, True)


def test_a_search_finds_ids_hashes_and_symbols_exactly() -> None:
    signal, other = make_signal(symbol="SPY"), make_signal(symbol="SPYG")
    fields = ("signal_id__exact", "signal_hash__exact", "symbol__exact")

    beginnings = (str(signal.pk)[:8], str(signal.pk)[:13], signal.signal_hash[:12])
    for text in (str(signal.pk), signal.pk.hex, f" {signal.pk} ", signal.signal_hash, "SPY", "spy", *beginnings):
        assert list(search_exactly(Signal.objects.all(), fields, text)) == [signal], text
    assert other.pk != signal.pk


@pytest.mark.parametrize("text", ["", " ", "SP", "%", "a" * 63, "g" * 64, "0" * 31, "\x00", "SPY\x00", "x" * 5000])
def test_a_search_for_what_is_no_whole_id_finds_nothing(text: str) -> None:
    make_signal(symbol="SPY")

    found = search_exactly(Signal.objects.all(), ("signal_id__exact", "signal_hash__exact", "symbol__exact"), text)

    assert list(found) == []


def test_a_search_goes_through_relations() -> None:
    experiment = traded_pair(symbol="TWX")

    assert list(search_exactly(Experiment.objects.all(), ("signal__symbol__exact",), "twx")) == [experiment]
    assert RealOutcome.objects.count() == 1
    found = search_exactly(RealOutcome.objects.all(), ("experiment_id__exact",), str(experiment.pk))
    assert found.count() == 1
    assert search_exactly(RealOutcome.objects.all(), ("experiment_id__exact",), str(uuid.uuid4())).count() == 0


@pytest.mark.parametrize(
    ("text", "looked_for", "not_looked_for"),
    [
        ("3aed90ca-8e6a-497a-b6b1-c3f6e5e10b0f", {"experiment_id", "signal_id"}, {"symbol", "policy_version"}),
        ("v7", {"policy_version"}, {"symbol", "signal_id"}),
        ("7203", {"policy_version", "symbol"}, {"signal_id"}),
        ("SPY", {"symbol"}, {"policy_version", "signal_id"}),
    ],
)
def test_what_can_only_be_an_id_is_looked_for_among_ids_alone(
    text: str, looked_for: set[str], not_looked_for: set[str]
) -> None:
    """An OR across two tables reads both of them whole."""
    found = search_exactly(Experiment.objects.all(), ExperimentAdmin.search_fields, text)

    condition = str(found.query).partition(" WHERE ")[2].partition(" ORDER BY ")[0]
    # An ID is looked for between the lowest and the highest one that begins so.
    assert all(f'"{name}" = ' in condition or f'"{name}" >= ' in condition for name in looked_for)
    assert not any(f'"{name}" ' in condition for name in not_looked_for)


def test_pages_far_down_hold_what_they_would_without_the_detour(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(7):
        make_signal()
    rows = Signal.objects.order_by("-received_at", "signal_id")
    plain = [list(EstimatePaginator(rows, 2).page(number)) for number in (1, 2, 3, 4)]

    monkeypatch.setattr(paginator_module, "SEEK_BY_ID_FROM", 2)

    assert [list(EstimatePaginator(rows, 2).page(number)) for number in (1, 2, 3, 4)] == plain


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (RealTrade.objects.filter(status="OPEN"), "realtrade_open"),
        (ShadowTrade.objects.filter(status="OPEN"), "shadowtrade_open"),
        (ExecutionDecision.objects.filter(decision_hash="a" * 64), "execution_policy_hash"),
        (MarketContext.objects.filter(hash_begins("context_hash", "a1" * 4)), "market_contexts_hash"),
        (Experiment.objects.filter(hash_begins("signal_hash", "a1" * 32)), "experiments_signal_hash"),
        (Experiment.objects.filter(hash_begins("assignment_hash", "a1" * 5)), "experiments_assignment_hash"),
        (Signal.objects.filter(order_id="7").exclude(order_id=""), "signals_order"),
        (signals_of("PENDING"), "waiting_signals_pkey"),
        (signals_of("FAILED"), "signals_tried"),
        (Experiment.objects.filter(id_begins("experiment_id", "a1" * 4)), "experiments_"),
        (WebhookDelivery.objects.filter(code="stale"), "webhook_deliveries_code"),
        (WebhookDelivery.objects.filter(outcome="rejected"), "webhook_deliveries_outcome"),
        (AuditEntry.objects.filter(action__startswith="policy."), "action_id_idx"),
    ],
    ids=[
        "real",
        "shadow",
        "decision",
        "context",
        "signal hash",
        "assignment hash",
        "order",
        "what waits",
        "what has failed",
        "first digits of an ID",
        "code",
        "outcome",
        "audit",
    ],
)
def test_what_is_counted_and_looked_for_all_the_time_has_an_index(rows: QuerySet[Any], index: str) -> None:
    # What remains are bitmaps, and those only of an index that the condition can use.
    forget_statistics()
    execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")

    assert index in rows.explain()


def test_a_policy_version_is_found_by_its_number_with_or_without_v() -> None:
    policy = make_policy(configured_mode="SHADOW_ONLY")

    for text in (str(policy.version), f"v{policy.version}", f"V{policy.version}"):
        assert list(search_exactly(PolicyVersion.objects.all(), ("version__exact",), text)) == [policy]
    assert not search_exactly(PolicyVersion.objects.all(), ("version__exact",), "v" + "9" * 30)


def test_searching_an_id_uses_the_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = search_exactly(Signal.objects.all(), ("signal_id__exact",), str(uuid.uuid4())).explain()

    assert "Index" in plan
