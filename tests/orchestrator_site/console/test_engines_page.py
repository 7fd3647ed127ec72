"""The page of the engines: now, the last 24 hours, keys and what they have not answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orchestrator_site.console.engine_uptime import SLOTS, Span, day_slots, disabled_spans, share, uptimes
from orchestrator_site.console.engines_page import EnginePanel, engine_panels
from policies.models import EngineAvailability, EngineSwitch
from policies.services import create_api_key, record_heartbeat, set_engine_enabled
from tests.database import execute
from tests.factories import api_client, make_available, make_experiment
from tests.orchestrator_site.console.rows import logged_in
from tests.policies.control import ADA, BOB

HASH = "ab" * 32
NOON = datetime(2026, 3, 16, 12, tzinfo=UTC)
DAY_BEFORE = NOON - timedelta(days=1)


def panel(name: str) -> EnginePanel:
    return next(found for found in engine_panels() if found.engine.name == name)


def colours(name: str) -> list[str]:
    return [slot.color for slot in panel(name).lane.slots]


def stretch(hours_ago: float, hours: float, *, engine: str = "A", version: str = "1", rules: str = HASH) -> None:
    begin = timezone.now() - timedelta(hours=hours_ago)
    EngineAvailability.objects.create(
        engine_id=engine, first_heartbeat_at=begin, last_heartbeat_at=begin + timedelta(hours=hours),
        available_until=begin + timedelta(hours=hours), engine_version=version, rules_hash=rules,
    )  # fmt: skip


def hours(first: float, last: float) -> Span:
    return Span(DAY_BEFORE + timedelta(hours=first), DAY_BEFORE + timedelta(hours=last), "x")


# The last day


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


def test_the_tracker_shows_quarters_of_an_hour_from_a_day_ago_to_now() -> None:
    slots = day_slots([hours(-10, 12), hours(30, 40)], [], DAY_BEFORE, NOON, hours(-10, 12).begin)

    assert [slot.color for slot in slots] == ["to-slot-up"] * 48 + ["to-slot-none"] * 48
    assert slots[0].tooltip == "12:00 to 12:15 UTC: available"
    assert slots[-1].tooltip == "11:45 to 12:00 UTC: no heartbeat"


def test_the_shortest_stretch_and_the_shortest_switch_are_still_seen() -> None:
    slots = day_slots([hours(12, 12.001)], [hours(6, 6.001)], DAY_BEFORE, NOON, DAY_BEFORE)

    assert (slots[48].color, slots[24].color) == ("to-slot-partly", "to-slot-off")
    assert len(slots) == SLOTS


# The panels


@pytest.mark.django_db
def test_an_engine_that_never_called_has_nothing_to_show() -> None:
    found = panel("A")

    assert (found.available, found.heartbeat_age, found.lane.percentage) == (False, None, "0.0%")
    assert (found.unanswered.count, found.unanswered.oldest_age, found.keys) == (0, None, [])


@pytest.mark.django_db
def test_a_heartbeat_shows_at_once() -> None:
    record_heartbeat("A", engine_version="2.1", rules_hash=HASH)

    found = panel("A")

    assert found.available
    assert found.heartbeat_age is not None
    assert 0 <= found.heartbeat_age < 60
    assert colours("A")[-1] == "to-slot-partly"
    assert not panel("B").available


@pytest.mark.django_db
@pytest.mark.parametrize("model", [{"name": "<large-2026>", "prompt": "v7"}, "<large-2026>", ["<large-2026>", 7]])
def test_the_model_that_an_engine_names_is_shown_as_text(model: Any) -> None:
    record_heartbeat("A", engine_version="2.1", rules_hash=HASH, model=model)

    page = logged_in("viewer").get(reverse("admin:engines")).content.decode()

    assert "&lt;large-2026&gt;" in page
    assert page.count("not reported") == 1


@pytest.mark.django_db
def test_the_last_day_is_summed_and_older_days_are_not() -> None:
    stretch(40, 10)
    stretch(20, 6)

    assert panel("A").lane.percentage == "25.0%"


@pytest.mark.django_db
def test_a_disabled_engine_is_marked_with_who_and_why_until_it_is_enabled_again() -> None:
    set_engine_enabled(ADA, "A", enabled=False, reason="maintenance")
    assert panel("A").lane.slots[-1].tooltip.endswith("disabled by ada: maintenance")

    set_engine_enabled(BOB, "A", enabled=True, reason="done")
    execute("UPDATE engines SET last_heartbeat_at = now()")
    assert [switch.switched_by for switch in panel("A").switches] == ["bob", "ada"]
    assert panel("A").available


@pytest.mark.django_db
def test_an_engine_disabled_days_ago_is_disabled_all_day() -> None:
    now = timezone.now()
    EngineSwitch.objects.create(
        engine="B", enabled=False, reason="x", switched_by="ada", switched_at=now - timedelta(days=3)
    )

    (span,) = disabled_spans("B", now - timedelta(days=1), now)

    assert (span.begin, span.end) == (now - timedelta(days=3), now)


@pytest.mark.django_db
def test_what_is_not_answered_is_counted_with_its_age() -> None:
    make_experiment("A")
    make_experiment("A")
    api_client("engine-a").post("/api/v1/assignments/claim", {"limit": 1, "lease_seconds": 60, "wait_seconds": 0})

    found = panel("A").unanswered

    assert (found.count, found.leased, panel("B").unanswered.leased) == (2, 1, 0)
    assert found.oldest_age is not None
    assert found.oldest_age >= 0


@pytest.mark.django_db
def test_builds_are_listed_the_newest_first_with_how_long_each_ran() -> None:
    stretch(10, 1, version="1", rules="a" * 64)
    stretch(8, 1, version="1", rules="a" * 64)
    stretch(6, 1, version="2", rules="a" * 64)
    stretch(4, 1, version="2", rules="b" * 64)

    found = panel("A").builds

    assert [(build.engine_version, build.rules_hash[0]) for build in found] == [("2", "b"), ("2", "a"), ("1", "a")]
    lasted = [(build.until - build.since).total_seconds() for build in found]
    assert lasted == pytest.approx([3600, 3600, 3 * 3600], abs=60)


@pytest.mark.django_db
def test_what_lies_before_the_first_heartbeat_is_no_outage() -> None:
    stretch(6, 3)

    found = panel("A")

    assert (found.lane.since_birth, found.lane.percentage) == (True, "50.0%")
    assert colours("A").count("to-slot-before") == pytest.approx(72, abs=1)
    assert colours("A").count("to-slot-none") == pytest.approx(12, abs=1)


@pytest.mark.django_db
def test_the_last_thirty_days_count_from_the_first_heartbeat_without_what_was_disabled() -> None:
    stretch(100 * 24, 24)
    stretch(30 * 24 - 6, 30 * 24 - 6)
    stretch(40, 40, engine="B")
    for enabled, hours_ago in ((False, 20), (True, 10)):
        EngineSwitch.objects.create(
            engine="B", enabled=enabled, reason="x", switched_by="ada",
            switched_at=timezone.now() - timedelta(hours=hours_ago),
        )  # fmt: skip

    found = uptimes()

    assert found["A"].seconds == pytest.approx(30 * 86400)
    assert found["A"].share == pytest.approx(1 - 6 / 720, abs=1e-4)
    assert found["B"].seconds == pytest.approx(40 * 3600, abs=60)
    assert found["B"].share == pytest.approx(0.75, abs=1e-3)


# The page


@pytest.mark.django_db
def test_the_page_shows_keys_by_prefix_and_last_use_and_no_key() -> None:
    key, text = create_api_key(ADA, owner="engine-a", name="desk one")
    client = api_client("engine-b")
    client.post("/api/v1/heartbeat", {"engine_version": "1", "rules_hash": HASH})

    page = " ".join(logged_in("viewer").get(reverse("admin:engines")).content.decode().split())

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
@pytest.mark.parametrize(("role", "offered"), [("viewer", False), ("operator", True)])
def test_only_who_may_change_keys_is_offered_to_rotate_one(role: str, offered: bool) -> None:
    key, _ = create_api_key(ADA, owner="engine-a", name="desk one")

    page = logged_in(role).get(reverse("admin:engines")).content.decode()

    assert (reverse("admin:policies_apikey_rotate", args=(key.prefix,)) in page) == offered


@pytest.mark.django_db
def test_who_may_not_see_engines_gets_none(client: Client) -> None:
    make_available("A")

    assert logged_in().get(reverse("admin:engines")).status_code == 403
    assert client.get(reverse("admin:engines")).status_code == 302


@pytest.mark.django_db
def test_what_people_typed_is_escaped_in_the_tracker() -> None:
    set_engine_enabled(ADA, "A", enabled=False, reason="<b>broken")

    page = logged_in("viewer").get(reverse("admin:engines")).content.decode()

    assert "&lt;b&gt;broken" in page
    assert "<b>broken" not in page
