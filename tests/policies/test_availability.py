"""Heartbeats leave a history: stretches without a gap, so that availability is known of the past."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from kernel.actors import Actor
from kernel.trips import Rows, Statement, execute_together
from policies import services
from policies.models import EngineAvailability, EngineSwitch
from policies.services import record_heartbeat, set_engine_enabled
from tests.database import execute, value
from tests.factories import engine, make_policy

pytestmark = pytest.mark.django_db
RULES, OTHER_RULES = "ab" * 32, "cd" * 32


def beat(name: str = "A", *, version: str = "1", rules_hash: str = RULES) -> datetime:
    record_heartbeat(name, engine_version=version, rules_hash=rules_hash)
    beat_at = engine(name).last_heartbeat_at
    assert beat_at is not None
    return beat_at


def stretches(name: str = "A") -> list[EngineAvailability]:
    return list(EngineAvailability.objects.filter(engine=name).order_by("first_heartbeat_at"))


def age(seconds: float) -> None:
    """Move all that was heard into the past."""
    changes = ", ".join(
        f"{name} = {name} - interval '{seconds} seconds'"
        for name in ("first_heartbeat_at", "last_heartbeat_at", "available_until")
    )
    execute(f"UPDATE engine_availability SET {changes}")


def test_the_first_beat_starts_a_stretch() -> None:
    beat_at = beat()

    (stretch,) = stretches()
    assert (stretch.first_heartbeat_at, stretch.last_heartbeat_at) == (beat_at, beat_at)
    assert stretch.available_until == beat_at + timedelta(seconds=60)
    assert (stretch.engine_version, stretch.rules_hash) == ("1", RULES)


def test_a_beat_in_time_extends_the_stretch() -> None:
    first = beat()
    last = beat()

    (stretch,) = stretches()
    assert (stretch.first_heartbeat_at, stretch.last_heartbeat_at) == (first, last)
    assert stretch.available_until == last + timedelta(seconds=60)


def test_a_beat_after_a_gap_starts_another_stretch() -> None:
    beat()
    age(60)
    beat()

    before, after = stretches()
    assert before.available_until < after.first_heartbeat_at


@pytest.mark.parametrize("change", [{"version": "2"}, {"rules_hash": OTHER_RULES}])
def test_another_version_or_other_rules_start_another_stretch(change: dict[str, Any]) -> None:
    beat()
    beat(**change)
    beat(**change)

    before, after = stretches()
    assert before.available_until > after.first_heartbeat_at
    assert after.last_heartbeat_at > after.first_heartbeat_at


def test_another_time_to_live_starts_another_stretch() -> None:
    beat()
    make_policy(heartbeat_ttl_seconds=90)
    beat()
    beat()

    before, after = stretches()
    assert before.available_until - before.last_heartbeat_at == timedelta(seconds=60)
    assert after.available_until - after.last_heartbeat_at == timedelta(seconds=90)


def test_a_time_to_live_that_came_and_went_starts_another_stretch_too() -> None:
    beat()
    make_policy(heartbeat_ttl_seconds=1)
    make_policy(heartbeat_ttl_seconds=60)
    beat()

    assert len(stretches()) == 2


def test_a_policy_with_the_same_time_to_live_changes_no_stretch() -> None:
    beat()
    make_policy(split_percentage=10)
    beat()

    assert len(stretches()) == 1


def test_each_engine_has_its_own_stretches() -> None:
    beat("A")
    beat("B")
    beat("A")

    assert (len(stretches("A")), len(stretches("B"))) == (1, 1)


def test_a_switch_is_kept_with_who_why_and_when() -> None:
    before = value("SELECT clock_timestamp()")
    set_engine_enabled(Actor("ada"), "B", enabled=False, reason=" strange fills ")
    set_engine_enabled(Actor("bob"), "B", enabled=True, reason="fixed")

    off, on = EngineSwitch.objects.order_by("id")
    assert (off.engine, off.enabled, off.reason, off.switched_by) == ("B", False, "strange fills", "ada")
    assert (on.enabled, on.switched_by) == (True, "bob")
    assert before < off.switched_at < on.switched_at < value("SELECT clock_timestamp()")


def test_a_heartbeat_is_one_trip_to_the_server(django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    record_heartbeat("A", engine_version="1", rules_hash=RULES)
    trips: list[tuple[Statement, ...]] = []

    def counted(*statements: Statement) -> list[Rows]:
        trips.append(statements)
        return execute_together(*statements)

    monkeypatch.setattr(services, "execute_together", counted)

    with django_assert_num_queries(0):
        record_heartbeat("A", engine_version="1", rules_hash=RULES)

    assert len(trips) == 1
