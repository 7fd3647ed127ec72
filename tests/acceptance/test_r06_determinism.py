"""R6: the same signal always comes to the same rows, and nothing random or remote has a say."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest

from experiments.models import Experiment
from experiments.worker.pipeline import drain
from policies.services import ensure_first_version
from signals_app.models import MarketData
from tests.database import execute, row_of, rows
from tests.factories import MOMENT, make_available, make_experiment, make_policy, make_signal

TABLES = {
    "market_contexts": "signal_id, context::text, context_hash",
    "experiments": "experiment_id, signal_id, signal_hash, variant, assignment_hash, bucket, split_percentage,"
    " policy_version",
    "execution_policy": "experiment_id, execution_mode, executed_engine, shadow_engine, reason, policy_version,"
    " rules_version, inputs::text, decision_hash",
    "signal_distributions": "experiment_id, engine, context_hash",
}


def process_a_day() -> dict[str, list[tuple[Any, ...]]]:
    """Feed the same signals, policy changes and market data in; return every row they come to."""
    make_available("A", "B")
    MarketData.objects.create(symbol="SPY", as_of=MOMENT, received_at=MOMENT, source="feed", data={"bid": "568.2"})
    for split in ("10", "50", "90"):
        make_policy(configured_mode="SPLIT_CAPITAL", split_percentage=split)
        for minute in range(8):
            make_signal(timestamp=MOMENT.replace(minute=30 + minute), strategy=f"split {split}")
        drain()
    return {table: rows(f"SELECT {columns} FROM {table} ORDER BY 1, 2") for table, columns in TABLES.items()}


def start_anew() -> None:
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("SET CONSTRAINTS ALL DEFERRED")
    execute("TRUNCATE signals, market_data, policy_versions CASCADE")
    ensure_first_version()


@pytest.mark.django_db
def test_r6_1_the_same_inputs_give_the_same_rows_in_a_fresh_database() -> None:
    first = process_a_day()
    start_anew()
    assert Experiment.objects.count() == 0

    second = process_a_day()

    assert len(first["experiments"]) == 24
    assert second == first


@pytest.mark.django_db
def test_r6_1_the_order_and_the_batches_of_processing_change_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    first = process_a_day()
    start_anew()
    monkeypatch.setattr("experiments.worker.pipeline.BATCH_SIZE", 3)

    assert process_a_day() == first


@pytest.mark.django_db
def test_r6_2_without_any_randomness_the_rows_are_the_same(request: pytest.FixtureRequest) -> None:
    first = process_a_day()
    start_anew()
    request.getfixturevalue("no_randomness")

    assert process_a_day() == first


@pytest.mark.django_db
def test_r6_3_from_the_alert_to_the_decision_nobody_else_is_asked(calls_to_others: list[str]) -> None:
    assert len(process_a_day()["execution_policy"]) == 24
    assert calls_to_others == []


def test_control_the_watch_sees_whoever_is_asked(calls_to_others: list[str]) -> None:
    with pytest.raises(OSError, match="watched"):
        urllib.request.urlopen("http://127.0.0.1:9/model")

    assert calls_to_others


@pytest.mark.django_db
def test_r6_4_the_stored_context_is_what_engines_are_given_later() -> None:
    MarketData.objects.create(symbol="SPY", as_of=MOMENT, received_at=MOMENT, source="feed", data={"bid": "568.2"})
    experiment = make_experiment("A", timestamp=MOMENT)
    before = row_of("market_contexts", signal_id=experiment.signal_id)

    MarketData.objects.create(symbol="SPY", as_of=MOMENT, received_at=MOMENT, source="a better feed", data={"bid": "1"})
    drain()

    assert row_of("market_contexts", signal_id=experiment.signal_id) == before
    assert before["context"]["market_data"]["source"] == "feed"


@pytest.mark.django_db
def test_r6_5_every_decision_names_the_policy_version_it_was_made_by() -> None:
    experiments = [make_experiment(executed) for executed in ("A", "B", None)]

    versions = [experiment.decision.policy_version for experiment in experiments]

    assert [version.version for version in versions] == [2, 3, 4]
    assert [version.configured_mode for version in versions] == ["ENGINE_A_PRIMARY", "ENGINE_B_PRIMARY", "SHADOW_ONLY"]
