"""Signing in by an identity provider: whom it brings in, as whom, with which groups, and whom it does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.conf import LazySettings
from django.contrib.auth.models import Group, Permission, User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from orchestrator_site.checks import check_identity_provider
from orchestrator_site.sign_in.configuration import providers
from orchestrator_site.sign_in.oidc import groups_of_claims
from tests.orchestrator_site.sign_in.people import browser, confirm, is_in, person, signed_in
from tests.orchestrator_site.sign_in.provider import CLIENT_ID, CLIENT_SECRET, Provider, running_provider
from tests.policies.control import entries

pytestmark = pytest.mark.django_db
LOGIN = "/admin/account/oidc/oidc/login/"
ADA = {"sub": "7", "preferred_username": "ada", "email": "ada@desk.test", "name": "Ada Lovelace", "groups": ["desk"]}


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider, settings: LazySettings) -> Provider:
    running.claims, running.audience = dict(ADA), CLIENT_ID
    settings.OIDC_ISSUER, settings.OIDC_CREATE_ACCOUNTS = running.issuer, True
    settings.SOCIALACCOUNT_PROVIDERS = providers(running.issuer, CLIENT_ID, CLIENT_SECRET, "the desk's directory")
    return running


def come_in(client: Client, provider: Provider, query: str = "") -> HttpResponse:
    """Press the button, sign in at the provider, and come back."""
    sent = client.post(LOGIN + query)
    assert sent.status_code == 302
    answer: HttpResponse = client.get(provider.authorize(sent.headers["Location"]))  # type: ignore[assignment]
    return answer


def refusal(client: Client) -> str:
    assert not is_in(client)
    return client.get(reverse("admin:login")).content.decode()


def test_the_sign_in_page_leads_to_the_provider_where_there_is_one(provider: Provider, settings: LazySettings) -> None:
    assert LOGIN in browser().get(reverse("admin:login")).content.decode()
    # A link from elsewhere starts nothing.
    assert "Go on" in browser().get(LOGIN).content.decode()

    settings.OIDC_ISSUER, settings.SOCIALACCOUNT_PROVIDERS = "", providers("", "", "", "")
    assert LOGIN not in browser().get(reverse("admin:login")).content.decode()
    assert browser().post(LOGIN).status_code == 404


def test_somebody_new_gets_an_account_where_the_site_wants_it(provider: Provider) -> None:
    client = browser()

    assert come_in(client, provider).headers["Location"] == "/admin/"

    ada = User.objects.get(username="ada")
    assert (ada.email, ada.is_staff, ada.is_superuser, ada.has_usable_password()) == (
        "ada@desk.test", True, False, False,
    )  # fmt: skip
    assert is_in(client)
    assert list(ada.groups.all()) == []
    assert [(one.actor, one.subject) for one in entries("user.created", "user.connected")] == [
        ("identity provider", "user ada"), ("identity provider", "user ada"),
    ]  # fmt: skip
    assert [one.reason for one in entries("user.logged_in")] == ["socialaccount"]
    come_in(browser(), provider)
    assert User.objects.count() == 1


def test_nobody_is_asked_for_a_second_factor_whom_the_provider_has_let_in(
    provider: Provider, settings: LazySettings
) -> None:
    settings.REQUIRE_SECOND_FACTOR = True
    client = browser()
    come_in(client, provider)

    assert is_in(client)
    assert "Set up a second factor" not in client.get(reverse("account")).content.decode()


def test_somebody_new_gets_none_where_it_does_not(provider: Provider, settings: LazySettings) -> None:
    settings.OIDC_CREATE_ACCOUNTS = False
    client = browser()

    come_in(client, provider)

    assert "No account here is connected with you." in refusal(client)
    assert User.objects.count() == 0
    assert entries("user.log_in_refused")[0].subject == "OIDC subject 7"


def test_an_account_of_the_same_name_is_not_entered(provider: Provider) -> None:
    person("Ada", is_superuser=True)
    client = browser()

    come_in(client, provider)

    assert "An account is named ada here." in refusal(client)
    assert SocialAccount.objects.count() == 0


@pytest.mark.parametrize("name", ["", None, "a b", "x" * 151, "<script>"])
def test_a_name_that_cannot_be_one_is_refused(provider: Provider, name: str | None) -> None:
    provider.claims["preferred_username"] = name
    client = browser()

    come_in(client, provider)

    assert "no usable preferred_username" in refusal(client)
    assert User.objects.count() == 0


def test_the_owner_connects_his_account_and_comes_in_by_it_under_whatever_name(
    provider: Provider, settings: LazySettings
) -> None:
    settings.OIDC_CREATE_ACCOUNTS = False
    person("bob", "viewer")
    bob = signed_in("bob")
    confirm(bob)
    come_in(bob, provider, "?process=connect")

    client = browser()
    come_in(client, provider)

    assert is_in(client)
    assert entries("user.connected")[0].subject == "user bob"
    assert bob.post(reverse("account_disconnect")).status_code == 302
    again = browser()
    come_in(again, provider)
    assert "No account here is connected with you." in refusal(again)
    assert entries("user.disconnected")[0].actor == "bob"


def test_connecting_asks_who_one_is(provider: Provider) -> None:
    person("bob")
    bob = signed_in("bob")

    answer = come_in(bob, provider, "?process=connect")

    assert answer.headers["Location"].startswith(reverse("account_reauthenticate"))
    assert SocialAccount.objects.count() == 0


def test_nobody_who_is_not_signed_in_connects_anything(provider: Provider, settings: LazySettings) -> None:
    settings.OIDC_CREATE_ACCOUNTS = False
    person("bob")

    come_in(browser(), provider, "?process=connect")

    assert SocialAccount.objects.count() == 0


def test_claims_give_groups_anew_at_every_sign_in(provider: Provider, settings: LazySettings) -> None:
    settings.OIDC_ROLES = ["desk=operator", "risk=viewer"]
    come_in(browser(), provider)
    ada = User.objects.get(username="ada")
    assert {group.name for group in ada.groups.all()} == {"operator"}

    provider.claims["groups"] = ["risk", "cooks"]
    come_in(browser(), provider)
    assert {group.name for group in ada.groups.all()} == {"viewer"}

    provider.claims["groups"] = ["cooks"]
    client = browser()
    come_in(client, provider)
    assert "gives you no role here" in refusal(client)


def test_claims_give_nobody_both_kinds_of_rights(provider: Provider, settings: LazySettings) -> None:
    settings.OIDC_ROLES = ["desk=operator", "desk=administrator"]
    client = browser()

    come_in(client, provider)

    assert "rights that nobody may hold together" in refusal(client)
    assert User.objects.count() == 0


def test_nor_beside_rights_of_the_account_itself(provider: Provider, settings: LazySettings) -> None:
    settings.OIDC_ROLES = ["desk=administrator"]
    come_in(browser(), provider)
    ada = User.objects.get(username="ada")
    ada.groups.clear()
    ada.user_permissions.add(Permission.objects.get(codename="halt_trading"))
    client = browser()

    come_in(client, provider)

    assert "rights that nobody may hold together" in refusal(client)
    assert list(ada.groups.all()) == []


@pytest.mark.parametrize(
    ("claims", "groups"),
    [
        ({"groups": "desk"}, {"operator"}), ({"groups": ["desk", 7, None]}, {"operator"}), ({"groups": []}, set()),
        ({}, set()), ({"roles": ["desk"]}, set()), ({"groups": ["a=b"]}, {"viewer"}),
    ],
)  # fmt: skip
def test_a_claim_is_read_as_text_or_list(claims: dict[str, Any], groups: set[str], settings: LazySettings) -> None:
    settings.OIDC_ROLES = ["desk=operator", "a=b=viewer"]

    assert groups_of_claims(claims) == groups


def test_a_deactivated_account_is_not_entered(provider: Provider) -> None:
    come_in(browser(), provider)
    User.objects.update(is_active=False)
    client = browser()

    come_in(client, provider)

    assert "may not use the console" in refusal(client)


def test_a_token_for_another_site_brings_nobody_in(provider: Provider) -> None:
    provider.audience = "another-site"
    client = browser()

    answer = come_in(client, provider)

    assert "could not sign you in" in answer.content.decode()
    assert User.objects.count() == 0


@pytest.mark.parametrize("query", ["", "?code=x", "?code=x&state=y", "?error=access_denied", "?code=%00&state=%00"])
def test_a_callback_that_nobody_asked_for_is_refused(provider: Provider, query: str) -> None:
    client = browser()

    answer = client.get(f"{LOGIN}callback/{query}")

    assert answer.status_code < 500
    assert not is_in(client)


def test_a_code_of_somebody_else_is_refused(provider: Provider) -> None:
    victim, attacker = browser(), browser()
    location = provider.authorize(attacker.post(LOGIN).headers["Location"])

    answer = victim.get(location)

    assert answer.status_code < 500
    assert not is_in(victim)


def test_a_provider_that_is_down_leaves_passwords(provider: Provider, settings: LazySettings) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = providers("http://127.0.0.1:9", CLIENT_ID, CLIENT_SECRET, "the directory")
    person("bob")

    answer = browser().post(LOGIN, follow=True)

    assert answer.status_code == 200
    assert "could not sign you in" in answer.content.decode()
    assert is_in(signed_in("bob"))


def test_its_factors_are_the_providers_to_ask_for(provider: Provider, settings: LazySettings) -> None:
    settings.REQUIRE_SECOND_FACTOR = True
    client = browser()

    come_in(client, provider)

    assert is_in(client)


def test_the_settings_of_a_provider_are_checked(settings: LazySettings) -> None:
    def found() -> list[str | None]:
        return [one.id for one in check_identity_provider(None)]

    assert found() == []
    settings.OIDC_ISSUER = "http://idp.example"
    settings.OIDC_ROLES = ["operator"]
    assert found() == ["orchestrator.E012", "orchestrator.E013", "orchestrator.E014"]
    settings.OIDC_ISSUER, settings.OIDC_ROLES = "https://idp.example", ["desk=operator"]
    settings.OIDC_CLIENT_ID = settings.OIDC_CLIENT_SECRET = "x"
    assert found() == []


def test_the_groups_that_it_may_give_exist() -> None:
    assert Group.objects.filter(name__in=["viewer", "operator", "administrator"]).count() == 3
