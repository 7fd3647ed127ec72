"""What the pipeline stores of one signal, as the columns a verification takes; made without a database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from experiments.core.decision import decide
from experiments.core.verification import PinnedPolicy, Recorded
from kernel.canonical import to_jsonb_text
from kernel.values import format_timestamp
from policies.core.rules import RULES_VERSION, PolicyState
from signals_app.alerts.alert import read_signal
from signals_app.alerts.documents import MarketData, SignalFacts, natural_key, signal_hash, signal_id
from tests.factories import policy_state
from tests.golden import VECTOR_KEY

WRITTEN_AT = "2026-03-16 14:30:02.5+00"
DECIDED_AT = "2026-03-16 14:30:02.512345+00"
STATE = policy_state(version=7, configured_mode="SPLIT_CAPITAL")
SETTINGS = STATE.settings
POLICY = PinnedPolicy(SETTINGS, SETTINGS.content_hash())
POLICIES = {"7": POLICY}
KEYS = {VECTOR_KEY.id: VECTOR_KEY}


def as_printed(moment: datetime) -> str:
    """Return a time as PostgreSQL prints it in UTC: without the zeros at the end of its fraction."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return f"{text.rstrip('0').rstrip('.')}+00"


def record(payload: dict[str, Any], market_data: MarketData | None = None, state: PolicyState = STATE) -> Recorded:
    """Return the stored columns of a payload that makes a signal."""
    understood = read_signal(payload)
    key = natural_key(
        source="tv", exchange=understood.exchange, symbol=understood.symbol, direction=understood.direction,
        timeframe=understood.timeframe, timestamp=understood.timestamp, strategy=understood.strategy,
        order_id=understood.order_id,
    )  # fmt: skip
    facts = SignalFacts(
        signal_id=str(signal_id(key)), source="tv", exchange=understood.exchange, symbol=understood.symbol,
        direction=understood.direction, timeframe=understood.timeframe,
        timestamp=format_timestamp(understood.timestamp), strategy=understood.strategy, order_id=understood.order_id,
        signal_hash=signal_hash(key, payload), payload=payload, consumed=understood.consumed,
    )  # fmt: skip
    decided = decide(facts, state, market_data, VECTOR_KEY)
    resolution = decided.ruling.resolution
    return Recorded(
        experiment_id=str(decided.experiment_id), signal_id=facts.signal_id, signal_hash=facts.signal_hash,
        variant=decided.assignment.variant, assignment_hash=decided.assignment.assignment_hash,
        assignment_key_id=decided.assignment.assignment_key_id,
        bucket=str(decided.assignment.bucket), split_percentage=f"{state.settings.split_percentage:.2f}",
        policy_version=str(state.version), created_at=WRITTEN_AT, source="tv", exchange=facts.exchange,
        symbol=facts.symbol, direction=facts.direction, timeframe=facts.timeframe,
        timestamp=as_printed(understood.timestamp), strategy=understood.strategy, order_id=understood.order_id,
        stored_signal_hash=facts.signal_hash,
        payload=to_jsonb_text(payload),
        consumed_fields=json.dumps(sorted(understood.consumed)), status="PROCESSED", processed_at=WRITTEN_AT,
        context=decided.context, context_hash=decided.context_hash, captured_at=WRITTEN_AT,
        execution_mode=resolution.execution_mode, executed_engine=resolution.executed_engine,
        shadow_engine=resolution.shadow_engine, reason=resolution.reason, decided_version=str(state.version),
        rules_version=str(RULES_VERSION), inputs=decided.ruling.inputs,
        decision_hash=decided.ruling.decision_hash, decided_at=DECIDED_AT, context_hash_a=decided.context_hash,
        distributed_at_a=WRITTEN_AT, context_hash_b=decided.context_hash, distributed_at_b=WRITTEN_AT,
    )  # fmt: skip
