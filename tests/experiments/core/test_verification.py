"""What the pipeline stores is equal to what is computed again, and whatever differs is named."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from experiments.core import verification
from experiments.core.decision import AssignmentKey, decision_hash
from experiments.core.verification import UNKNOWN_KEY, PinnedPolicy, Recorded, Verifier
from kernel.canonical import canonical_text, text_hash
from kernel.errors import DomainError
from policies.core.rules import NOBODY, RULES, RULES_BY_VERSION, RULES_VERSION, PolicyState, Trip
from signals_app.alerts.alert import read_signal
from signals_app.alerts.documents import MarketData
from tests.experiments.core.recorded import KEYS, POLICIES, POLICY, STATE, record
from tests.kernel.json_strategies import alert_payloads, json_values, signal_payloads, texts
from tests.signals_app.alerts.alerts import make_alert

# One for all examples, so that what it remembers of one is there for the next.
SHARED = Verifier(POLICIES, KEYS)
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
    except DomainError:
        return False
    return True


signals = signal_payloads | alert_payloads.filter(is_signal)


def differing(recorded: Recorded, verifier: Verifier = SHARED) -> set[str]:
    return {one.field for one in verifier.differences(recorded)}


@pytest.mark.slow
@given(signals, market_data)
def test_what_the_pipeline_stores_is_equal(payload: dict[str, Any], data: MarketData | None) -> None:
    assert SHARED.differences(record(payload, data)) == ()


def columns(recorded: Recorded) -> st.SearchStrategy[str]:
    return st.sampled_from(recorded._fields)


@st.composite
def changed_columns(draw: st.DrawFn) -> tuple[Recorded, Recorded]:
    """A stored experiment, and the same with some columns changed to something near or something else."""
    stored = recorded = record(draw(signal_payloads), draw(market_data))
    for name in draw(st.lists(columns(recorded), min_size=1, max_size=3, unique=True)):
        value = getattr(recorded, name)
        other = getattr(recorded, draw(columns(recorded)))
        place = draw(st.integers(0, len(value or "")))
        near = (value or "")[:place] + draw(st.sampled_from('0a {}"\\,é')) + (value or "")[place + 1 :]
        recorded = recorded._replace(**{name: draw(st.sampled_from([None, "", other, near, (value or "") + " "]))})
    return stored, recorded


@pytest.mark.slow
@settings(max_examples=3 * settings().max_examples)
@given(changed_columns())
def test_no_change_of_meaning_goes_unseen(both: tuple[Recorded, Recorded]) -> None:
    stored, changed = both
    # Of the decision's time only the limits are known; JSON may be written in several ways.
    free = {"payload", "consumed_fields", "decided_at", "timestamp"}
    others = [name for name in Recorded._fields if getattr(stored, name) != getattr(changed, name)]

    assume(set(others) - free)
    assert SHARED.differences(changed)


def consistent(recorded: Recorded, context: str) -> Recorded:
    """Change the context as somebody would who computes all hashes anew."""
    digest = text_hash(context)
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

    assert "market_contexts.context" in differing(changed)


INPUT_CHANGES: list[dict[str, Any]] = [
    {"halted": True}, {"halted": 0}, {"halted": None}, {"engine_a_available": 1}, {"engine_b_available": "true"},
    {"app_mode": "DEMO"}, {"variant": "Z"}, {"policy_version": 8}, {"policy_version": True}, {"live_enabled": 0},
    {"split_percentage": "50.0"}, {"configured_mode": "AUTO"}, {"unknown": 1}, {"configured_mode": "NEW_MODE"},
]  # fmt: skip


@pytest.mark.parametrize("change", INPUT_CHANGES, ids=str)
def test_inputs_changed_with_their_hash_are_found(change: dict[str, Any]) -> None:
    recorded = record(make_alert())
    inputs = canonical_text(json.loads(str(recorded.inputs)) | change)
    decision = {
        name: getattr(recorded, name) for name in ("execution_mode", "executed_engine", "shadow_engine", "reason")
    }

    changed = recorded._replace(inputs=inputs, decision_hash=decision_hash(inputs, decision, RULES_VERSION))

    assert differing(changed)


def test_every_single_column_is_compared() -> None:
    recorded = record(make_alert(close=568.25), MarketData(MOMENT, MOMENT, "feed", {"vix": 15.2}))
    other = record(make_alert(symbol="QQQ", direction="short", timeframe="1h"))
    changes: dict[str, Any] = dict.fromkeys(Recorded._fields, HASH) | other._asdict()
    changes |= {
        "assignment_key_id": "0" * 16,
        "bucket": "10000", "split_percentage": "50.0", "policy_version": "8", "created_at": "2026-03-16 14:30:02+00",
        "source": "other", "exchange": "AMEX", "strategy": "x", "order_id": "x",
        "status": "FAILED", "rules_version": "9",
        "timestamp": "2026-03-16 14:30:00.000001+00", "processed_at": None, "captured_at": None,
        "distributed_at_a": None, "distributed_at_b": None, "decided_at": "2026-03-16 16:30:02+00",
        "decided_version": "8", "variant": "A" if recorded.variant == "B" else "B", "inputs": "{}",
        "execution_mode": "ENGINE_A_PRIMARY", "executed_engine": None, "shadow_engine": "BOTH", "reason": "HALTED",
        "decision_hash": HASH, "consumed_fields": '["symbol"]',
    }  # fmt: skip

    for name in Recorded._fields:
        assert differing(recorded._replace(**{name: changes[name]})), name


RECORDED = record(make_alert(close=568.25))
WRITTEN = "2026-03-16 14:30:02.5+00"
WITHOUT_SIGNAL = ("market_contexts.context", RECORDED.context, "cannot be computed without its signal")


def named(**changes: Any) -> list[tuple[str, str, str]]:
    """Field, stored and recomputed value of each difference, for an experiment whose columns were changed."""
    return [(one.field, one.stored, one.recomputed) for one in SHARED.differences(RECORDED._replace(**changes))]


@pytest.mark.parametrize(
    ("column", "field", "recomputed"),
    [
        ("experiment_id", "experiments.experiment_id", RECORDED.experiment_id),
        ("signal_hash", "experiments.signal_hash", RECORDED.signal_hash),
        ("variant", "experiments.variant", "B"),
        ("assignment_hash", "experiments.assignment_hash", RECORDED.assignment_hash),
        ("assignment_key_id", "experiments.assignment_key_id", UNKNOWN_KEY),
        ("bucket", "experiments.bucket", "5555"),
        ("split_percentage", "experiments.split_percentage", "50.00"),
        ("stored_signal_hash", "signals", "a row"),
        ("status", "signals.status", "PROCESSED"),
        ("processed_at", "signals.processed_at", WRITTEN),
        ("context", "market_contexts", "a row"),
        ("captured_at", "market_contexts.created_at", WRITTEN),
        ("execution_mode", "execution_policy.execution_mode", "SPLIT_CAPITAL"),
        ("executed_engine", "execution_policy.executed_engine", "B"),
        ("shadow_engine", "execution_policy.shadow_engine", "A"),
        ("reason", "execution_policy.reason", "SPLIT"),
        ("decided_version", "execution_policy.policy_version", "7"),
        ("rules_version", "execution_policy.rules_version", f"one of {sorted(RULES_BY_VERSION)}"),
        ("inputs", "execution_policy", "a row"),
        ("decision_hash", "execution_policy.decision_hash", RECORDED.decision_hash),
        ("decided_at", "execution_policy.decided_at", f"soon after {WRITTEN}"),
        ("context_hash_a", "signal_distributions.context_hash (A)", RECORDED.context_hash),
        ("distributed_at_a", "signal_distributions.distributed_at (A)", WRITTEN),
        ("context_hash_b", "signal_distributions.context_hash (B)", RECORDED.context_hash),
        ("distributed_at_b", "signal_distributions.distributed_at (B)", WRITTEN),
    ],
)
def test_a_column_that_is_missing_is_the_one_difference(column: str, field: str, recomputed: str) -> None:
    assert named(**{column: None}) == [(field, "null", recomputed)]


def test_without_its_key_a_hash_is_taken_as_stored_and_what_follows_from_it_is_verified() -> None:
    keyless = Verifier(POLICIES, {})
    forged = RECORDED._replace(variant="A" if RECORDED.variant == "B" else "B")

    assert differing(RECORDED, keyless) == {"experiments.assignment_key_id"}
    assert differing(forged, keyless) >= {"experiments.assignment_key_id", "experiments.variant"}


def test_each_hash_is_verified_with_the_key_that_it_names() -> None:
    other = AssignmentKey(b"k" * 32)
    both = Verifier(POLICIES, {**KEYS, other.id: other})

    assert differing(RECORDED, both) == set()
    assert "experiments.assignment_hash" in differing(RECORDED._replace(assignment_key_id=other.id), both)


def test_an_id_of_the_signal_that_does_not_follow_from_its_columns_is_named_first() -> None:
    other = "0cbccd8b-0585-56df-8ee0-5b48001ac757"

    assert named(signal_id=other)[0] == ("signals.signal_id", other, RECORDED.signal_id)


@pytest.mark.parametrize(
    "column", ["source", "exchange", "symbol", "direction", "timeframe", "timestamp", "strategy", "order_id"]
)
def test_a_signal_that_lacks_a_column_cannot_be_computed(column: str) -> None:
    assert named(**{column: None}) == [
        ("signals.raw_payload", RECORDED.payload, "cannot be computed: a column is NULL"),
        WITHOUT_SIGNAL,
    ]


@pytest.mark.parametrize(
    ("changes", "payload", "why"),
    [
        ({"payload": None}, "null", "Expecting value: line 1 column 1 (char 0)"),
        ({"payload": "{"}, "{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ({"consumed_fields": None}, RECORDED.payload, "Expecting value: line 1 column 1 (char 0)"),
        ({"consumed_fields": "1"}, RECORDED.payload, "'int' object is not iterable"),
    ],
)
def test_a_signal_that_cannot_be_read_is_named_with_the_reason(changes: dict[str, Any], payload: str, why: str) -> None:
    assert named(**changes) == [("signals.raw_payload", payload, f"cannot be computed: {why}"), WITHOUT_SIGNAL]


def test_a_signal_and_a_context_that_are_both_missing_are_named() -> None:
    assert named(payload="{", context=None, context_hash_a=None, context_hash_b=None, context_hash=None)[1] == (
        "market_contexts.context",
        "null",
        "cannot be computed without its signal",
    )


def test_a_context_that_cannot_be_read_is_named_with_the_reason() -> None:
    (one,) = named(context="{")

    assert one[:2] == ("market_contexts.context", "{")
    assert one[2].startswith("cannot be computed: Expecting property name")


def test_a_missing_hash_of_the_context_differs_from_all_its_copies() -> None:
    assert named(context_hash=None) == [
        ("market_contexts.context_hash", "null", RECORDED.context_hash),
        ("signal_distributions.context_hash (A)", RECORDED.context_hash, "null"),
        ("signal_distributions.context_hash (B)", RECORDED.context_hash, "null"),
    ]


def test_a_hash_that_is_none_leaves_the_assignment_uncomputed() -> None:
    differences = named(stored_signal_hash="xyz")

    assert [one[0] for one in differences] == [
        "signals.signal_hash", "market_contexts.context", "market_contexts.context_hash", "experiments",
    ]  # fmt: skip
    assert differences[-1][1] == RECORDED.experiment_id
    assert differences[-1][2].startswith("cannot be computed: non-hexadecimal number found")


@pytest.mark.parametrize("inputs", ["{", "[]", ""])
def test_inputs_that_cannot_be_read_are_named_with_the_reason(inputs: str) -> None:
    (one,) = named(inputs=inputs)

    assert one[:2] == ("execution_policy.inputs", inputs)
    assert one[2].startswith(("cannot be computed: Expecting", "cannot be computed: 'list' object has no attribute"))


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"halted": 0}, ("execution_policy.inputs.halted", "0", "true or false")),
        ({"app_mode": "DEMO"}, ("execution_policy.inputs.app_mode", "DEMO", "PAPER or LIVE")),
        ({"variant": "A"}, ("execution_policy.inputs.variant", "A", "B")),
        ({"policy_version": True}, ("execution_policy.inputs.policy_version", "True", "7")),
        ({"split_percentage": "51.00"}, ("execution_policy.inputs.split_percentage", "51.00", "50.00")),
        ({"live_enabled": None}, ("execution_policy.inputs.live_enabled", "null", "False")),
    ],
)
def test_an_input_that_is_not_of_the_version_is_named(change: dict[str, Any], difference: tuple[str, ...]) -> None:
    inputs = canonical_text(json.loads(str(RECORDED.inputs)) | change)

    assert named(inputs=inputs)[0] == difference
    assert {one[0] for one in named(inputs=inputs)[1:]} >= {"execution_policy.decision_hash"}


def test_inputs_with_other_spaces_are_named_although_they_say_the_same() -> None:
    spaced = f"{RECORDED.inputs} "

    assert named(inputs=spaced) == [("execution_policy.inputs", spaced, RECORDED.inputs)]


def test_inputs_of_a_rules_version_that_is_unknown_are_still_read() -> None:
    spaced = f"{RECORDED.inputs} "

    assert named(inputs=spaced, rules_version="9") == [
        ("execution_policy.inputs", spaced, RECORDED.inputs),
        ("execution_policy.rules_version", "9", f"one of {sorted(RULES_BY_VERSION)}"),
    ]


def test_a_decision_is_made_again_by_the_rules_of_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    always_halted = replace(RULES[0], executes=lambda _: NOBODY)
    monkeypatch.setitem(RULES_BY_VERSION, 2, (always_halted,))
    decision: dict[str, Any] = {
        "execution_mode": "SHADOW_ONLY", "executed_engine": None, "shadow_engine": "BOTH", "reason": "HALTED",
    }  # fmt: skip
    digest = decision_hash(str(RECORDED.inputs), decision, 2)
    by_version_2 = RECORDED._replace(**decision, rules_version="2", decision_hash=digest)

    assert differing(by_version_2, Verifier(POLICIES, KEYS)) == set()
    assert "execution_policy.reason" in differing(by_version_2._replace(rules_version="1"))


@pytest.mark.parametrize(
    ("decided_at", "is_of_this_transaction"),
    [
        ("2026-03-16 14:30:02.499999+00", False),
        ("2026-03-16 14:30:02.5+00", True),
        ("2026-03-16 15:30:02.5+00", True),
        ("2026-03-16 15:30:02.500001+00", False),
        ("then", False),
        ("", False),
    ],
)
def test_a_decision_is_made_within_an_hour_of_its_transaction(decided_at: str, is_of_this_transaction: bool) -> None:
    difference = ("execution_policy.decided_at", decided_at, f"soon after {WRITTEN}")

    assert named(decided_at=decided_at) == ([] if is_of_this_transaction else [difference])


def test_the_time_of_a_decision_that_is_missing_is_not_asked_for() -> None:
    assert named(inputs=None, decided_at=None) == [("execution_policy", "null", "a row")]


@pytest.mark.parametrize(
    "printed",
    [
        "2026-03-16 14:30:00+00",
        "2026-03-16 14:30:00.000000+00",
        "2026-03-16 15:30:00+01",
        "2026-03-16 14:30:00.0000000+00",
        "2026-03-16T14:30:00Z",
        "2026-03-16T14:30:00+00",
    ],
)
def test_one_time_is_the_same_however_it_is_printed(printed: str) -> None:
    assert named(timestamp=printed) == []


@pytest.mark.parametrize("fraction", ["5", "25", "123456", "000001"])
def test_fractions_of_a_second_are_read_as_the_database_prints_them(fraction: str) -> None:
    moment = MOMENT.replace(microsecond=int(fraction.ljust(6, "0")))
    recorded = record(make_alert(timestamp=moment.isoformat()))

    assert recorded.timestamp == f"2026-03-16 14:30:00.{fraction}+00"
    assert differing(recorded) == set()


def test_market_data_are_taken_from_a_context_whose_other_members_were_changed() -> None:
    recorded = record(make_alert(close=568.25), MarketData(MOMENT, MOMENT, "feed", {"vix": 15.2}))
    changed = consistent(recorded, str(recorded.context).replace("568.25", "1"))

    (one,) = [one for one in SHARED.differences(changed) if one.field == "market_contexts.context"]

    assert one.recomputed == recorded.context


def test_a_policy_whose_settings_were_changed_is_named() -> None:
    recorded = record(make_alert())
    changed = PinnedPolicy(replace(POLICY.settings, permit_ttl_seconds=301), POLICY.content_hash)

    assert differing(recorded, Verifier({"7": changed}, KEYS)) == {"policy_versions.content_hash"}


def test_a_version_that_is_missing_is_named() -> None:
    (one,) = Verifier({}, KEYS).differences(record(make_alert()))

    assert (one.field, one.stored, one.recomputed) == ("policy_versions", "null", "version 7")


@pytest.mark.parametrize(
    "state",
    [
        replace(STATE, halted=True), replace(STATE, engine_a_available=False), replace(STATE, engine_b_available=False),
        replace(STATE, guardrail=Trip("max_engine_flaps", "3", "3")), replace(STATE, app_mode="LIVE"),
    ],
)  # fmt: skip
def test_decisions_of_every_state_are_equal(state: PolicyState) -> None:
    assert differing(record(make_alert(), state=state)) == set()


def test_a_difference_names_experiment_and_signal() -> None:
    recorded = record(make_alert())._replace(bucket="10000")

    (one,) = SHARED.differences(recorded)

    assert one == ("experiments.bucket", "10000", one.recomputed, recorded.experiment_id, recorded.signal_id)


def test_a_signal_that_is_missing_is_named_by_the_ids_of_its_experiment() -> None:
    (one,) = SHARED.differences(RECORDED._replace(stored_signal_hash=None))

    assert one == ("signals", "null", "a row", RECORDED.experiment_id, RECORDED.signal_id)


def test_only_so_much_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "MOST_REMEMBERED", 2)
    verifier = Verifier(POLICIES, KEYS)

    for number in range(10):
        state = replace(STATE, halted=number % 3 == 0, engine_b_available=number % 2 == 0)
        assert differing(record(make_alert(**{f"x{number}": True}), state=state), verifier) == set()

    assert verifier.remembered == 2
