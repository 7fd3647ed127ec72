"""A row changed, deleted or added behind the application's back is found, whatever table of the chain it is in."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client

from experiments.history.replay import Selection, replay
from experiments.worker.pipeline import drain
from policies.core.settings import SETTING_NAMES
from signals_app.webhook.sources import create_source
from tests.database import execute, value
from tests.experiments.history.test_replay import fields, tamper, verify_experiment
from tests.experiments.raw_rows import without_triggers
from tests.factories import MOMENT, make_experiment, make_policy

pytestmark = pytest.mark.django_db

LATER = "+ interval '1 second'"
# More columns than those of test_replay.py: a change to each, and the difference that must name it.
TAMPERINGS = [
    ("signals", "status = 'FAILED'", "signals.status"),
    ("signals", f"processed_at = processed_at {LATER}", "signals.processed_at"),
    ("signals", "consumed_fields = '{}'", "market_contexts.context"),
    ("signals", "raw_payload = '[]'", "market_contexts.context"),
    ("signals", "raw_payload = '[1]'", "signals.raw_payload"),
    ("signals", "raw_payload = 'null'", "signals.raw_payload"),
    ("signals", "timestamp = 'infinity'", "signals.raw_payload"),
    ("signals", "strategy = E'a\\tb\\\\c\\nd'", "signals.signal_id"),
    ("market_contexts", "context = '[]'", "market_contexts.context"),
    ("market_contexts", """context = '{"market_data":1}'""", "market_contexts.context"),
    ("market_contexts", f"created_at = created_at {LATER}", "market_contexts.created_at"),
    ("experiments", f"created_at = created_at {LATER}", "signals.processed_at"),
    ("experiments", "policy_version = 1", "execution_policy.inputs.policy_version"),
    ("experiments", "policy_version = 99", "policy_versions"),
    ("experiments", "experiment_id = gen_random_uuid()", "experiments.experiment_id"),
    ("experiments", "signal_id = gen_random_uuid()", "signals"),
    ("execution_policy", "experiment_id = gen_random_uuid()", "execution_policy"),
    ("execution_policy", "decided_at = decided_at - interval '1 minute'", "execution_policy.decided_at"),
    ("execution_policy", "decided_at = decided_at + interval '1 day'", "execution_policy.decided_at"),
    ("execution_policy", "decided_at = 'infinity'", "execution_policy.decided_at"),
    ("execution_policy", "executed_engine = ''", "execution_policy.executed_engine"),
    ("execution_policy", "inputs = '[]'", "execution_policy.inputs"),
    ("execution_policy", "inputs = '{}'", "execution_policy.inputs.configured_mode"),
    ("signal_distributions", "engine = 'C' WHERE engine = 'B'", "signal_distributions.context_hash (B)"),
    ("signal_distributions", f"distributed_at = distributed_at {LATER}", "signal_distributions.distributed_at (A)"),
    ("policy_versions", "split_percentage = 12.34", "policy_versions.content_hash"),
    ("policy_versions", "content_hash = repeat('a', 64)", "policy_versions.content_hash"),
    ("policy_versions", "version = version + 1000", "policy_versions"),
]
CHANGES_OF_SETTINGS = {
    name: f"{name} = {'NOT live_enabled' if name == 'live_enabled' else f'coalesce({name}, 0) + 1'}"
    for name in SETTING_NAMES
} | {"configured_mode": "configured_mode = 'AUTO'", "currency": "currency = 'EUR'"}


@pytest.mark.parametrize(("table", "change", "field"), TAMPERINGS, ids=[f"{t}: {c}" for t, c, _ in TAMPERINGS])
def test_a_changed_column_is_named(table: str, change: str, field: str) -> None:
    make_experiment("A")

    tamper(table, change)

    assert field in everything()


@pytest.mark.parametrize(
    ("table", "change", "field"),
    [
        ("signals", f"processed_at = processed_at {LATER}", "signals.processed_at"),
        ("market_contexts", f"created_at = created_at {LATER}", "market_contexts.created_at"),
        ("execution_policy", "decided_at = decided_at + interval '1 day'", "execution_policy.decided_at"),
        ("signal_distributions", f"distributed_at = distributed_at {LATER} WHERE engine = 'B'",
         "signal_distributions.distributed_at (B)"),
    ],
)  # fmt: skip
def test_what_lies_outside_of_the_span_is_late_and_not_missing(table: str, change: str, field: str) -> None:
    begun = make_experiment("A").created_at
    span = Selection(since=begun, until=begun + timedelta(microseconds=1))
    assert [one.differences for one in replay(span)] == [()]

    tamper(table, change)

    ((difference,),) = (one.differences for one in replay(span))
    assert difference.field == field


@pytest.mark.parametrize("name", SETTING_NAMES)
def test_every_changed_setting_of_a_version_is_found(name: str) -> None:
    experiment = make_experiment("A")

    tamper("policy_versions", CHANGES_OF_SETTINGS[name])

    assert "policy_versions.content_hash" in fields(experiment)


def everything() -> set[str]:
    """Return the fields of all differences of a run over everything."""
    return {difference.field for one in replay(Selection()) for difference in one.differences}


def delete_all(*tables: str) -> None:
    """Delete rows that others point at, as a superuser can."""
    execute("SET CONSTRAINTS ALL IMMEDIATE")  # what waits to be checked is checked now
    with without_triggers():
        for table in tables:
            execute(f"DELETE FROM {table}")


@pytest.mark.parametrize(
    ("table", "field"),
    [
        ("signals", "signals"), ("market_contexts", "market_contexts"), ("experiments", "experiments"),
        ("execution_policy", "execution_policy"), ("policy_versions", "policy_versions"),
        ("signal_distributions", "signal_distributions.context_hash (A)"),
    ],
)  # fmt: skip
def test_a_deleted_row_is_named(table: str, field: str) -> None:
    make_experiment("A")

    delete_all(table)

    assert field in everything()


def test_what_a_deleted_experiment_leaves_behind_is_named() -> None:
    experiment = make_experiment("A")

    delete_all("experiments", "signals")

    assert everything() == {"market_contexts", "execution_policy", "signal_distributions"}
    (left_over, *_) = [one.differences[0] for one in replay(Selection())]
    assert (left_over.experiment_id, left_over.signal_id) == (None, None)
    assert str(experiment.signal_id) in left_over.stored


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("last_error = 'boom'", "signals.last_error"),
        ("next_attempt_at = now()", "signals.next_attempt_at"),
    ],
)
def test_what_a_decision_wipes_out_stays_wiped_out(change: str, field: str) -> None:
    make_experiment("A")

    tamper("signals", change)

    assert everything() == {field}


def receive_and_decide() -> None:
    _, token = create_source(slug="tv", max_age_seconds=0)
    body = {"symbol": "SPY", "direction": "long", "timeframe": "5m", "timestamp": MOMENT.isoformat()}
    Client().post(f"/webhooks/tradingview/{token}/", json.dumps(body), content_type="text/plain")
    assert drain() == 1


@pytest.mark.parametrize(
    ("table", "change", "field"),
    [
        ("signals", f"received_at = received_at {LATER}", "signals.received_at"),
        ("webhook_deliveries", f"received_at = received_at {LATER}", "signals.received_at"),
        ("webhook_sources", "slug = 'other'", "signals.source"),
        ("webhook_deliveries", "signal_id = gen_random_uuid()", "signals"),
    ],
)
def test_a_signal_and_its_delivery_belong_together(table: str, change: str, field: str) -> None:
    receive_and_decide()
    assert everything() == set()

    tamper(table, change)

    assert everything() == {field}


def test_a_second_delivery_that_claims_the_signal_is_named() -> None:
    receive_and_decide()

    names = "received_at, source_id, content_type, body, body_sha256, outcome, code, detail, signal_id, duration_ms"
    execute(f"INSERT INTO webhook_deliveries ({names}) SELECT {names} FROM webhook_deliveries")

    assert everything() == {"webhook_deliveries"}


def test_a_version_out_of_order_is_named() -> None:
    make_policy()

    tamper("policy_versions", "activated_at = activated_at - interval '1 day' WHERE version = 2")

    assert everything() == {"policy_versions.activated_at"}


def test_a_version_that_no_experiment_pins_is_verified_too() -> None:
    make_policy()

    tamper("policy_versions", "permit_ttl_seconds = 301 WHERE version = 2")

    assert everything() == {"policy_versions.content_hash"}


def test_a_session_in_another_zone_and_style_reads_the_same() -> None:
    experiment = make_experiment("A", timestamp=MOMENT + timedelta(microseconds=1500))
    execute("SET LOCAL TimeZone = 'Asia/Kathmandu'")
    execute("SET LOCAL DateStyle = 'German'")

    assert verify_experiment(experiment.pk) == []
    assert value("SHOW enable_hashjoin") == "on"
