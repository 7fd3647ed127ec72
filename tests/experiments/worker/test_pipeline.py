"""The main path on a real database: one signal, its rows, and nothing else, however often it runs."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import pytest

from experiments.models import Experiment
from experiments.worker.pipeline import drain
from policies.core.rules import RULES_VERSION
from signals_app.models import Signal
from tests.database import execute, row_of, rows, value
from tests.factories import MOMENT, make_available, make_experiment, make_policy, make_signal

pytestmark = pytest.mark.django_db
NAMESPACE = UUID("6f0d5f1e-3c56-5d0a-9d0e-8f3a52f0c1a7")
TABLES = ("market_contexts", "experiments", "execution_policy", "signal_distributions", "worker_batches")


def counts() -> dict[str, int]:
    return {table: value(f"SELECT count(*) FROM {table}") for table in TABLES}


def expected_assignment(signal: Signal) -> tuple[str, int]:
    """Return hash and bucket as the specification says them, without the code under test."""
    tag, key = b"orchestrator/assignment/v2", bytes(32)
    parts = (tag, str(signal.signal_id).encode(), bytes.fromhex(signal.signal_hash), key)
    digest = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
    return digest.hex(), int.from_bytes(digest[:6], "big") * 10_000 >> 48


def snapshot() -> list[list[tuple[Any, ...]]]:
    return [rows(f"SELECT t::text FROM {table} t ORDER BY 1") for table in (*TABLES, "signals")]


def test_a_signal_becomes_exactly_its_rows() -> None:
    make_available("A", "B")
    make_signal()

    assert drain() == 1

    assert counts() == {
        "market_contexts": 1,
        "experiments": 1,
        "execution_policy": 1,
        "signal_distributions": 2,
        "worker_batches": 0,
    }


def test_the_experiment_row_follows_from_the_signal_and_the_policy() -> None:
    make_policy(split_percentage="70.5")
    signal = make_signal()
    digest, bucket = expected_assignment(signal)

    drain()

    assert row_of("experiments", signal_id=signal.signal_id) == {
        "experiment_id": uuid5(NAMESPACE, f"experiment:{signal.signal_id}:{signal.signal_hash}"),
        "signal_id": signal.signal_id,
        "signal_hash": signal.signal_hash,
        "variant": "A" if bucket < 7050 else "B",
        "assignment_hash": digest,
        "assignment_key_id": hashlib.sha256(bytes(32)).hexdigest()[:16],
        "bucket": bucket,
        "split_percentage": Decimal("70.50"),
        "policy_version": 2,
        "created_at": value("SELECT now()"),
    }


def test_the_decision_row_keeps_all_it_was_decided_from() -> None:
    make_available("A")
    signal = make_signal()
    drain()

    experiment = Experiment.objects.get(signal=signal)
    row = row_of("execution_policy", experiment_id=experiment.pk)
    inputs = {
        "app_mode": "PAPER", "configured_mode": "AUTO", "engine_a_available": True, "engine_b_available": False,
        "halted": False, "live_enabled": False, "policy_version": 1, "split_percentage": "50.00",
        "variant": experiment.variant,
    }  # fmt: skip
    decision = {
        "executed_engine": "A", "execution_mode": "ENGINE_A_PRIMARY", "reason": "PAPER_DEFAULT", "shadow_engine": "B",
    }  # fmt: skip
    document = json.dumps(
        {"decision": decision, "inputs": inputs, "rules_version": RULES_VERSION}, separators=(",", ":")
    )
    assert row["inputs"] == inputs
    assert {name: row[name] for name in decision} == decision
    assert (row["policy_version"], row["rules_version"]) == (1, RULES_VERSION)
    # The instant at which the state was read: after the start of the transaction.
    assert value("SELECT now()") < row["decided_at"] < value("SELECT clock_timestamp()")
    assert row["decision_hash"] == hashlib.sha256(document.encode()).hexdigest()


def test_an_absent_engine_is_null_in_the_decision_row() -> None:
    signal = make_signal()

    drain()

    row = row_of("execution_policy", experiment_id=Experiment.objects.get(signal=signal).pk)
    assert (row["execution_mode"], row["executed_engine"], row["shadow_engine"], row["reason"]) == (
        "SHADOW_ONLY", None, "BOTH", "ENGINE_A_UNAVAILABLE",
    )  # fmt: skip


def test_both_engines_get_one_open_distribution_of_the_same_context() -> None:
    signal = make_signal()
    drain()

    context_hash = value("SELECT context_hash FROM market_contexts WHERE signal_id = %s", signal.signal_id)
    distributions = rows(
        "SELECT engine, context_hash, distributed_at, lease_token, lease_expires_at, answered_at"
        " FROM signal_distributions ORDER BY engine"
    )
    now = value("SELECT now()")
    assert distributions == [(engine, context_hash, now, None, None, None) for engine in "AB"]


def test_a_decided_signal_is_marked_and_otherwise_unchanged() -> None:
    signal = make_signal()
    before = row_of("signals", signal_id=signal.signal_id)

    drain()

    after = row_of("signals", signal_id=signal.signal_id)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"status", "processing_lock", "processed_at"}
    assert (after["status"], after["processed_at"]) == ("PROCESSED", value("SELECT now()"))
    assert isinstance(after["processing_lock"], UUID)


def test_a_batch_of_signals_becomes_one_experiment_each() -> None:
    make_available("A", "B")
    signals = [make_signal() for _ in range(25)]

    assert drain() == 25

    assert {experiment.signal_id for experiment in Experiment.objects.all()} == {signal.pk for signal in signals}
    assert counts()["signal_distributions"] == 50
    assert value("SELECT count(DISTINCT processing_lock) FROM signals") == 1


def test_signals_that_do_not_fit_one_batch_are_all_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.worker.pipeline.BATCH_SIZE", 4)
    for _ in range(10):
        make_signal()

    assert drain() == 10
    assert value("SELECT count(DISTINCT processing_lock) FROM signals") == 3


def test_a_drain_ends_after_its_batches_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.worker.pipeline.BATCH_SIZE", 1)
    monkeypatch.setattr("experiments.worker.pipeline.BATCHES_PER_DRAIN", 3)
    for _ in range(5):
        make_signal()

    assert [drain(), drain(), drain()] == [3, 2, 0]


def test_a_drain_ends_after_its_time_however_slow_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.worker.pipeline.BATCH_SIZE", 1)
    monkeypatch.setattr("experiments.worker.pipeline.MAX_DRAIN_SECONDS", -1)
    for _ in range(2):
        make_signal()

    assert [drain(), drain(), drain()] == [1, 1, 0]


def test_the_oldest_signal_is_decided_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.worker.pipeline.BATCH_SIZE", 1)
    monkeypatch.setattr("experiments.worker.pipeline.BATCHES_PER_DRAIN", 1)
    old, new = make_signal(), make_signal()
    execute("SET session_replication_role = replica")
    execute("UPDATE signals SET received_at = received_at - interval '1 hour' WHERE signal_id = %s", old.pk)
    execute("SET session_replication_role = DEFAULT")

    drain()

    assert Signal.objects.get(pk=old.pk).status == "PROCESSED"
    assert Signal.objects.get(pk=new.pk).status == "PENDING"


def test_draining_again_changes_nothing() -> None:
    make_available("A", "B")
    for _ in range(3):
        make_signal()
    drain()
    before = snapshot()

    assert [drain(), drain()] == [0, 0]

    assert snapshot() == before


def test_draining_an_empty_table_does_nothing() -> None:
    assert drain() == 0
    assert set(counts().values()) == {0}


def test_a_known_signal_gives_a_known_context_on_every_machine() -> None:
    make_available("A", "B")
    payload = {"zeta": 1, "alpha": {"b": [1, 2.5, None], "a": True}, "symbol": "SPY", "direction": "long",
               "timeframe": "5m", "timestamp": MOMENT.isoformat()}  # fmt: skip
    make_signal(timestamp=MOMENT, payload=payload)
    drain()

    # Computed apart from this code; a change of platform, member order or clock would show here.
    assert (
        value("SELECT context_hash FROM market_contexts")
        == "e7c9aefdaf93da06179612dc7ba4ea7a67bfa3e220d7624f736d78d7a09fb1a7"
    )


def test_a_new_policy_counts_for_the_next_experiment_without_restart() -> None:
    first = make_experiment("A")
    second = make_experiment("B")

    assert (first.policy_version_id, second.policy_version_id) == (2, 3)
    assert (first.decision.execution_mode, second.decision.execution_mode) == ("ENGINE_A_PRIMARY", "ENGINE_B_PRIMARY")
    first.refresh_from_db()
    assert first.policy_version_id == 2


@pytest.mark.parametrize(("split", "variant"), [("0", "B"), ("100", "A")])
def test_the_split_in_force_assigns_the_variant_and_the_trade(split: str, variant: str) -> None:
    make_available("A", "B")
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage=split)
    for _ in range(5):
        make_signal()

    drain()

    assert rows("SELECT DISTINCT variant, split_percentage FROM experiments") == [(variant, Decimal(split))]
    assert rows("SELECT DISTINCT execution_mode, executed_engine FROM execution_policy") == [("SPLIT_CAPITAL", variant)]


def test_rows_carry_the_time_of_the_database() -> None:
    make_signal()
    drain()

    now: datetime = value("SELECT now()")
    times = rows(
        "SELECT c.created_at, e.created_at, s.processed_at, d.distributed_at FROM market_contexts c"
        " JOIN experiments e USING (signal_id) JOIN signals s USING (signal_id)"
        " JOIN signal_distributions d USING (experiment_id)"
    )
    assert set(times) == {(now, now, now, now)}
