"""What each of the four roles can see and do, and what it cannot."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from orchestrator_site.roles import (
    OWN_APPS,
    REPORT,
    ROLES,
    VIEW_TABLES,
    WATCH_QUEUE,
    ensure_roles,
    grants_and_operates,
    kinds,
)
from policies.models import ApiKey
from tests.factories import make_signal, make_source
from tests.orchestrator_site.console.rows import fail, logged_in, make_everything

pytestmark = pytest.mark.django_db

VIEWER, ANALYST, OPERATOR, ADMINISTRATOR = roles = ("viewer", "analyst", "operator", "administrator")
EVERYBODY = set(roles)
# Page, arguments, who may open it.
PAGES = (
    ("signals_app_signal_changelist", (), EVERYBODY),
    ("experiments_experiment_changelist", (), EVERYBODY),
    ("outcomes_realtrade_changelist", (), EVERYBODY),
    ("policies_policyversion_changelist", (), EVERYBODY),
    ("policies_apikey_changelist", (), EVERYBODY),
    ("check_alert", (), EVERYBODY),
    ("engines", (), EVERYBODY),
    ("as_of", (), EVERYBODY),
    ("experiments_replayrun_changelist", (), EVERYBODY),
    ("report", (), {ANALYST, OPERATOR, ADMINISTRATOR}),
    ("report_export", ("json",), {ANALYST, OPERATOR, ADMINISTRATOR}),
    ("kill_switch", (), {OPERATOR}),
    ("policies_policyversion_new_version", (), {OPERATOR}),
    ("policies_policyversion_compare", (), EVERYBODY),
    ("policies_policydraft_changelist", (), EVERYBODY),
    ("policies_guardrailtrip_changelist", (), EVERYBODY),
    ("kernel_auditentry_changelist", (), EVERYBODY),
    ("policies_apikey_new_key", (), {OPERATOR}),
    ("policies_engine_switch", ("A",), {OPERATOR}),
    ("signals_app_webhooksource_new_source", (), {OPERATOR}),
    ("django_q_failure_changelist", (), {OPERATOR, ADMINISTRATOR}),
    ("auth_user_changelist", (), {ADMINISTRATOR}),
    ("auth_user_add", (), {ADMINISTRATOR}),
    ("auth_group_changelist", (), {ADMINISTRATOR}),
)


@pytest.mark.parametrize("role", roles)
def test_a_role_opens_its_pages_and_no_other(role: str, subtests: pytest.Subtests) -> None:
    client = logged_in(role)
    for page, arguments, allowed in PAGES:
        with subtests.test(page=page):
            expected = 200 if role in allowed else 403

            assert client.get(reverse(f"admin:{page}", args=arguments)).status_code == expected


@pytest.mark.parametrize("role", roles)
def test_a_role_acts_only_where_it_may(role: str) -> None:
    make_everything()
    client, may_act = logged_in(role), role == OPERATOR
    source, key = make_source(slug="other", token="another-token-of-length"), ApiKey.objects.all()[:1].get()
    acts = {
        reverse("admin:kill_switch"): {"reason": "x", "confirmation": "HALT"},
        reverse("admin:policies_apikey_new_key"): {"owner": "feeder"},
        reverse("admin:policies_apikey_revoke", args=(key.prefix,)): {},
        reverse("admin:policies_engine_switch", args=("A",)): {"reason": "x"},
        reverse("admin:signals_app_webhooksource_rotate_token", args=(source.pk,)): {},
        reverse("admin:signals_app_webhooksource_switch_source", args=(source.pk,)): {},
        reverse("admin:policies_policyversion_new_version"): {},
    }

    answers = {address: client.post(address, form).status_code for address, form in acts.items()}

    assert all((status != 403) == may_act for status in answers.values()), answers


def test_a_viewer_cannot_try_a_failed_signal_again() -> None:
    signal = fail(make_signal())
    form = {"action": "retry", "_selected_action": [str(signal.pk)], "confirmed": "1"}

    logged_in("viewer").post(reverse("admin:signals_app_signal_changelist"), form)

    signal.refresh_from_db()
    assert signal.status == "FAILED"


def test_an_operator_cannot_make_himself_an_administrator() -> None:
    client = logged_in("operator")

    assert client.get(reverse("admin:auth_user_changelist")).status_code == 403
    assert client.post(reverse("admin:auth_user_add"), {"username": "x"}).status_code == 403


def test_staff_without_a_role_sees_no_data() -> None:
    make_everything(symbol="HIDDEN")
    client = logged_in()

    page = client.get(reverse("admin:index"))

    assert page.status_code == 200
    assert "HIDDEN" not in page.content.decode()
    assert client.get(reverse("admin:signals_app_signal_changelist")).status_code == 403


def test_the_sidebar_offers_what_the_role_may_open_and_no_more() -> None:
    page = logged_in("viewer").get(reverse("admin:index")).content.decode()

    assert reverse("admin:signals_app_signal_changelist") in page
    assert reverse("admin:report") not in page
    assert reverse("admin:auth_user_changelist") not in page


def test_roles_are_put_back_at_every_migration() -> None:
    Group.objects.get(name="viewer").permissions.clear()
    Group.objects.filter(name="analyst").delete()

    ensure_roles()

    assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)
    assert Group.objects.get(name="viewer").permissions.filter(codename="view_signal").exists()


def test_each_role_may_what_the_one_before_may_and_more_and_who_grants_rights_does_not_operate() -> None:
    viewer, analyst, operator, administrator = (Group.objects.get(name=role).permissions.all() for role in roles)

    assert set(viewer) < set(analyst) < set(operator)
    assert set(analyst) < set(administrator)
    assert not any(grants_and_operates(granted) for granted in (viewer, analyst, operator, administrator))
    assert grants_and_operates(operator | administrator)


def test_whatever_an_operator_may_do_beside_looking_and_reporting_is_operating() -> None:
    may = Group.objects.get(name="operator").permissions.exclude(VIEW_TABLES | REPORT | WATCH_QUEUE)

    assert all(kinds(may.filter(pk=one.pk)) == {"operates"} for one in may)


@pytest.mark.parametrize("label", OWN_APPS)
def test_to_change_rows_of_any_app_of_ours_is_operating(label: str) -> None:
    assert kinds(Permission.objects.filter(content_type__app_label=label)) == {"operates"}


def test_no_role_may_change_what_is_kept_for_audit() -> None:
    granted = Group.objects.get(name="administrator").permissions.values_list("codename", flat=True)

    audited = ("experiment", "executiondecision", "realtrade", "shadowoutcome", "marketcontext", "recommendation")
    assert not {f"{verb}_{model}" for verb in ("add", "change", "delete") for model in audited} & set(granted)


def test_nobody_without_an_account_reaches_a_page(client: Client) -> None:
    for page, arguments, _ in PAGES:
        assert client.get(reverse(f"admin:{page}", args=arguments)).status_code == 302
