"""Whatever stands in an address, the admin answers; it never fails with a 500."""

from __future__ import annotations

from itertools import product

import pytest
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.models import Experiment
from kernel.models import AuditEntry
from tests.factories import api_client
from tests.orchestrator_site.console.rows import logged_in, make_everything

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
# What a list reads by its own columns: searches and filters.
OF_A_LIST = (
    "q=%00&engine__exact=%00", "q=" + "9" * 400, "q=00000000-0000-0000-0000-000000000000", "q=" + "a" * 64,
    "q=%ED%A0%BD",
)  # fmt: skip
# What the admin reads in the same way for all lists; tried on the one with the most searches, filters and columns.
OF_ALL_LISTS = (
    "q=none", "q=%27%20OR%201%3D1", "q=v7", "q=%F0%9F%92%A9", "p=-1", "p=0", "p=99999999999999", "p=x",
    "o=99", "o=x.-1", "o=1.2.3", "all=", "e=1", "e=1&zzz=1", "zzz=1", "status__exact=%00", "status__exact=NONE",
    "_popup=1", "_to_field=zzz", "_to_field=signal_hash", "engine=C", "symbol__regex=(", "id__in=x",
    "note__contains=%00", "received_at__gte=x", "received_at_within=x", "received_at_within=1h",
    "live_enabled__exact=x",
    "is_active__exact=2", "experiment__signal__source__regex=(", "pk=1", "pk__in=,", "%5B%5D=1", "=1", "&&&", "%00=%00",
)  # fmt: skip
words = st.text(max_size=30)
fields = st.sampled_from(["q", "p", "o", "all", "status", "engine", "experiment", "received_at", "signal", "symbol"])
lookups = st.sampled_from(["", "__exact", "__regex", "__isnull", "__gte", "__in", "__year", "_within"])


@pytest.fixture
def client() -> Client:
    make_everything()
    return logged_in(superuser=True)


def list_of(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def test_no_query_string_breaks_a_list(client: Client, subtests: pytest.Subtests) -> None:
    tried = [*product(map(list_of, MODELS), OF_A_LIST), *product([list_of(Experiment)], OF_ALL_LISTS)]
    for address, query in tried:
        with subtests.test(address=address, query=query):
            assert client.get(f"{address}?{query}", follow=True).status_code == 200


FILES = [model for model in MODELS if getattr(admin.site._registry[model], "csv_columns", ())]


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("query", ["zzz=1", "q=%00&zzz=1", "e=1&zzz=1"])
def test_a_list_with_a_wrong_filter_is_no_file(client: Client, form: str, query: str) -> None:
    answers = {model: client.get(f"{list_of(model)}?as={form}&{query}") for model in FILES}

    assert len(FILES) > 3
    assert {answer.status_code for answer in answers.values()} == {400}


def test_a_file_without_its_period_is_refused_and_one_of_any_page_has_all(client: Client) -> None:
    audit = list_of(AuditEntry)

    assert client.get(audit, {"as": "csv", "at_within": "x"}).status_code == 400
    assert client.get(audit, {"as": "csv", "at_within": "1h", "p": "999"}).status_code == 200


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.dictionaries(st.builds(str.__add__, fields, lookups), words, max_size=4))
def test_no_parameters_break_the_list_of_signals(client: Client, query: dict[str, str]) -> None:
    assert client.get(reverse("admin:signals_app_signal_changelist"), query, follow=True).status_code == 200


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(word=words)
def test_no_search_breaks_the_list_of_experiments(client: Client, word: str) -> None:
    assert client.get(reverse("admin:experiments_experiment_changelist"), {"q": word}, follow=True).status_code == 200


def test_a_wrong_filter_is_told_and_left_out(client: Client) -> None:
    page = client.get(reverse("admin:signals_app_signal_changelist"), {"symbol__regex": "("}, follow=True)

    assert "which was ignored" in page.content.decode()
    assert page.redirect_chain


@pytest.mark.parametrize("query", ["s=x&page=x", "s=x&page=999", "s=%00", "s=x&extended=1&page=-1"])
def test_no_query_breaks_the_search_for_pages(client: Client, query: str) -> None:
    assert client.get(f"{reverse('admin:search')}?{query}").status_code == 200


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.dictionaries(
        st.sampled_from(["since", "until", "symbol", "timeframe", "direction", "strategy", "policy_version", "zzz"]),
        words | st.sampled_from(["2026-03-16", "2026-99-99", "1", "-1", "9" * 30, "0001-01-01T00:00:00+14:00"]),
    )
)
def test_no_filter_breaks_the_report(client: Client, query: dict[str, str]) -> None:
    assert client.get(reverse("admin:report"), query).status_code == 200
    for form in ("json", "csv", "svg", "zzz"):
        assert client.get(reverse("admin:report_export", args=(form,)), query).status_code in {200, 400, 404}


@pytest.mark.parametrize("refresh", ["x", "-5", "5", "\x00", "99999"])
def test_no_refresh_interval_breaks_the_overview(client: Client, refresh: str) -> None:
    assert client.get(reverse("admin:index"), {"refresh": refresh}).status_code == 200


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=st.text(max_size=200) | st.binary(max_size=80).map(lambda raw: raw.decode("utf-8", "replace")))
def test_no_message_breaks_the_check_of_an_alert(client: Client, message: str) -> None:
    answer = client.post(reverse("admin:check_alert"), {"message": message, "max_age_seconds": "300"})

    assert answer.status_code == 200


@pytest.mark.parametrize("source", ["x", "0", "-1", "99999999999999999999", "\x00", "1.5"])
def test_no_source_of_a_new_version_breaks_its_form(client: Client, source: str) -> None:
    page = client.get(reverse("admin:policies_policyversion_new_version"), {"from": source})

    assert page.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/admin/policies/apikey/revoke/%00/", "/admin/policies/apikey/rotate/a%00/", "/admin/report/kept/%00/",
        "/admin/outcomes/evaluation/verdict/%00/", "/admin/outcomes/evaluation/%00/change/", "/%00",
        "/admin/account/%00/sessions/", "/static/%00.css",
    ],
)  # fmt: skip
def test_a_path_that_no_text_of_the_database_can_be_is_not_found(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_so_is_one_of_the_api() -> None:
    answer = api_client("analyst").get("/api/v1/evaluations/%00")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
