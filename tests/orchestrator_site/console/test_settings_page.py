"""The Settings page: what is set and what that means, no secret, and one's own time zone."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from kernel.models import Preference
from orchestrator_site.environment import Environment
from tests.factories import make_policy
from tests.orchestrator_site.console.rows import logged_in

pytestmark = pytest.mark.django_db
PAGE = reverse("admin:settings")


def test_each_setting_of_the_policy_in_force_stands_beside_its_default_and_its_meaning() -> None:
    make_policy(max_quote_age_seconds=15)

    page = logged_in("viewer").get(PAGE)

    rows = {row.name: row for row in page.context["in_policy"]}
    assert (rows["max_quote_age_seconds"].value, rows["max_quote_age_seconds"].default) == ("15", "60")
    assert [row.name for row in rows.values() if row.changed] == ["max_quote_age_seconds"]
    assert (rows["live_enabled"].value, rows["max_daily_real_loss"].value) == ("no", "off")
    assert all(row.meaning for row in rows.values())
    assert "<strong>15</strong>" in page.content.decode()


def test_no_secret_is_shown_and_what_is_set_stands_out(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment()
    for name, value in {
        "KEY": "hush-1", "KEYS": "hush-2,hush-3", "BASE": "postgresql://ada:hush-4@db.example/desk?password=hush-5",
        "WIDTH": "7", "HOSTS": "desk.example",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"TEST_{name}", value)
    environment.text("TEST_KEY", default="", meaning="signs", secret=True)
    environment.names("TEST_KEYS", default=[], allowed="keys", meaning="older ones", secret=True)
    environment.postgresql_url("TEST_BASE", meaning="the database")
    environment.number("TEST_WIDTH", default=2, meaning="of `all` pages")
    environment.names("TEST_HOSTS", default=[], allowed="names", meaning="hosts")
    environment.flag("TEST_UNSET", meaning="a switch")
    environment.text("TEST_NO_KEY", default="", shown="created at first start", meaning="signs", secret=True)
    settings.ENVIRONMENT_VARIABLES = environment.variables

    page = logged_in("viewer").get(PAGE)

    assert {row.name: (row.value, row.default, row.changed) for row in page.context["installed"]} == {
        "TEST_KEY": ("set, not shown", "none", True),
        "TEST_KEYS": ("set, not shown", "none", True),
        "TEST_BASE": ("db.example/desk", "none", True),
        "TEST_WIDTH": ("7", "2", True),
        "TEST_HOSTS": ("desk.example", "none", True),
        "TEST_UNSET": ("false", "false", False),
        "TEST_NO_KEY": ("created at first start", "created at first start", False),
    }
    assert "hush" not in page.content.decode()
    assert "<code>all</code>" in page.content.decode()


def test_what_is_secret_here_is_declared_so(settings: LazySettings) -> None:
    shown = {one.name: one.value for one in settings.ENVIRONMENT_VARIABLES}

    assert {shown["SECRET_KEY"], shown["ASSIGNMENT_KEY"], shown["ASSIGNMENT_KEYS"]} <= {"", "set, not shown"}
    assert "@" not in shown["DATABASE_URL"]


def test_a_time_zone_is_kept_for_one_s_own_account_and_known_at_the_next_log_in() -> None:
    ada, bob = logged_in("viewer"), logged_in("operator")

    answer = ada.post(PAGE, {"time_zone": "Asia/Tokyo"}, follow=True).content.decode()

    assert "Time zone saved." in answer
    assert 'data-time-zone="Asia/Tokyo"' in answer
    assert 'data-time-zone=""' in bob.get(PAGE).content.decode()
    again = Client()
    again.force_login(User.objects.get(username="viewer"))
    assert 'data-time-zone="Asia/Tokyo"' in again.get(reverse("admin:engines")).content.decode()
    again.post(PAGE, {"time_zone": ""})
    assert Preference.objects.get().time_zone == ""


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "\x00"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    page = logged_in("viewer").post(PAGE, {"time_zone": zone})

    assert list(page.context["form"].errors) == ["time_zone"]
    assert not Preference.objects.exists()
