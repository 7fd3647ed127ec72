"""The page of the engines: now, the last 24 hours, keys and what they have not answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orchestrator_site.console.availability_strip import Span, share, strip
from orchestrator_site.console.engine_facts import EngineFacts, engine_facts, switched_off
from policies.models import EngineAvailability, EngineSwitch
from policies.services import create_api_key, record_heartbeat, set_engine_enabled
from tests.database import execute
from tests.factories import api_client, make_available, make_experiment
from tests.orchestrator_site.console.rows import logged_in
from tests.policies.control import ADA, BOB

HASH = "ab" * 32
NOON = datetime(2026, 3, 16, 12, tzinfo=UTC)
DAY_BEFORE = NOON - timedelta(days=1)


def facts(name: str) -> EngineFacts:
    return next(found for found in engine_facts() if found.engine.name == name)


def stretch(hours_ago: float, hours: float, *, engine: str = "A", version: str = "1", rules: str = HASH) -> None:
    begin = timezone.now() - timedelta(hours=hours_ago)
    EngineAvailability.objects.create(
        engine_id=engine, first_beat_at=begin, last_beat_at=begin + timedelta(hours=hours),
        available_until=begin + timedelta(hours=hours), engine_version=version, rules_hash=rules,
    )  # fmt: skip


def hours(first: float, last: float) -> Span:
    return Span(DAY_BEFORE + timedelta(hours=first), DAY_BEFORE + timedelta(hours=last), "x")


# The strip


@pytest.mark.parametrize(("up", "off", "expected"), [
    ([], [], 0.0),
    ([hours(0, 24)], [], 1.0),
    ([hours(-5, 6), hours(18, 30)], [], 0.5),
    ([hours(0, 12), hours(6, 12)], [], 0.5),
    ([hours(0, 12)], [hours(6, 24)], 0.25),
    ([hours(0, 6)], [hours(12, 24)], 0.25),
    ([hours(5, 5)], [], 0.0),
])  # fmt: skip
def test_the_share_of_a_day_counts_each_moment_once(up: list[Span], off: list[Span], expected: float) -> None:
    assert share(up, off, DAY_BEFORE, NOON) == pytest.approx(expected)


def test_the_strip_stays_within_its_day() -> None:
    svg = strip([hours(-10, 12), hours(30, 40)], [], DAY_BEFORE, NOON, "Engine A")

    assert svg.count('class="to-strip-up"') == 1
    assert 'x="0.00" y="6" width="480.00"' in svg


def test_the_shortest_stretch_is_still_seen() -> None:
    svg = strip([hours(12, 12.001)], [], DAY_BEFORE, NOON, "Engine A")

    assert 'width="1.00"' in svg


def test_what_people_typed_is_escaped_in_the_strip() -> None:
    begin, end = DAY_BEFORE, NOON

    assert "<b>" not in strip([], [Span(begin, end, "off: <b>")], begin, end, "<b>")


def test_hours_are_marked_in_utc() -> None:
    svg = strip([], [], DAY_BEFORE, NOON, "Engine A")

    assert [hour for hour in ("15:00", "18:00", "21:00", "00:00", "03:00", "06:00", "09:00") if hour in svg] == [
        "15:00", "18:00", "21:00", "00:00", "03:00", "06:00", "09:00",
    ]  # fmt: skip


# The facts


@pytest.mark.django_db
def test_an_engine_that_never_called_has_nothing_to_show() -> None:
    found = facts("A")

    assert (found.available, found.heartbeat_age, found.up_percentage) == (False, None, "0.0 %")
    assert (found.unanswered.count, found.unanswered.oldest_age, found.keys) == (0, None, [])


@pytest.mark.django_db
def test_a_heartbeat_shows_at_once() -> None:
    record_heartbeat("A", engine_version="2.1", rules_hash=HASH)

    found = facts("A")

    assert found.available
    assert found.heartbeat_age is not None
    assert 0 <= found.heartbeat_age < 60
    assert "to-strip-up" in found.strip
    assert not facts("B").available


@pytest.mark.django_db
def test_the_last_day_is_summed_and_older_days_are_not() -> None:
    stretch(40, 10)
    stretch(20, 6)

    assert facts("A").up_percentage == "25.0 %"


@pytest.mark.django_db
def test_switched_off_is_marked_with_who_and_why_until_it_is_on_again() -> None:
    set_engine_enabled(ADA, "A", enabled=False, reason="maintenance")
    assert "switched off by ada: maintenance" in facts("A").strip

    set_engine_enabled(BOB, "A", enabled=True, reason="done")
    execute("UPDATE engines SET last_heartbeat_at = now()")
    assert [switch.switched_by for switch in facts("A").switches] == ["bob", "ada"]
    assert facts("A").available


@pytest.mark.django_db
def test_an_engine_switched_off_days_ago_is_off_all_day() -> None:
    now = timezone.now()
    EngineSwitch.objects.create(
        engine="B", enabled=False, reason="x", switched_by="ada", switched_at=now - timedelta(days=3)
    )

    (span,) = switched_off("B", now - timedelta(days=1), now)

    assert (span.begin, span.end) == (now - timedelta(days=3), now)


@pytest.mark.django_db
def test_what_is_not_answered_is_counted_with_its_age() -> None:
    make_experiment("A")
    make_experiment("A")
    api_client("engine-a").post("/api/v1/assignments/claim", {"limit": 1, "lease_seconds": 60, "wait_seconds": 0})

    found = facts("A").unanswered

    assert (found.count, found.leased, facts("B").unanswered.leased) == (2, 1, 0)
    assert found.oldest_age is not None
    assert found.oldest_age >= 0


@pytest.mark.django_db
def test_changes_of_version_and_rules_are_listed_the_newest_first() -> None:
    stretch(10, 1, version="1", rules="a" * 64)
    stretch(8, 1, version="1", rules="a" * 64)
    stretch(6, 1, version="2", rules="a" * 64)
    stretch(4, 1, version="2", rules="b" * 64)

    changes = facts("A").changes

    assert [(change.before.engine_version, change.after.engine_version) for change in changes] == [
        ("2", "2"),
        ("1", "2"),
    ]
    assert changes[0].after.rules_hash == "b" * 64


# The page


@pytest.mark.django_db
def test_the_page_shows_keys_by_prefix_and_last_use_and_no_key() -> None:
    key, text = create_api_key(ADA, owner="engine-a", name="desk one")
    client = api_client("engine-b")
    client.post("/api/v1/heartbeat", {"engine_version": "1", "rules_hash": HASH})

    page = logged_in("viewer").get(reverse("admin:engines")).content.decode()

    assert key.prefix in page
    assert "desk one, never used" in page
    assert "last used 20" in page
    assert text not in page


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "offered"), [("viewer", False), ("operator", True)])
def test_only_who_may_switch_is_offered_the_switch(role: str, offered: bool) -> None:
    page = logged_in(role).get(reverse("admin:engines")).content.decode()

    assert (reverse("admin:policies_engine_switch", args=("A",)) in page) == offered


@pytest.mark.django_db
def test_who_may_not_see_engines_gets_none(client: Client) -> None:
    make_available("A")

    assert logged_in().get(reverse("admin:engines")).status_code == 403
    assert client.get(reverse("admin:engines")).status_code == 302
