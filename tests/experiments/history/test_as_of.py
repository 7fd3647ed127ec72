"""Every decision agrees with the past as it is told: by its own instant, and under changes that race it."""

from __future__ import annotations

import itertools
import threading
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from experiments.core.verification import Difference
from experiments.history.as_of import decision_as_of
from experiments.models import ExecutionDecision
from experiments.worker.pipeline import drain
from kernel.actors import Actor
from kernel.errors import DomainError
from policies.models import Halt
from policies.services import engage_halt, record_heartbeat, release_guardrail, release_halt, set_engine_enabled
from signals_app.models import Signal
from tests.database import execute, rows, value
from tests.factories import make_policy, make_signal
from tests.threads import LIMIT_SECONDS, in_background, uncommitted, wait_for_blocked_sessions

ADA = Actor("ada")
RULES = "ab" * 32
RACE = pytest.mark.django_db(transaction=True)


def beat(*engines: str) -> None:
    for name in engines:
        record_heartbeat(name, engine_version="1", rules_hash=RULES)


def decided() -> Signal:
    """Store a signal and decide it now."""
    signal = make_signal()
    assert drain() == 1
    return signal


def disagreements() -> list[tuple[str, tuple[Difference, ...]]]:
    """Compare every stored decision with what was in force at its instant."""
    found = []
    for decision in ExecutionDecision.objects.select_related("experiment"):
        then = decision_as_of(decision.experiment.signal_id)
        if then.disagreements:
            found.append((str(decision.pk), then.disagreements))
    return found


def reasons() -> list[str]:
    return [reason for (reason,) in rows("SELECT reason FROM execution_policy ORDER BY decided_at")]


@pytest.mark.django_db
def test_a_long_history_tells_of_every_decision_what_is_stored() -> None:
    decided()
    beat("A")
    decided()
    beat("B")
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="30")
    decided()
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="70", heartbeat_ttl_seconds=600)
    decided()
    set_engine_enabled(ADA, "A", enabled=False, reason="maintenance")
    decided()
    set_engine_enabled(ADA, "A", enabled=True, reason="done")
    engage_halt(ADA, reason="fire")
    decided()
    release_halt(ADA, reason="out")
    decided()
    make_policy(configured_mode="ENGINE_B_PRIMARY")
    decided()
    make_policy(configured_mode="SHADOW_ONLY")
    decided()

    assert disagreements() == []
    assert reasons() == [
        "ENGINE_A_UNAVAILABLE", "PAPER_DEFAULT", "SPLIT", "SPLIT", "ENGINE_A_UNAVAILABLE", "HALTED", "SPLIT",
        "CONFIGURED", "CONFIGURED",
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_shorter_time_to_live_counts_at_once_also_in_the_past() -> None:
    beat("A")
    execute("UPDATE engines SET last_heartbeat_at = last_heartbeat_at - interval '30 seconds'")
    execute("UPDATE engine_availability SET last_heartbeat_at = last_heartbeat_at - interval '30 seconds'")
    decided()
    make_policy(heartbeat_ttl_seconds=10)
    decided()
    make_policy(heartbeat_ttl_seconds=60)
    decided()
    beat("A")
    decided()

    assert reasons() == ["PAPER_DEFAULT", "ENGINE_A_UNAVAILABLE", "PAPER_DEFAULT", "PAPER_DEFAULT"]
    assert disagreements() == []


@pytest.mark.django_db
def test_the_decision_that_trips_a_guardrail_agrees_too() -> None:
    make_policy(max_engine_flaps=1)
    beat("A")
    # The engine was away for a while: its next heartbeat is a comeback.
    execute(
        "UPDATE engine_availability SET first_heartbeat_at = now() - interval '10 minutes',"
        " last_heartbeat_at = now() - interval '9 minutes', available_until = now() - interval '8 minutes'"
    )
    beat("A")
    decided()
    trip = value("SELECT id FROM guardrail_trips")
    decided()
    release_guardrail(ADA, trip, reason="seen")
    decided()

    assert reasons() == ["GUARDRAIL", "GUARDRAIL", "PAPER_DEFAULT"]
    assert disagreements() == []


@pytest.mark.django_db
def test_a_changed_input_disagrees_with_the_past_whatever_its_hash() -> None:
    beat("A")
    signal = decided()
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("SET session_replication_role = replica")
    execute("ALTER TABLE execution_policy DROP CONSTRAINT execution_policy_hash_is_derived")
    execute("""UPDATE execution_policy SET inputs = replace(inputs::text, '"halted":false', '"halted":true')::json""")
    execute("SET session_replication_role = DEFAULT")

    assert decision_as_of(signal.pk).disagreements == (Difference("inputs.halted", "True", "False"),)


@pytest.mark.django_db
def test_a_decision_can_be_asked_for_any_other_instant() -> None:
    beat("A")
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="100")
    signal = decided()
    make_policy(configured_mode="SHADOW_ONLY")
    now = value("SELECT clock_timestamp()")

    then = decision_as_of(signal.pk, now)

    assert (then.ruling.resolution.execution_mode, then.ruling.resolution.reason) == ("SHADOW_ONLY", "CONFIGURED")
    assert then.disagreements == ()


