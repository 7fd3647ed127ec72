"""What was in force at a past instant, up to its edges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kernel.actors import Actor
from policies.as_of import BeforeHistoryError, in_force_at
from policies.models import Halt, PolicyVersion
from policies.selectors import state_in_force
from policies.services import engage_halt, record_heartbeat, release_halt, set_engine_enabled
from tests.database import execute, value
from tests.factories import make_policy

pytestmark = pytest.mark.django_db
ADA = Actor("ada")
BEAT = datetime(2026, 3, 16, 14, 30, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def at(seconds: float) -> datetime:
    return BEAT + timedelta(seconds=seconds)


def now() -> datetime:
    moment: datetime = value("SELECT clock_timestamp()")
    return moment


def put_policy_back(moment: datetime) -> None:
    """Let the first version be older than all that a test makes up."""
    execute("ALTER TABLE policy_versions DISABLE TRIGGER policy_versions_append_only")
    execute("UPDATE policy_versions SET activated_at = %s WHERE version = 1", moment)
    execute("ALTER TABLE policy_versions ENABLE TRIGGER policy_versions_append_only")


@pytest.fixture
def _history_begins_early(_policy_and_engines_exist: None) -> None:
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    put_policy_back(datetime(2020, 1, 1, tzinfo=UTC))


def heard(first: datetime, last: datetime, *, ttl: int = 60, name: str = "A") -> None:
    execute(
        "INSERT INTO engine_availability (engine, first_heartbeat_at, last_heartbeat_at, available_until,"
        " engine_version, rules_hash) VALUES (%s, %s, %s, %s, '1', %s)",
        name, first, last, last + timedelta(seconds=ttl), "ab" * 32,
    )  # fmt: skip


def available(moment: datetime) -> tuple[bool, bool]:
    a, b = in_force_at(moment).engines
    return a.available, b.available


@pytest.mark.usefixtures("_history_begins_early")
@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (at(0) - MICROSECOND, False), (at(0), True), (at(300), True), (at(600), True),
        (at(660) - MICROSECOND, True), (at(660), False), (at(3600), False),
    ],
)  # fmt: skip
def test_an_engine_is_available_from_its_first_beat_until_the_ttl_after_the_last(
    moment: datetime, expected: bool
) -> None:
    heard(at(0), at(600))

    assert available(moment) == (expected, False)


@pytest.mark.usefixtures("_history_begins_early")
def test_between_two_stretches_there_is_a_gap() -> None:
    heard(at(0), at(100))
    heard(at(400), at(500))

    assert [available(at(seconds))[0] for seconds in (100, 159, 160, 399, 400, 559, 560)] == [
        True, True, False, False, True, True, False,
    ]  # fmt: skip


def test_a_time_to_live_counts_from_its_version_on() -> None:
    record_heartbeat("A", engine_version="1", rules_hash="ab" * 32)
    execute("UPDATE engine_availability SET last_heartbeat_at = last_heartbeat_at - interval '30 seconds'")
    execute("UPDATE engines SET last_heartbeat_at = last_heartbeat_at - interval '30 seconds'")
    before = now()
    make_policy(heartbeat_ttl_seconds=10)
    between = now()
    make_policy(heartbeat_ttl_seconds=60)

    assert [available(moment)[0] for moment in (before, between, now())] == [True, False, True]


def test_a_policy_is_in_force_from_its_instant_on() -> None:
    second = make_policy(split_percentage=20)
    third = make_policy(split_percentage=30)

    moments = (second.activated_at, third.activated_at - MICROSECOND, third.activated_at, now())
    assert [in_force_at(moment).policy.version for moment in moments] == [2, 2, 3, 3]


def test_before_the_first_version_there_is_nothing_in_force() -> None:
    first = PolicyVersion.objects.get(version=1)

    with pytest.raises(BeforeHistoryError, match="version 1"):
        in_force_at(first.activated_at - MICROSECOND)


def test_a_halt_holds_from_its_instant_up_to_its_release() -> None:
    engage_halt(ADA, reason="fire")
    release_halt(ADA, reason="out")
    halt = Halt.objects.get()
    assert halt.released_at is not None

    moments = (halt.engaged_at - MICROSECOND, halt.engaged_at, halt.released_at - MICROSECOND, halt.released_at)
    assert [in_force_at(moment).state("PAPER").halted for moment in moments] == [False, True, True, False]


def test_a_switch_counts_from_its_instant_on() -> None:
    record_heartbeat("B", engine_version="1", rules_hash="ab" * 32)
    before = now()
    set_engine_enabled(ADA, "B", enabled=False, reason="strange fills")
    off = now()
    set_engine_enabled(ADA, "B", enabled=True, reason="fixed")

    assert [available(moment)[1] for moment in (before, off, now())] == [True, False, True]


@pytest.mark.usefixtures("_history_begins_early")
def test_a_guardrail_holds_from_its_instant_up_to_its_release() -> None:
    execute(
        'INSERT INTO guardrail_trips (name, value, "limit", policy_version, tripped_at, released_at, released_by,'
        " release_reason) VALUES ('max_engine_flaps', '3', '3', 1, %s, %s, 'ada', 'seen')",
        at(0), at(60),
    )  # fmt: skip

    trips = [in_force_at(moment).trip for moment in (at(0) - MICROSECOND, at(0), at(59), at(60))]
    assert [trip is not None for trip in trips] == [False, True, True, False]


def test_now_is_as_of_now() -> None:
    record_heartbeat("A", engine_version="1", rules_hash="ab" * 32)
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="12.5", max_engine_flaps=3)
    set_engine_enabled(ADA, "B", enabled=False, reason="maintenance")
    engage_halt(ADA, reason="fire")

    state = state_in_force()

    assert in_force_at(state.at).state("PAPER") == state
