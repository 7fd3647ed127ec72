"""The quick verification says "equal" of what the pipeline stores, and of nothing that differs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.core import quick_verification
from experiments.core.decision import Tripped, decision_hash
from experiments.core.quick_verification import QuickVerifier
from experiments.core.verification import PinnedPolicy, Recorded, differences
from kernel.hashing import NAMESPACE, sha256_hex
from kernel.json_text import canonical_json
from signals_app.alerts.alert import read_signal
from signals_app.alerts.errors import AlertError
from signals_app.alerts.market_context import MarketData
from tests.experiments.core.recorded import POLICIES, POLICY, STATE, record
from tests.kernel.json_strategies import alert_payloads, json_values, signal_payloads, texts
from tests.signals_app.alerts.alerts import make_alert

# One for all examples, so that what it remembers of one is there for the next.
SHARED = QuickVerifier(POLICIES)
MOMENT = datetime(2026, 3, 16, 14, 30, tzinfo=UTC)
HASH = "a" * 64
market_data = st.none() | st.builds(
    MarketData,
    as_of=st.datetimes(timezones=st.just(UTC)),
    received_at=st.just(MOMENT),
    source=texts,
    data=json_values,
)


def is_signal(payload: dict[str, Any]) -> bool:
    try:
        read_signal(payload)
    except AlertError:
        return False
    return True


signals = signal_payloads | alert_payloads.filter(is_signal)


@settings(max_examples=300)
@given(signals, market_data)
def test_what_the_pipeline_stores_is_equal_at_first_sight(payload: dict[str, Any], data: MarketData | None) -> None:
    recorded = record(payload, data)

    assert differences(recorded, POLICY) == ()
    assert SHARED.agrees(recorded)


def columns(recorded: Recorded) -> st.SearchStrategy[str]:
    return st.sampled_from(recorded._fields)


@st.composite
def changed_columns(draw: st.DrawFn) -> Recorded:
    """A stored experiment in which some columns were changed, to something near or something else."""
    recorded = record(draw(signal_payloads), draw(market_data))
    for name in draw(st.lists(columns(recorded), min_size=1, max_size=3, unique=True)):
        value = getattr(recorded, name)
        other = getattr(recorded, draw(columns(recorded)))
        place = draw(st.integers(0, len(value or "")))
        near = (value or "")[:place] + draw(st.sampled_from('0a {}"\\,é')) + (value or "")[place + 1 :]
        recorded = recorded._replace(**{name: draw(st.sampled_from([None, "", other, near, (value or "") + " "]))})
    return recorded


@settings(max_examples=600)
@given(changed_columns())
def test_it_never_says_equal_where_anything_differs(recorded: Recorded) -> None:
    if SHARED.agrees(recorded):
        assert differences(recorded, POLICY) == ()


def consistent(recorded: Recorded, context: str) -> Recorded:
    """Change the context as somebody would who computes all hashes anew."""
    digest = sha256_hex(context.encode())
    return recorded._replace(context=context, context_hash=digest, context_hash_a=digest, context_hash_b=digest)


SHORT_TIME = '{"as_of":"2026-03-16T14:30:00Z","data":{},"received_at":"2026-03-16T14:30:00.000000Z","source":"x"}'
CONTEXT_CHANGES = [
    ('"close":"568.25"', '"close":"568.26"'), ('"rsi":61.4', '"rsi":61.40'), ('"volume":"100"', '"volume":null'),
    ('{"context_version":1', '{"context_version":2'), ('"market_data":null', '"market_data":{}'),
    ('"market_data":null', '"market_data":null '), ('"market_data":null', '"market_data":nul'),
    ('"market_data":null', '"market_data":null,"market_data":null'),
    ('"market_data":null', f'"market_data":{SHORT_TIME}'),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), CONTEXT_CHANGES)
def test_a_context_changed_with_all_its_hashes_is_found(old: str, new: str) -> None:
    recorded = record(make_alert(close=568.25, rsi=61.4, volume=100))
    assert recorded.context is not None
    assert old in recorded.context

    changed = consistent(recorded, recorded.context.replace(old, new))

    assert not SHARED.agrees(changed)
    assert "market_contexts.context" in {one.field for one in differences(changed, POLICY)}


INPUT_CHANGES: list[dict[str, Any]] = [
    {"halted": True}, {"halted": 0}, {"halted": None}, {"engine_a_available": 1}, {"engine_b_available": "true"},
    {"app_mode": "DEMO"}, {"variant": "Z"}, {"policy_version": 8}, {"policy_version": True}, {"live_enabled": 0},
    {"split_percentage": "50.0"}, {"configured_mode": "AUTO"}, {"unknown": 1}, {"configured_mode": "NEW_MODE"},
]  # fmt: skip


@pytest.mark.parametrize("change", INPUT_CHANGES, ids=str)
def test_inputs_changed_with_their_hash_are_found(change: dict[str, Any]) -> None:
    recorded = record(make_alert())
    inputs = json.loads(str(recorded.inputs)) | change
    decision = {
        name: getattr(recorded, name) for name in ("execution_mode", "executed_engine", "shadow_engine", "reason")
    }

    changed = recorded._replace(
        inputs=canonical_json(inputs).decode(), decision_hash=decision_hash(inputs, decision, 1)
    )

    assert not SHARED.agrees(changed)
    assert differences(changed, POLICY)


def test_every_single_column_is_compared() -> None:
    recorded = record(make_alert(close=568.25), MarketData(MOMENT, MOMENT, "feed", {"vix": 15.2}))
    other = record(make_alert(symbol="QQQ", direction="short", timeframe="1h"))
    changes: dict[str, Any] = dict.fromkeys(Recorded._fields, HASH) | other._asdict()
    changes |= {
        "bucket": "10000", "split_percentage": "50.0", "policy_version": "8", "created_at": "2026-03-16 14:30:02+00",
        "source": "other", "exchange": "AMEX", "strategy": "x", "status": "FAILED", "rules_version": "2",
        "timestamp": "2026-03-16 14:30:00.000001+00", "processed_at": None, "captured_at": None,
        "distributed_at_a": None, "distributed_at_b": None, "decided_at": "2026-03-16 16:30:02+00",
        "decided_version": "8", "variant": "A" if recorded.variant == "B" else "B", "inputs": "{}",
        "execution_mode": "ENGINE_A_PRIMARY", "executed_engine": None, "shadow_engine": "BOTH", "reason": "HALTED",
        "decision_hash": HASH, "consumed_fields": "[]",
    }  # fmt: skip

    for name in Recorded._fields:
        changed = recorded._replace(**{name: changes[name]})
        assert not SHARED.agrees(changed), name
        assert differences(changed, POLICIES.get(changed.policy_version)), name


def test_a_column_that_is_missing_is_a_difference() -> None:
    recorded = record(make_alert())

    for name in Recorded._fields[9:]:
        nothing: dict[str, Any] = {name: None}
        changed = recorded._replace(**nothing)
        assert not SHARED.agrees(changed), name
        assert differences(changed, POLICY), name


def test_a_policy_whose_settings_were_changed_agrees_with_nothing() -> None:
    recorded = record(make_alert())
    changed = PinnedPolicy(replace(POLICY.settings, permit_ttl_seconds=301), POLICY.content_hash)

    assert not QuickVerifier({"7": changed}).agrees(recorded)
    assert [one.field for one in differences(recorded, changed)] == ["policy_versions.content_hash"]


def test_a_version_that_is_not_there_is_named() -> None:
    recorded = record(make_alert())

    assert not QuickVerifier({}).agrees(recorded)
    assert [one.field for one in QuickVerifier({}).differences(recorded)] == ["policy_versions"]


@pytest.mark.parametrize(
    "state",
    [
        replace(STATE, halted=True), replace(STATE, engine_a_available=False), replace(STATE, engine_b_available=False),
        replace(STATE, guardrail=Tripped("max_engine_flaps", "3", "3")), replace(STATE, app_mode="LIVE"),
    ],
)  # fmt: skip
def test_decisions_of_every_state_are_equal_at_first_sight(state: Any) -> None:
    assert SHARED.agrees(record(make_alert(), state=state))


@given(texts)
def test_ids_are_those_of_the_standard_library(name: str) -> None:
    assert quick_verification._id_of(name) == str(uuid5(NAMESPACE, name))


def test_only_so_much_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_verification, "MOST_REMEMBERED", 2)
    verifier = QuickVerifier(POLICIES)

    for number in range(10):
        data = MarketData(MOMENT, MOMENT, "feed", {"number": number})
        state = replace(STATE, halted=number % 3 == 0, engine_b_available=number % 2 == 0)
        assert verifier.agrees(record(make_alert(**{f"x{number}": True}), data, state))