@pytest.mark.django_db
def test_what_cannot_be_asked_says_why() -> None:
    with pytest.raises(DomainError, match="Signal not found"):
        decision_as_of(uuid4())
    with pytest.raises(DomainError, match="not been decided yet"):
        decision_as_of(make_signal().pk)


def run(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("as_of", *arguments, stdout=out)
    except SystemExit as stop:
        return int(str(stop.code)), out.getvalue()
    return 0, out.getvalue()


@pytest.mark.django_db
def test_the_command_prints_the_state_of_an_instant() -> None:
    beat("A")
    set_engine_enabled(ADA, "B", enabled=False, reason="maintenance")
    engage_halt(ADA, reason="fire")

    code, text = run(value("SELECT clock_timestamp()").isoformat())

    assert code == 0
    assert "policy     version 1 by environment since " in text
    assert "by ada: fire" in text
    assert "guardrail  none" in text
    assert "engine A   available, version 1, heartbeats since " in text
    assert "engine B   unavailable, no heartbeat yet, disabled by ada" in text


@pytest.mark.django_db
def test_the_command_compares_a_signal_with_its_own_instant() -> None:
    beat("A")
    signal = decided()

    code, text = run("--signal", str(signal.pk))

    assert code == 0
    assert text.endswith("decision   ENGINE_A_PRIMARY, A trades for real, reason PAPER_DEFAULT\nstored     the same\n")


@pytest.mark.django_db
def test_the_command_exits_1_when_the_past_disagrees() -> None:
    beat("A")
    signal = decided()
    execute("DELETE FROM engine_availability")

    code, text = run("--signal", str(signal.pk))

    assert code == 1
    assert "inputs.engine_a_available: True; as of then: False" in text


@pytest.mark.django_db
def test_the_command_tells_of_an_undecided_signal_what_it_would_come_to() -> None:
    signal = make_signal()

    code, text = run(value("SELECT clock_timestamp()").isoformat(), "--signal", str(signal.pk))

    assert code == 0
    assert "reason ENGINE_A_UNAVAILABLE\nstored     none yet: the signal is pending\n" in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Specify a time"),
        (("yesterday",), "time is 'yesterday'; it must be a time like"),
        (("2026-01-01T00:00:00",), "it must be a time like"),
        (("2099-01-01T00:00:00Z",), "is in the future"),
        (("1999-01-01T00:00:00Z",), "No policy was in force yet"),
        (("--signal", "x"), "--signal is 'x'; it must be a UUID"),
        (("--signal", str(uuid4())), "Signal not found"),
    ],
)
def test_the_command_refuses_what_has_no_answer(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run(*arguments)


# --- races -------------------------------------------------------------------------------------


@RACE
def test_a_decision_waits_for_a_change_that_is_stamped_but_not_committed() -> None:
    beat("A")
    make_signal()

    with uncommitted(lambda: engage_halt(ADA, reason="fire")) as commit, in_background(drain) as decided:
        wait_for_blocked_sessions()
        commit()
        assert decided.result(LIMIT_SECONDS) == 1

    assert reasons() == ["HALTED"]
    assert disagreements() == []


def halt_without_the_lock() -> None:
    execute(
        "INSERT INTO halts (engaged_at, engaged_by, reason, released_by, release_reason)"
        " VALUES (clock_timestamp(), 'ada', 'fire', '', '')"
    )


@RACE
def test_without_the_lock_the_past_would_tell_otherwise() -> None:
    beat("A")
    make_signal()

    with uncommitted(halt_without_the_lock):
        assert drain() == 1

    assert reasons() == ["PAPER_DEFAULT"]
    assert len(disagreements()) == 1


@RACE
def test_a_kill_switch_waits_for_nobody() -> None:
    with uncommitted(lambda: set_engine_enabled(ADA, "B", enabled=False, reason="slow")):
        engage_halt(ADA, reason="fire")

        assert Halt.objects.get().released_at is None


def pull_switch_and_beat() -> None:
    engage_halt(ADA, reason="fire")
    release_halt(ADA, reason="out")
    set_engine_enabled(ADA, "A", enabled=False, reason="off")
    set_engine_enabled(ADA, "A", enabled=True, reason="on")
    beat("A", "B")


@pytest.mark.slow
@RACE
def test_changes_in_a_storm_leave_no_decision_that_disagrees_with_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.worker.pipeline.BATCH_SIZE", 1)
    monkeypatch.setattr("experiments.worker.pipeline.BATCHES_PER_DRAIN", 150)
    monkeypatch.setattr("experiments.worker.pipeline.MAX_DRAIN_SECONDS", 120)
    beat("A", "B")
    for _ in range(150):
        make_signal()
    stop = threading.Event()

    def change_policies() -> None:
        for mode in itertools.cycle(("AUTO", "SPLIT_CAPITAL", "ENGINE_B_PRIMARY", "SHADOW_ONLY")):
            make_policy(configured_mode=mode)
            if stop.is_set():
                return

    def change_the_rest() -> None:
        while not stop.is_set():
            pull_switch_and_beat()

    with in_background(change_policies) as policies, in_background(change_the_rest) as rest:
        try:
            assert drain() == 150
        finally:
            stop.set()
        policies.result(LIMIT_SECONDS)
        rest.result(LIMIT_SECONDS)

    assert disagreements() == []
    assert len(set(reasons())) > 2
