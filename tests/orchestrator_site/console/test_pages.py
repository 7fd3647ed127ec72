"""Every list and every page of the admin, with rows and without."""

from __future__ import annotations

import re
from itertools import product

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models
from django.test import Client
from django.urls import reverse

from policies.models import ApiKey, Engine, PolicyVersion
from tests.factories import make_policy
from tests.orchestrator_site.console.rows import logged_in, make_everything

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
# Every table of the contract, by its name in the database.
TABLES = {
    "signals", "webhook_deliveries", "webhook_sources", "market_data", "market_contexts", "experiments",
    "execution_policy", "signal_distributions", "engines", "policy_versions", "halts", "recommendations",
    "evaluations", "evaluation_blocks", "permits",
    "real_trades", "shadow_trades", "exit_directives", "real_outcomes", "shadow_outcomes", "incidents",
    "trade_amendments", "pair_violations", "worker_heartbeats", "api_keys", "replay_runs",
}  # fmt: skip
PAGES = ("index", "kill_switch", "check_alert", "report", "engines", "as_of", "password_change")
WRONG_DATE = re.compile(r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? \d{1,2}, \d{4}|\d [ap]\.m\.")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def address(model: type[models.Model], view: str, *arguments: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=arguments)


def test_every_table_of_the_contract_is_there() -> None:
    assert {model._meta.db_table for model in MODELS} >= TABLES


def test_the_key_package_shows_no_table_of_its_own() -> None:
    assert "rest_framework_api_key.APIKey" not in {model._meta.label for model in MODELS}


def test_a_list_with_rows_answers(subtests: pytest.Subtests) -> None:
    make_everything()
    client = logged_in(superuser=True)
    for model in MODELS:
        with subtests.test(model=model._meta.label):
            page = client.get(address(model, "changelist"))

            assert page.status_code == 200
            assert WRONG_DATE.search(page.content.decode()) is None


def test_the_rows_of_every_list_have_pages(subtests: pytest.Subtests) -> None:
    make_everything()
    client = logged_in(superuser=True)
    # The list says all there is to say about a key; of many rows the first and the last stand for those between.
    kinds = [list(model._default_manager.order_by("pk")) for model in MODELS if model is not ApiKey]
    for row in [row for rows in kinds for row in dict.fromkeys([*rows[:2], *rows[-2:]])]:
        with subtests.test(row=f"{row._meta.label} {row.pk}"):
            page = client.get(address(type(row), "change", row.pk))

            assert page.status_code == 200
            assert WRONG_DATE.search(page.content.decode()) is None


def test_a_list_without_rows_answers(subtests: pytest.Subtests) -> None:
    client = logged_in(superuser=True)
    for model in MODELS:
        with subtests.test(model=model._meta.label):
            assert client.get(address(model, "changelist")).status_code == 200


def test_an_empty_list_teaches_what_makes_rows() -> None:
    client = logged_in(superuser=True)

    page = client.get(reverse("admin:signals_app_signal_changelist")).content.decode()

    assert "No signals yet" in page
    assert "manage.py demo" in page


def test_a_search_without_a_hit_does_not_say_that_the_table_is_empty() -> None:
    make_everything()

    page = logged_in(superuser=True).get(reverse("admin:signals_app_signal_changelist"), {"q": "NONE"})

    assert "No results" in page.content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_every_page_beside_the_tables_answers(page: str) -> None:
    make_everything()

    assert logged_in(superuser=True).get(reverse(f"admin:{page}")).status_code == 200


def test_times_are_iso_with_seconds_in_lists_and_on_pages() -> None:
    experiment = make_everything()
    client = logged_in(superuser=True)

    for view, arguments in (
        ("signals_app_signal_changelist", ()),
        ("signals_app_signal_change", (experiment.signal_id,)),
        ("experiments_experiment_changelist", ()),
        ("experiments_experiment_change", (experiment.pk,)),
        ("policies_policyversion_change", (1,)),
    ):
        assert ISO.search(client.get(reverse(f"admin:{view}", args=arguments)).content.decode()), view


def test_forms_show_dates_as_iso() -> None:
    client = logged_in(superuser=True)

    page = client.get(reverse("admin:auth_user_change", args=(User.objects.get().pk,))).content.decode()

    assert re.search(r'name="date_joined_0" value="\d{4}-\d\d-\d\d"', page)


def test_an_id_that_is_none_sends_back_to_the_start(subtests: pytest.Subtests) -> None:
    client = logged_in(superuser=True)
    garbage = ("none", "1' OR 1=1", "_00", "9" * 40, "../..", "00000000-0000-0000-0000-00000000000g")
    for model, identity in product(MODELS, garbage):
        with subtests.test(model=model._meta.label, identity=identity):
            assert client.get(address(model, "change", identity)).status_code in {302, 404}


def test_rows_come_newest_first() -> None:
    first, second = make_policy(configured_mode="SHADOW_ONLY"), make_policy(configured_mode="ENGINE_A_PRIMARY")

    page = logged_in(superuser=True).get(reverse("admin:policies_policyversion_changelist")).content.decode()

    assert page.index(f"v{second.version} ") < page.index(f"v{first.version}</a>")


def test_the_version_in_force_is_marked_and_no_other() -> None:
    make_policy(configured_mode="SHADOW_ONLY")

    page = logged_in(superuser=True).get(reverse("admin:policies_policyversion_changelist")).content.decode()

    assert PolicyVersion.objects.count() == 2
    assert page.count(">active<") == 1


def test_nobody_gets_in_without_a_log_in() -> None:
    assert Client().get(reverse("admin:index")).status_code == 302
    assert Client().get(reverse("admin:report")).status_code == 302
    assert Client().post(reverse("admin:kill_switch"), {"reason": "x", "confirmation": "HALT"}).status_code == 302


def test_the_engines_and_accounts_are_there_from_the_start() -> None:
    client = logged_in(superuser=True)

    assert Engine.objects.count() == 2
    assert User.objects.count() == 1
    assert "Engine" in client.get(reverse("admin:index")).content.decode()
