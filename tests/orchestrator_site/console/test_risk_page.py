"""The Risk and Settings pages: the latest of each, and the way to all of them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from kernel.actors import Actor
from orchestrator_site.console.unfold_settings import NAVIGATION
from policies.services import engage_halt
from tests.factories import make_policy
from tests.orchestrator_site.console.rows import logged_in, make_everything

pytestmark = pytest.mark.django_db
RISK, SETTINGS = reverse("admin:risk"), reverse("admin:settings")


def test_everything_that_went_wrong_stands_on_one_page() -> None:
    make_everything()
    make_policy(max_engine_flaps="4")

    page = logged_in("operator").get(RISK).content.decode()

    for words in ("No halt is in force", "double_execution_prevented", "BUST", "max_engine_flaps", "A test."):
        assert words in page
    assert "halt.released" in page
    assert reverse("admin:outcomes_incident_changelist") in page


def test_a_halt_in_effect_comes_first_with_its_reason() -> None:
    engage_halt(Actor("ada"), reason="Broker is down.")

    page = logged_in("operator").get(RISK).content.decode()

    assert "Trading is halted" in page
    assert "Broker is down." in page
    assert "Resume trading" in page


def test_before_anything_went_wrong_it_says_what_would_stand_there() -> None:
    page = logged_in("viewer").get(RISK).content.decode()

    assert "manage.py replay" in page
    assert "Halt trading" not in page


def test_settings_show_what_the_role_may_see() -> None:
    make_everything()

    for_operators = logged_in("operator").get(SETTINGS).content.decode()

    assert "API keys" in for_operators
    assert "Who may sign in here." not in for_operators
    assert "Who may sign in here." in logged_in("administrator").get(SETTINGS).content.decode()


def test_the_work_has_ten_places() -> None:
    first, *others = NAVIGATION

    assert len(first["items"]) == 10
    assert all(group["collapsible"] for group in others)


def test_whoever_signs_in_without_an_address_lands_on_the_first_page() -> None:
    User.objects.create_user("ada", password="a-long-password-1", is_staff=True)

    answer = Client().post(reverse("admin:login"), {"username": "ada", "password": "a-long-password-1"})

    assert answer.status_code == 302
    assert answer["location"] == reverse("admin:index")
