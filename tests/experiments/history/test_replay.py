"""Replay recomputes what is stored and finds whatever was changed behind the application's back."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from experiments.core.verification import Difference
from experiments.history.replay import Selection, replay
from experiments.models import Experiment
from signals_app.models import MarketData
from tests.factories import MOMENT, make_experiment

pytestmark = pytest.mark.django_db

# Every stored column that follows from others, a change to it, and the difference that must name it.
TAMPERINGS = [
    ("signals", "symbol = 'QQQ'", "signals.signal_id"),
    ("signals", "source = 'other'", "signals.signal_id"),
    ("signals", "direction = 'SHORT'", "signals.signal_id"),
    ("signals", "timeframe = '1h'", "signals.signal_id"),
    ("signals", "timestamp = timestamp + interval '1 microsecond'", "signals.signal_id"),
    ("signals", "strategy = 'x'", "signals.signal_id"),
    ("signals", "exchange = 'AMEX'", "market_contexts.context"),
    ("signals", """raw_payload = raw_payload || '{"close": 1}'""", "signals.signal_hash"),
    ("signals", "signal_hash = repeat('a', 64)", "signals.signal_hash"),
    ("market_contexts", """context = '{"context_version":1}'""", "market_contexts.context"),
    ("market_contexts", "context_hash = repeat('a', 64)", "market_contexts.context_hash"),
    ("experiments", "signal_hash = repeat('a', 64)", "experiments.signal_hash"),
    ("experiments", "variant = CASE variant WHEN 'A' THEN 'B' ELSE 'A' END", "experiments.variant"),
    ("experiments", "assignment_hash = repeat('a', 64)", "experiments.assignment_hash"),
    ("experiments", "bucket = (bucket + 1) % 10000", "experiments.bucket"),
    ("experiments", "split_percentage = 12.34", "experiments.split_percentage"),
    ("execution_policy", "execution_mode = 'SPLIT_CAPITAL'", "execution_policy.execution_mode"),
    ("execution_policy", "executed_engine = 'B'", "execution_policy.executed_engine"),
    ("execution_policy", "shadow_engine = 'A'", "execution_policy.shadow_engine"),
    ("execution_policy", "reason = 'SPLIT'", "execution_policy.reason"),
    ("execution_policy", "policy_version = 1", "execution_policy.policy_version"),
    ("execution_policy", "rules_version = 99", "execution_policy.rules_version"),
    ("execution_policy", "decision_hash = repeat('a', 64)", "execution_policy.decision_hash"),
    ("signal_distributions", "context_hash = repeat('a', 64)", "signal_distributions.context_hash (A)"),
    ("policy_versions", "live_enabled = true", "execution_policy.inputs.live_enabled"),
    ("policy_versions", "configured_mode = 'AUTO'", "execution_policy.inputs.configured_mode"),
]


def tamper(table: str, change: str) -> None:
    """Change a row as a database superuser who switches triggers, foreign keys and checks off, and on again."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # ALTER TABLE refuses while checks are pending
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = %s::regclass AND contype = 'c'",
            (table,),
        )
        checks = cursor.fetchall()
        for name, _ in checks:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"UPDATE {table} SET {change}")
        cursor.execute("SET session_replication_role = DEFAULT")
        # What this row is now, they do not ask; tests that commit leave them to those that follow.
        for name, check in checks:
            cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {check} NOT VALID')


def verify_experiment(identity: UUID) -> list[Difference]:
    return [difference for one in replay(Selection(experiment=identity)) for difference in one.differences]


def fields(experiment: Experiment) -> set[str]:
    return {difference.field for difference in verify_experiment(experiment.pk)}


def test_an_untouched_experiment_replays_without_difference() -> None:
    experiment = make_experiment("A")

    assert verify_experiment(experiment.pk) == []


