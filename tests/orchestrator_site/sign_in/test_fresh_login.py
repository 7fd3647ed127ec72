"""Before a halt is released, a policy activated or a key made, who one is, again; a halt itself waits for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client
from django.urls import get_resolver, reverse

from orchestrator_site.sign_in.middleware import STEPS
from policies.models import ApiKey, Halt, PolicyVersion
from policies.selectors import open_halt
from policies.services import engage_halt
from tests.orchestrator_site.sign_in.people import code_at, confirm, person, set_up_app, signed_in
from tests.policies.control import ADA, make_draft

pytestmark = pytest.mark.django_db
AGAIN = "/admin/account/reauthenticate/"
RESUME = {"reason": "All clear.", "confirmation": "RESUME"}


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def stale(clock: time_machine.Traveller, settings: LazySettings) -> Client:
    """An operator who signed in twenty minutes ago."""
    settings.REQUIRE_FRESH_LOGIN = True
    person("bob", "operator")
    client = signed_in("bob")
    clock.shift(timedelta(minutes=20))
    return client


def is_asked(answer: Any) -> bool:
    return bool(answer.status_code == 302 and answer.headers["Location"].startswith(AGAIN))


def test_every_step_is_a_page() -> None:
    names = {name for name in get_resolver().namespace_dict["admin"][1].reverse_dict if isinstance(name, str)}

    assert names >= STEPS


def test_releasing_a_halt_asks_and_the_answer_goes_on_with_what_was_posted(stale: Client) -> None:
    engage_halt(ADA, reason="A test.")
    switch = reverse("admin:kill_switch")

    assert is_asked(stale.get(switch))
    assert is_asked(stale.post(switch, RESUME))
    assert open_halt() is not None
    wrong = confirm(stale, "wrong", to=switch)
    assert "The password is wrong." in wrong.content.decode()
    assert open_halt() is not None

    assert is_asked(stale.post(switch, RESUME))
    confirm(stale, to=switch)

    assert open_halt() is None
    assert Halt.objects.get().released_by == "bob"


def test_whoever_has_a_second_factor_is_asked_for_it_and_his_password_is_not_enough(
    stale: Client, clock: time_machine.Traveller
) -> None:
    secret = set_up_app(stale, datetime.now(UTC).timestamp())
    clock.shift(timedelta(minutes=20))
    new = reverse("admin:policies_apikey_new_key")
    by_code = reverse("mfa_reauthenticate")

    assert stale.get(new).headers["Location"].startswith(by_code)
    refused = confirm(stale, to=new)
    assert refused.headers["Location"] == f"{by_code}?next={quote(new, safe='')}"
    assert stale.get(new).status_code == 302
    stale.post(by_code, {"code": code_at(secret, datetime.now(UTC).timestamp())})

    assert stale.get(new).status_code == 200


def test_a_halt_waits_for_nobody(stale: Client) -> None:
    stale.post(reverse("admin:kill_switch"), {"reason": "Strange fills.", "confirmation": "HALT"})

    assert open_halt() is not None


def test_the_word_decides_not_the_state_that_may_change_meanwhile(stale: Client) -> None:
    assert is_asked(stale.post(reverse("admin:kill_switch"), RESUME))


def test_activating_a_policy_asks_and_a_direct_post_gets_past_no_more_than_the_page(stale: Client) -> None:
    draft = make_draft(split_percentage="20")
    address = reverse("admin:policies_policydraft_activate", args=(draft.pk,))
    form = {"reason": "Go.", "content_hash": draft.content_hash}

    assert is_asked(stale.get(address))
    assert is_asked(stale.post(address, form))
    assert PolicyVersion.objects.count() == 1
    confirm(stale, to="/admin/")
    assert stale.post(address, form).status_code == 302

    assert PolicyVersion.objects.count() == 2


def test_keys_ask(stale: Client) -> None:
    new = reverse("admin:policies_apikey_new_key")

    assert is_asked(stale.post(new, {"owner": "feeder"}))

    assert ApiKey.objects.count() == 0


def test_for_some_minutes_the_answer_counts(stale: Client, clock: time_machine.Traveller) -> None:
    new = reverse("admin:policies_apikey_new_key")
    confirm(stale)

    clock.shift(timedelta(minutes=14))
    assert stale.get(new).status_code == 200
    clock.shift(timedelta(minutes=2))
    assert is_asked(stale.get(new))


def test_signing_in_counts_too(stale: Client) -> None:
    assert signed_in("bob").get(reverse("admin:policies_apikey_new_key")).status_code == 200


def test_where_nothing_is_demanded_nothing_is_asked(stale: Client, settings: LazySettings) -> None:
    settings.REQUIRE_FRESH_LOGIN = False

    assert stale.get(reverse("admin:policies_apikey_new_key")).status_code == 200


def test_wrong_answers_lock_out_as_at_the_sign_in(stale: Client, settings: LazySettings) -> None:
    settings.AXES_FAILURE_LIMIT = 3

    assert [confirm(stale, "wrong").status_code for _ in range(4)] == [200, 200, 429, 429]
