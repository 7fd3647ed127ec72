"""The pure decision of one signal: documents and digests written out, so that no change goes unseen."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from experiments.core.decision import SignalCorruptError, decide, rule, rule_on
from kernel.values import format_timestamp
from policies.core.rules import RULES_VERSION, PolicyState
from signals_app.alerts.documents import MarketData, SignalFacts
from tests.factories import policy_state
from tests.golden import VECTOR_KEY

SIGNAL_ID = "a9013aee-1547-5acc-ab4a-28a19cae2fc6"
SIGNAL_HASH = "7d9ff4e8c94ef676b78a74c1a8621cd077e50aa396028c88504b656ee4813109"
MOMENT = datetime(2026, 3, 16, 14, 30, tzinfo=UTC)
PAYLOAD: dict[str, Any] = {
    "symbol": "SPY",
    "direction": "long",
    "timeframe": "5m",
    "timestamp": "2026-03-16T14:30:00Z",
    "close": 568.25,
    "volume": 1200,
    "rsi": 61.5,
}
SIGNAL = SignalFacts(
    signal_id=SIGNAL_ID, source="tv", exchange="", symbol="SPY", direction="LONG", timeframe="5m",
    timestamp=format_timestamp(MOMENT), strategy="", order_id="", signal_hash=SIGNAL_HASH, payload=PAYLOAD,
    consumed=frozenset({"symbol", "direction", "timeframe", "timestamp"}),
)  # fmt: skip
STATE = policy_state(version=7)
CONTEXT = (
    '{"context_version":1,"indicators":{"rsi":61.5},"market_data":null,"prices":{"close":"568.25"},'
    '"signal":{"direction":"LONG","exchange":"","signal_hash":"' + SIGNAL_HASH + '","signal_id":"' + SIGNAL_ID + '",'
    '"symbol":"SPY","timeframe":"5m","timestamp":"2026-03-16T14:30:00.000000Z"},"volume":"1200"}'
)
INPUTS = (
    '{"app_mode":"PAPER","configured_mode":"AUTO","engine_a_available":true,"engine_b_available":true,"halted":false,'
    '"live_enabled":false,"policy_version":7,"split_percentage":"50.00","variant":"B"}'
)


def test_the_signal_of_these_tests_hashes_to_the_written_digest() -> None:
    document = (
        '{"hash_version":2,"natural_key":{"direction":"LONG","exchange":"","order_id":"","source":"tv","strategy":"",'
        '"symbol":"SPY","timeframe":"5m","timestamp":"2026-03-16T14:30:00.000000Z"},"payload":{"close":568.25,'
        '"direction":"long","rsi":61.5,"symbol":"SPY","timeframe":"5m","timestamp":"2026-03-16T14:30:00Z",'
        '"volume":1200}}'
    )

    assert hashlib.sha256(document.encode()).hexdigest() == SIGNAL_HASH
    assert decide(SIGNAL, STATE, None, VECTOR_KEY).signal == SIGNAL


def test_the_context_is_the_written_document_and_its_hash() -> None:
    decided = decide(SIGNAL, STATE, None, VECTOR_KEY)

    assert decided.context == CONTEXT
    assert decided.context_hash == "0f8b87d31bd7bf5677237916df842af6489d290aea4f38fe487370ebc94a9155"


def test_the_experiment_and_its_assignment_follow_from_the_signal() -> None:
    decided = decide(SIGNAL, STATE, None, VECTOR_KEY)

    assert decided.experiment_id == "e3513230-7fbc-536f-a4df-6793a2eef42c"
    assert decided.assignment.assignment_hash == "9d9f5ce56643f8631112e0c90e7210f67c65d3a02290b69d18b11c9be3b8d8d9"
    assert (decided.assignment.bucket, decided.assignment.variant) == (6157, "B")


def test_the_decision_hash_covers_inputs_decision_and_rules_version() -> None:
    decision = (
        '{"executed_engine":"A","execution_mode":"ENGINE_A_PRIMARY","reason":"PAPER_DEFAULT","shadow_engine":"B"}'
    )
    document = f'{{"decision":{decision},"inputs":{INPUTS},"rules_version":{RULES_VERSION}}}'
    rule.cache_clear()

    decided = decide(SIGNAL, STATE, None, VECTOR_KEY)

    assert decided.policy_version == 7
    assert decided.ruling.inputs == INPUTS
    assert decided.ruling.decision_hash == hashlib.sha256(document.encode()).hexdigest()


def test_a_decision_of_the_first_rules_has_the_same_hash_for_ever() -> None:
    ruling = rule_on(STATE.inputs("B"), rules_version=1)

    assert ruling.decision_hash == "a01494d5dc71b0fbb686fde3eb0d37516b1e013949adf3f41563376070bbbf6d"


def test_an_absent_engine_is_null_in_the_hashed_decision() -> None:
    halted = replace(STATE, halted=True)
    document = (
        '{"decision":{"executed_engine":null,"execution_mode":"SHADOW_ONLY","reason":"HALTED","shadow_engine":"BOTH"},'
        '"inputs":' + INPUTS.replace('"halted":false', '"halted":true') + f',"rules_version":{RULES_VERSION}}}'
    )

    assert (
        decide(SIGNAL, halted, None, VECTOR_KEY).ruling.decision_hash == hashlib.sha256(document.encode()).hexdigest()
    )


def test_market_data_are_part_of_the_context_and_of_nothing_else() -> None:
    data = MarketData(
        as_of=MOMENT - timedelta(seconds=1),
        received_at=MOMENT,
        source="feed",
        data={"bid": "568.20", "ask": "568.30", "iv": 0.18},
    )

    without, with_data = decide(SIGNAL, STATE, None, VECTOR_KEY), decide(SIGNAL, STATE, data, VECTOR_KEY)

    assert json.loads(with_data.context)["market_data"] == {
        "as_of": "2026-03-16T14:29:59.000000Z",
        "received_at": "2026-03-16T14:30:00.000000Z",
        "source": "feed",
        "data": {"bid": "568.20", "ask": "568.30", "iv": 0.18},
    }
    assert with_data.context_hash != without.context_hash
    assert replace(with_data, context=without.context, context_hash=without.context_hash) == without


def test_deciding_twice_gives_the_same_bytes() -> None:
    first = decide(SIGNAL, STATE, None, VECTOR_KEY)
    rule.cache_clear()

    assert decide(SIGNAL, STATE, None, VECTOR_KEY) == first


def test_the_order_of_payload_members_changes_nothing() -> None:
    turned = SIGNAL._replace(payload=dict(reversed(PAYLOAD.items())))

    assert decide(turned, STATE, None, VECTOR_KEY).context == decide(SIGNAL, STATE, None, VECTOR_KEY).context
    assert (
        decide(turned, STATE, None, VECTOR_KEY).ruling.decision_hash
        == decide(SIGNAL, STATE, None, VECTOR_KEY).ruling.decision_hash
    )


def test_the_payload_is_left_as_it_was() -> None:
    before = json.dumps(PAYLOAD)

    decide(SIGNAL, STATE, None, VECTOR_KEY)

    assert json.dumps(PAYLOAD) == before


@pytest.mark.parametrize(
    "corrupt",
    [
        SIGNAL._replace(symbol="QQQ"),
        SIGNAL._replace(direction="SHORT"),
        SIGNAL._replace(timeframe="1h"),
        SIGNAL._replace(timestamp="2026-03-16T14:30:00.000001Z"),
        SIGNAL._replace(signal_id=str(UUID(int=1))),
        SIGNAL._replace(source="other"),
        SIGNAL._replace(strategy="breakout"),
    ],
)
def test_a_signal_whose_identity_was_changed_is_refused(corrupt: SignalFacts) -> None:
    with pytest.raises(SignalCorruptError, match=r"^signal_id does not follow from the signal's identity columns$"):
        decide(corrupt, STATE, None, VECTOR_KEY)


@pytest.mark.parametrize(
    "corrupt",
    [
        SIGNAL._replace(payload=PAYLOAD | {"close": 568.26}),
        SIGNAL._replace(payload=PAYLOAD | {"extra": None}),
        SIGNAL._replace(payload={}),
        SIGNAL._replace(signal_hash="0" * 64),
    ],
)
def test_a_signal_whose_payload_or_hash_was_changed_is_refused(corrupt: SignalFacts) -> None:
    with pytest.raises(SignalCorruptError, match=r"^signal_hash does not follow from the signal's identity and pay"):
        decide(corrupt, STATE, None, VECTOR_KEY)


@pytest.mark.parametrize(
    ("state", "reason", "executed"),
    [
        (STATE, "PAPER_DEFAULT", "A"),
        (replace(STATE, halted=True), "HALTED", None),
        (replace(STATE, engine_a_available=False), "ENGINE_A_UNAVAILABLE", None),
        (replace(STATE, app_mode="LIVE"), "LIVE_NOT_ENABLED", None),
        (policy_state(configured_mode="ENGINE_B_PRIMARY"), "CONFIGURED", "B"),
        (policy_state(configured_mode="SPLIT_CAPITAL", split_percentage="61.57"), "SPLIT", "B"),
        (policy_state(configured_mode="SPLIT_CAPITAL", split_percentage="61.58"), "SPLIT", "A"),
    ],
)
def test_every_part_of_the_state_reaches_the_rules(state: PolicyState, reason: str, executed: str | None) -> None:
    resolution = decide(SIGNAL, state, None, VECTOR_KEY).ruling.resolution

    assert (resolution.reason, resolution.executed_engine) == (reason, executed)


def test_the_inputs_of_the_rules_are_the_state_and_the_variant() -> None:
    state = policy_state(
        app_mode="LIVE", version=12, configured_mode="SPLIT_CAPITAL", split_percentage="7.5", live_enabled=True,
        engine_b_available=False, halted=True,
    )  # fmt: skip

    assert state.inputs("B").document() == {
        "app_mode": "LIVE",
        "configured_mode": "SPLIT_CAPITAL",
        "live_enabled": True,
        "split_percentage": "7.50",
        "policy_version": 12,
        "variant": "B",
        "engine_a_available": True,
        "engine_b_available": False,
        "halted": True,
    }