@pytest.mark.parametrize(("table", "change", "field"), TAMPERINGS, ids=[f"{t}: {c}" for t, c, _ in TAMPERINGS])
def test_a_change_behind_the_applications_back_is_named(table: str, change: str, field: str) -> None:
    experiment = make_experiment("A")

    tamper(table, change)

    assert field in fields(experiment)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("halted", True), ("engine_a_available", False), ("app_mode", "LIVE"), ("variant", "Z"),
        ("policy_version", 99), ("split_percentage", "1.00"), ("live_enabled", True),
        ("configured_mode", "SHADOW_ONLY"),
    ],
)  # fmt: skip
def test_a_changed_input_is_found(name: str, value: Any) -> None:
    experiment = make_experiment("A")
    inputs = experiment.decision.inputs | {name: value}

    tamper("execution_policy", f"inputs = '{json.dumps(inputs, sort_keys=True, separators=(',', ':'))}'")

    assert fields(experiment)


def test_a_missing_decision_is_named() -> None:
    experiment = make_experiment("A")
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM execution_policy")
        cursor.execute("SET session_replication_role = DEFAULT")

    assert fields(experiment) == {"execution_policy"}


def test_replay_uses_the_frozen_market_data_and_not_the_feed() -> None:
    MarketData.objects.create(symbol="SPY", as_of=MOMENT, received_at=MOMENT, source="feed", data={"vix": "15.2"})
    experiment = make_experiment("A", timestamp=MOMENT)
    assert experiment.signal.market_context.context["market_data"]["data"] == {"vix": "15.2"}

    tamper("market_data", "symbol = 'GONE'")

    assert verify_experiment(experiment.pk) == []


def test_numbers_that_json_writes_in_many_ways_replay() -> None:
    payload = {"big": 123456789012345678901234567890, "float": 1e22, "small": 1e-7, "minus": -0.0, "whole": 15.0}
    alert = {"symbol": "SPY", "direction": "long", "timeframe": "5m", "timestamp": MOMENT.isoformat()}

    experiment = make_experiment("A", timestamp=MOMENT, payload=alert | payload)

    assert verify_experiment(experiment.pk) == []


def test_the_selection_narrows_what_is_replayed() -> None:
    first, second = make_experiment("A"), make_experiment("B")

    by_signal = [one.identity for one in replay(Selection(signal=first.signal_id))]
    by_version = [one.identity for one in replay(Selection(policy_version=second.policy_version_id))]
    since = [one.identity for one in replay(Selection(since=second.created_at))]

    assert (by_signal, by_version) == ([str(first.pk)], [str(second.pk)])
    assert str(second.pk) in since


def run(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("replay", *arguments, stdout=out, stderr=StringIO())
    except SystemExit as stop:
        return int(str(stop.code)), out.getvalue()
    return 0, out.getvalue()


def test_the_command_says_how_many_it_verified_and_exits_0() -> None:
    make_experiment("A")

    assert run() == (0, "1 experiment verified: no difference.\n")


def test_the_command_names_each_difference_and_exits_1() -> None:
    experiment = make_experiment("A")
    tamper("experiments", "bucket = (bucket + 1) % 10000")

    code, text = run()

    assert code == 1
    assert f"{experiment.pk} experiments.bucket: stored" in text


def test_the_command_answers_in_json() -> None:
    experiment = make_experiment("A")
    tamper("execution_policy", "decision_hash = repeat('a', 64)")

    code, text = run("--json")

    (difference,) = json.loads(text)["differences"]
    assert code == 1
    assert difference["experiment_id"] == str(experiment.pk)
    assert (difference["field"], difference["stored"]) == ("execution_policy.decision_hash", "a" * 64)


@pytest.mark.parametrize(
    ("option", "value"), [("--signal", "x"), ("--since", "yesterday"), ("--until", "2026-01-01T00:00:00")]
)
def test_the_command_refuses_what_it_does_not_understand(option: str, value: str) -> None:
    with pytest.raises(CommandError, match=option) as refusal:
        run(option, value)

    assert refusal.value.returncode == 2


def test_nothing_selected_is_not_a_difference() -> None:
    assert run("--since", "2100-01-01T00:00:00Z") == (0, "0 experiments verified: no difference.\n")


@pytest.mark.parametrize("selection", [("--signal", str(UUID(int=4))), ("--policy-version", "77")])
def test_what_does_not_exist_is_not_called_verified(selection: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match="not found") as refusal:
        run(*selection)

    assert refusal.value.returncode == 2
