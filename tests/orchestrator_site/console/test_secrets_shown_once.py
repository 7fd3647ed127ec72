"""Keys and tokens are shown once, when they are made; their hashes are shown never."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from kernel.canonical import sha256_hex
from policies.models import ApiKey
from policies.services import rotate_api_key
from signals_app.alerts.admission import TRADINGVIEW_ADDRESSES
from signals_app.models import WebhookSource
from tests.factories import make_source
from tests.orchestrator_site.console.rows import logged_in
from tests.policies.control import ADA, entries

pytestmark = pytest.mark.django_db

NEW_SOURCE = {"slug": "tv", "name": "TradingView", "max_age_seconds": "60"}


@pytest.fixture
def operator() -> Client:
    return logged_in("operator")


def source_page(view: str, source: WebhookSource) -> str:
    return reverse(f"admin:signals_app_webhooksource_{view}", args=(source.pk,))


def test_a_new_key_is_shown_once_and_opens_the_api(operator: Client) -> None:
    page = operator.post(reverse("admin:policies_apikey_new_key"), {"owner": "engine-a", "name": "desk"})

    text = page.context["secret"]
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Api-Key {text}")
    assert text in page.content.decode()
    assert api.get("/api/v1/exit-directives").status_code == 200
    assert text not in operator.get(reverse("admin:policies_apikey_changelist")).content.decode()


def test_the_list_of_keys_shows_prefixes_and_never_a_hash(operator: Client) -> None:
    operator.post(reverse("admin:policies_apikey_new_key"), {"owner": "feeder", "name": "feed"})
    key = ApiKey.objects.get()

    page = operator.get(reverse("admin:policies_apikey_changelist")).content.decode()

    # Neither as it is stored, "sha512$$...", nor as a URL of the admin would write it.
    digest = key.hashed_key.rpartition("$")[2]
    assert key.prefix in page
    assert len(digest) == 128
    assert digest not in page
    assert not LogEntry.objects.filter(object_id__contains=key.hashed_key).exists()


def test_a_revoked_key_opens_nothing_and_can_be_revoked_once(operator: Client) -> None:
    page = operator.post(reverse("admin:policies_apikey_new_key"), {"owner": "engine-a"})
    key, api = ApiKey.objects.get(), APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Api-Key {page.context['secret']}")
    revoke = reverse("admin:policies_apikey_revoke", args=(key.prefix,))

    assert operator.get(revoke).status_code == 200
    assert api.get("/api/v1/exit-directives").status_code == 200
    operator.post(revoke)

    assert api.get("/api/v1/exit-directives").status_code == 401
    assert operator.post(revoke).status_code == 404


@pytest.mark.parametrize(("overlap", "old_opens"), [("24", 200), ("0", 401)])
def test_rotating_shows_a_new_key_and_lets_the_old_one_end(operator: Client, overlap: str, old_opens: int) -> None:
    made = operator.post(reverse("admin:policies_apikey_new_key"), {"owner": "engine-a", "name": "desk"})
    old = ApiKey.objects.get()

    page = operator.post(reverse("admin:policies_apikey_rotate", args=(old.prefix,)), {"overlap": overlap})

    new = ApiKey.objects.exclude(pk=old.pk).get()
    assert (new.owner, new.name, page.context["secret"].split(".")[0]) == ("engine-a", "desk", new.prefix)
    opens = []
    for text in (made.context["secret"], page.context["secret"]):
        api = APIClient()
        api.credentials(HTTP_AUTHORIZATION=f"Api-Key {text}")
        opens.append(api.get("/api/v1/exit-directives").status_code)
    assert opens == [old_opens, 200]
    old.refresh_from_db()
    assert old.revoked == (overlap == "0")
    assert entries("api_key.rotated")[0].subject == f"key {old.prefix} to {new.prefix}"


def test_an_old_key_ends_no_later_than_it_would_have(operator: Client) -> None:
    operator.post(reverse("admin:policies_apikey_new_key"), {"owner": "engine-a"})
    ends = timezone.now() + timedelta(hours=2)
    ApiKey.objects.update(expiry_date=ends)
    old = ApiKey.objects.get()

    rotate_api_key(ADA, prefix=old.prefix, overlap=timedelta(days=7))

    old.refresh_from_db()
    assert old.expiry_date == ends


def test_who_may_only_look_rotates_nothing(operator: Client) -> None:
    operator.post(reverse("admin:policies_apikey_new_key"), {"owner": "engine-a"})
    address = reverse("admin:policies_apikey_rotate", args=(ApiKey.objects.get().prefix,))

    assert logged_in("viewer").post(address, {"overlap": "24"}).status_code == 403
    assert operator.get(reverse("admin:policies_apikey_rotate", args=("nobody",))).status_code == 404
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize("form", [{}, {"owner": "root"}, {"owner": "feeder", "name": "x" * 51}])
def test_a_wrong_key_form_makes_no_key(operator: Client, form: dict[str, str]) -> None:
    page = operator.post(reverse("admin:policies_apikey_new_key"), form)

    assert page.context["form"].errors
    assert not ApiKey.objects.exists()


def test_a_new_source_shows_its_address_once(operator: Client) -> None:
    page = operator.post(reverse("admin:signals_app_webhooksource_new_source"), NEW_SOURCE)

    token, source = page.context["secret"], WebhookSource.objects.get()
    assert f"http://testserver/webhooks/tradingview/{token}/" in page.content.decode()
    assert (source.slug, source.max_age_seconds, source.token_hash) == ("tv", 60, sha256_hex(token.encode()))
    assert token not in operator.get(source_page("change", source)).content.decode()


def test_no_page_of_a_source_shows_a_hash(operator: Client) -> None:
    form = NEW_SOURCE | {"body_secret": "hidden secret"}
    operator.post(reverse("admin:signals_app_webhooksource_new_source"), form)
    source = WebhookSource.objects.get()

    for view in ("change", "edit_source", "rotate_token", "switch_source", "history"):
        page = operator.get(source_page(view, source)).content.decode()
        assert source.token_hash not in page, view
        assert source.body_secret_hash not in page, view
        assert "hidden secret" not in page, view


def test_the_preset_allows_tradingviews_four_addresses(operator: Client) -> None:
    form = NEW_SOURCE | {"tradingview_addresses": "on", "allowed_addresses": "203.0.113.0/24\n52.89.214.238"}

    operator.post(reverse("admin:signals_app_webhooksource_new_source"), form)

    allowed = WebhookSource.objects.get().allowed_addresses
    assert len(allowed) == 5
    assert set(allowed) == {"203.0.113.0/24", *TRADINGVIEW_ADDRESSES}


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("slug", "not a slug"),
        ("slug", ""),
        ("allowed_addresses", "example.com"),
        ("max_age_seconds", "-1"),
        ("rate_limit_per_minute", "0"),
    ],
)
def test_a_wrong_source_form_names_the_field(operator: Client, field: str, text: str) -> None:
    page = operator.post(reverse("admin:signals_app_webhooksource_new_source"), NEW_SOURCE | {field: text})

    assert list(page.context["form"].errors) == [field]
    assert not WebhookSource.objects.exists()


def test_a_slug_that_is_taken_is_told_beside_the_field(operator: Client) -> None:
    make_source(slug="tv")

    page = operator.post(reverse("admin:signals_app_webhooksource_new_source"), NEW_SOURCE)

    assert list(page.context["form"].errors) == ["slug"]


def test_rotating_shows_the_new_token_and_keeps_the_former_alive(operator: Client) -> None:
    source = make_source(token="the-former-token-of-the-source")
    former = source.token_hash

    asked = operator.get(source_page("rotate_token", source))
    page = operator.post(source_page("rotate_token", source))

    source.refresh_from_db()
    assert "secret" not in asked.context
    assert source.token_hash == sha256_hex(page.context["secret"].encode())
    assert source.previous_token_hash == former


def test_editing_keeps_the_secret_unless_told_otherwise(operator: Client) -> None:
    operator.post(reverse("admin:signals_app_webhooksource_new_source"), NEW_SOURCE | {"body_secret": "one"})
    source = WebhookSource.objects.get()
    edit = source_page("edit_source", source)

    operator.post(edit, {"name": "New name", "max_age_seconds": "0"})
    source.refresh_from_db()
    assert (source.name, source.max_age_seconds) == ("New name", 0)
    assert source.body_secret_hash == sha256_hex(b"one")

    operator.post(edit, {"max_age_seconds": "0", "remove_body_secret": "on"})
    source.refresh_from_db()
    assert source.body_secret_hash == ""


def test_a_source_is_switched_off_and_on(operator: Client) -> None:
    source = make_source()

    operator.post(source_page("switch_source", source))
    source.refresh_from_db()
    assert not source.is_active
    operator.post(source_page("switch_source", source))

    source.refresh_from_db()
    assert source.is_active


@pytest.mark.parametrize("identity", ["0", "999999", "x", "9" * 30])
def test_a_source_that_is_not_there_is_not_found(operator: Client, identity: str) -> None:
    for view in ("edit_source", "rotate_token", "switch_source"):
        address = reverse(f"admin:signals_app_webhooksource_{view}", args=(identity,))

        assert operator.get(address).status_code == 404


def test_who_changed_a_source_is_in_its_history(operator: Client) -> None:
    source = make_source()

    operator.post(source_page("rotate_token", source))

    page = operator.get(source_page("history", source)).content.decode()
    assert re.search("operator", page)
    assert "Rotated the token" in page
