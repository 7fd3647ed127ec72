"""Whether an engine is available: its last heartbeat by the database clock, and the operator's switch."""

from __future__ import annotations

import pytest
from django.utils import timezone

from kernel.actors import Actor
from kernel.errors import DomainError
from policies.selectors import state_in_force
from policies.services import record_heartbeat, set_engine_enabled
from tests.database import execute, refusal_of_row, row_of, value
from tests.factories import engine, make_available, make_policy

pytestmark = pytest.mark.django_db
RULES_HASH = "ab" * 32


def beat(name: str) -> None:
    record_heartbeat(name, engine_version="2.1.0", rules_hash=RULES_HASH)


def age_heartbeat(name: str, seconds: float) -> None:
    execute("UPDATE engines SET last_heartbeat_at = now() - make_interval(secs => %s) WHERE name = %s", seconds, name)


def available() -> tuple[bool, bool]:
    state = state_in_force()
    return state.engine_a_available, state.engine_b_available


def test_an_engine_that_never_called_is_not_available() -> None:
    assert available() == (False, False)


@pytest.mark.parametrize(("name", "expected"), [("A", (True, False)), ("B", (False, True))])
def test_a_heartbeat_makes_its_engine_available_and_no_other(name: str, expected: tuple[bool, bool]) -> None:
    beat(name)

    assert available() == expected


def test_a_heartbeat_registers_version_and_rules() -> None:
    beat("A")

    assert (engine("A").engine_version, engine("A").rules_hash) == ("2.1.0", RULES_HASH)
    assert engine("B").rules_hash == ""


def test_a_heartbeat_is_timed_by_the_database_clock() -> None:
    before = value("SELECT clock_timestamp()")
    beat("A")

    beat_at = engine("A").last_heartbeat_at
    assert beat_at is not None
    assert before < beat_at < state_in_force().at < value("SELECT clock_timestamp()")


def test_a_heartbeat_answers_until_when_the_engine_counts_as_available() -> None:
    make_policy(heartbeat_ttl_seconds=90)

    until, enabled, _ = record_heartbeat("A", engine_version="1", rules_hash=RULES_HASH)

    assert until == value("SELECT last_heartbeat_at + interval '90 seconds' FROM engines WHERE name = 'A'")
    assert enabled


@pytest.mark.parametrize(("age", "alive"), [(0, True), (30, True), (60, False), (61, False), (86_400, False)])
def test_a_heartbeat_holds_for_the_ttl_and_no_longer(age: float, alive: bool) -> None:
    beat("A")

    age_heartbeat("A", age)

    assert available() == (alive, False)


def test_a_new_ttl_counts_from_the_next_look_on() -> None:
    beat("A")
    age_heartbeat("A", 100)

    assert available() == (False, False)
    make_policy(heartbeat_ttl_seconds=120)
    assert available() == (True, False)


def test_the_next_heartbeat_brings_an_expired_engine_back() -> None:
    beat("B")
    age_heartbeat("B", 3600)

    beat("B")

    assert available() == (False, True)


def test_an_engine_switched_off_is_unavailable_although_it_lives() -> None:
    make_available("A", "B")

    set_engine_enabled(Actor("ada"), "B", enabled=False, reason="strange fills")

    assert available() == (True, False)
    assert engine("B").disabled_reason == "strange fills (ada)"


def test_a_heartbeat_does_not_switch_an_engine_on_again() -> None:
    set_engine_enabled(Actor("ada"), "A", enabled=False, reason="maintenance")

    _, enabled, _ = record_heartbeat("A", engine_version="1", rules_hash=RULES_HASH)

    assert not enabled
    assert available() == (False, False)


def test_switching_on_needs_a_living_engine_too() -> None:
    set_engine_enabled(Actor("ada"), "A", enabled=False, reason="maintenance")
    set_engine_enabled(Actor("ada"), "A", enabled=True, reason="done")

    assert available() == (False, False)
    beat("A")
    assert available() == (True, False)
    assert engine("A").disabled_reason == ""


@pytest.mark.parametrize("reason", ["", " \n"])
def test_a_switch_needs_a_reason(reason: str) -> None:
    with pytest.raises(DomainError) as caught:
        set_engine_enabled(Actor("ada"), "A", enabled=False, reason=reason)

    assert (caught.value.code, caught.value.pointer) == ("reason_missing", "/reason")
    assert engine("A").enabled


def test_there_are_two_engines_and_never_a_third() -> None:
    third = row_of("engines", name="A") | {"name": "C"}

    assert refusal_of_row("engines", third) == "engines_name_known"


def test_the_clock_of_the_web_process_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    beat("A")
    monkeypatch.setattr(timezone, "now", lambda: pytest.fail("availability asked the process's clock"))

    assert available() == (True, False)
