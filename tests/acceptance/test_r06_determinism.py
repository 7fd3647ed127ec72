"""R6: the same signal always comes to the same rows, and nothing random or remote has a say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from experiments.models import Experiment
from experiments.worker.pipeline import drain
from policies.services import ensure_first_version
from signals_app.models import MarketData
from tests.database import execute, row_of, rows
from tests.factories import MOMENT, make_available, make_experiment, make_policy, make_signal

APPS = ("signals_app", "policies", "experiments", "outcomes")
# What happens between a signal and its decision.
PROCESSING = ("signals_app", "policies", "experiments")
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


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers_of(forbidden: set[str], apps: tuple[str, ...]) -> set[tuple[str, str]]:
    found = set()
    for app in apps:
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py"):
            for name in imports_of(path):
                if any(name == module or name.startswith(f"{module}.") for module in forbidden):
                    found.add((str(path.relative_to(settings.BASE_DIR)), name))
    return found


RANDOM = {"random", "numpy", "uuid.uuid1"}
REMOTE = {
    "urllib.request", "http.client", "socket", "ssl", "requests", "httpx", "aiohttp", "urllib3", "websockets", "grpc",
    "openai", "anthropic", "langchain", "litellm", "transformers", "google.generativeai", "cohere", "mistralai",
    "boto3",
}  # fmt: skip


def test_r6_2_no_app_uses_random_numbers() -> None:
    assert importers_of(RANDOM, APPS) == set()


def test_r6_2_claim_tokens_are_the_only_random_ids_and_no_decision_reads_them() -> None:
    pure = ("experiments/core/assignment.py", "experiments/core/decision.py", "policies/core/rules.py",
            "policies/core/content.py", "signals_app/alerts/identity.py", "signals_app/alerts/market_context.py",
            "kernel/json_text.py")  # fmt: skip
    forbidden = {"uuid.uuid4", "secrets", "time", "os", "django", "datetime.datetime.now"}

    for name in pure:
        used = set(imports_of(Path(settings.BASE_DIR) / name))
        assert {module for module in used if module.split(".")[0] in forbidden or module in forbidden} == set(), name


def test_r6_3_no_app_calls_a_service_on_the_network() -> None:
    importers = importers_of(REMOTE, APPS)

    # The name of this host, for the worker's heartbeat.
    assert {path for path, name in importers if name != "socket"} == set()
    assert {path for path, name in importers} <= {"experiments/worker/heartbeat.py", "experiments/worker/supervisor.py"}


def test_r6_3_nothing_that_could_call_a_service_is_installed_for_it() -> None:
    requirements = (Path(settings.BASE_DIR) / "requirements.txt").read_text().lower()

    assert not [name for name in REMOTE if f"\n{name}" in f"\n{requirements}"]


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
