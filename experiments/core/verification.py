"""Whether what is stored of one experiment follows from its stored inputs (R6). Every difference is named.

Pure: no I/O, no clock, no randomness. Takes the columns as text, as the database prints them in UTC, so
that a history kept in a file is verified the same way.

1. signal_id and signal_hash from the signal's identity and payload,
2. the market context from the signal and the market data frozen in it, and its hash,
3. assignment hash, bucket and variant from id, hash and the split of the pinned policy version,
4. experiment_id,
5. the decision from the stored inputs by the rules of the stored rules version, and its hash,
6. that the inputs are those of the pinned policy version, and its settings those of its content hash,
7. that both engines were given this context, and that all was written at one time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple
from uuid import UUID

from experiments.core.assignment import assign
from experiments.core.decision import decision_hash
from kernel.errors import DomainError
from kernel.hashing import sha256_hex
from kernel.instants import read_instant
from kernel.json_text import canonical_json, load_canonical
from policies.core.content import APP_MODES, PolicySettings, split_text
from policies.core.rules import RULES_BY_VERSION, PolicyInputs, resolve_policy
from signals_app.alerts.identity import experiment_id, natural_key, signal_hash, signal_id
from signals_app.alerts.market_context import MarketData, SignalFacts, build_context

# Inputs that only the moment of the decision knew.
FACTS = ("engine_a_available", "engine_b_available", "halted")
# A decision is read and written in one transaction, which its worker's time limit ends long before.
LONGEST_DECISION = timedelta(hours=1)
UNREADABLE = (
    ArithmeticError, AttributeError, InvalidOperation, KeyError, RecursionError, DomainError, TypeError, ValueError,
)  # fmt: skip


class Recorded(NamedTuple):
    """The columns of one experiment and its signal, context, decision and distributions; None is NULL or no row."""

    experiment_id: str
    signal_id: str
    signal_hash: str
    variant: str
    assignment_hash: str
    bucket: str
    split_percentage: str
    policy_version: str
    created_at: str
    source: str | None
    exchange: str | None
    symbol: str | None
    direction: str | None
    timeframe: str | None
    timestamp: str | None
    strategy: str | None
    stored_signal_hash: str | None
    payload: str | None
    consumed_fields: str | None  # a JSON array
    status: str | None
    processed_at: str | None
    context: str | None
    context_hash: str | None
    captured_at: str | None
    execution_mode: str | None
    executed_engine: str | None
    shadow_engine: str | None
    reason: str | None
    decided_version: str | None
    rules_version: str | None
    inputs: str | None
    decision_hash: str | None
    decided_at: str | None
    context_hash_a: str | None
    distributed_at_a: str | None
    context_hash_b: str | None
    distributed_at_b: str | None


@dataclass(frozen=True, slots=True)
class PinnedPolicy:
    """A policy version as stored: its settings and the hash it was stored with."""

    settings: PolicySettings
    content_hash: str


class Comparison(NamedTuple):
    """A stored value and what the stored inputs come to, as text."""

    field: str
    stored: str
    recomputed: str


Compared = tuple[str, object, object]


def differences(recorded: Recorded, policy: PinnedPolicy | None) -> tuple[Comparison, ...]:
    """Return every stored value of an experiment that does not follow from its inputs; none means equal."""
    return tuple(
        Comparison(field, text(stored), text(recomputed))
        for field, stored, recomputed in filter(differs, _compared(recorded, policy))
    )


def differs(compared: Compared) -> bool:
    """Tell whether a stored value is another than the recomputed one."""
    _, stored, recomputed = compared
    # In Python True is 1; in a hashed document it is not.
    return type(stored) is not type(recomputed) or stored != recomputed


def policy_differences(policy: PinnedPolicy) -> tuple[Comparison, ...]:
    """Return the difference between a version's content hash and its settings, if there is one."""
    recomputed = policy.settings.content_hash()
    if policy.content_hash == recomputed:
        return ()
    return (Comparison("policy_versions.content_hash", policy.content_hash, recomputed),)


def text(value: object) -> str:
    """Return a compared value for people."""
    return "null" if value is None else str(value)


def _compared(recorded: Recorded, policy: PinnedPolicy | None) -> Iterator[Compared]:
    if recorded.stored_signal_hash is None:
        yield "signals", None, "a row"
        return
    payload = _loaded(recorded.payload)
    yield from _guarded("signals.raw_payload", recorded.payload, lambda: _signal(recorded, payload))
    yield from _guarded("market_contexts.context", recorded.context, lambda: _context(recorded, payload))
    yield from _distributions(recorded)
    yield from _times(recorded)
    if policy is None:
        yield "policy_versions", None, f"version {recorded.policy_version}"
        return
    yield from policy_differences(policy)
    yield from _guarded("experiments", recorded.experiment_id, lambda: _assignment(recorded, policy))
    yield from _guarded("execution_policy.inputs", recorded.inputs, lambda: _decision(recorded, policy))


def _guarded(field: str, stored: object, compare: Callable[[], Iterator[Compared]]) -> Iterator[Compared]:
    """Pass comparisons on; what cannot even be computed is a difference, too."""
    try:
        yield from compare()
    except UNREADABLE as error:
        yield field, stored, f"cannot be computed: {error}"


def _loaded(payload: str | None) -> Any:
    try:
        return json.loads(payload or "")
    except (ValueError, RecursionError):
        return None


def _signal(recorded: Recorded, payload: dict[str, Any]) -> Iterator[Compared]:
    key = natural_key(
        source=_there(recorded.source),
        symbol=_there(recorded.symbol),
        direction=_there(recorded.direction),
        timeframe=_there(recorded.timeframe),
        timestamp=_instant(recorded.timestamp),
        strategy=_there(recorded.strategy),
    )
    recomputed = signal_hash(key, payload)
    yield "signals.signal_id", recorded.signal_id, str(signal_id(key))
    yield "signals.signal_hash", recorded.stored_signal_hash, recomputed
    yield "experiments.signal_hash", recorded.signal_hash, recomputed
    yield "experiments.experiment_id", recorded.experiment_id, str(experiment_id(UUID(recorded.signal_id), recomputed))
    yield "signals.status", recorded.status, "PROCESSED"


def _context(recorded: Recorded, payload: dict[str, Any]) -> Iterator[Compared]:
    if recorded.context is None:
        yield "market_contexts", None, "a row"
        return
    facts = SignalFacts(
        signal_id=UUID(recorded.signal_id),
        symbol=_there(recorded.symbol),
        exchange=_there(recorded.exchange),
        direction=_there(recorded.direction),
        timeframe=_there(recorded.timeframe),
        timestamp=_instant(recorded.timestamp),
        signal_hash=_there(recorded.stored_signal_hash),
        payload=payload,
        consumed=frozenset(json.loads(_there(recorded.consumed_fields))),
    )
    context = canonical_json(build_context(facts, frozen_market_data(recorded.context)))
    yield "market_contexts.context", recorded.context, context.decode()
    yield "market_contexts.context_hash", recorded.context_hash, sha256_hex(context)


def frozen_market_data(context: str) -> MarketData | None:
    """Return the market data that a stored context holds (R6.4): the feed itself is not asked again."""
    return market_data_of(load_canonical(context).get("market_data"))


def market_data_of(document: dict[str, Any] | None) -> MarketData | None:
    """Return the market data of a context's member."""
    if document is None:
        return None
    return MarketData(
        as_of=read_instant(document["as_of"]),
        received_at=read_instant(document["received_at"]),
        source=document["source"],
        data=document["data"],
    )


def _distributions(recorded: Recorded) -> Iterator[Compared]:
    yield "signal_distributions.context_hash (A)", recorded.context_hash_a, recorded.context_hash
    yield "signal_distributions.context_hash (B)", recorded.context_hash_b, recorded.context_hash


def _times(recorded: Recorded) -> Iterator[Compared]:
    """All rows of a decision are written by one statement, at one time; the state was read just before."""
    written_at = recorded.created_at
    yield "signals.processed_at", recorded.processed_at, written_at
    yield "market_contexts.created_at", recorded.captured_at, written_at
    yield "signal_distributions.distributed_at (A)", recorded.distributed_at_a, written_at
    yield "signal_distributions.distributed_at (B)", recorded.distributed_at_b, written_at
    if recorded.inputs is not None and not is_decided_then(recorded.decided_at, written_at):
        yield "execution_policy.decided_at", recorded.decided_at, f"soon after {written_at}"


def is_decided_then(decided_at: str | None, written_at: str) -> bool:
    """Tell whether a decision can be of the transaction that began at this time."""
    try:
        began = _instant(written_at)
        return began <= _instant(decided_at) <= began + LONGEST_DECISION
    except (ValueError, OverflowError):
        return False


def _assignment(recorded: Recorded, policy: PinnedPolicy) -> Iterator[Compared]:
    split: Decimal = policy.settings.split_percentage
    assignment = assign(UUID(recorded.signal_id), _there(recorded.stored_signal_hash), split)
    yield "experiments.assignment_hash", recorded.assignment_hash, assignment.assignment_hash
    yield "experiments.bucket", recorded.bucket, str(assignment.bucket)
    yield "experiments.variant", recorded.variant, assignment.variant
    yield "experiments.split_percentage", recorded.split_percentage, split_text(split)


def _decision(recorded: Recorded, policy: PinnedPolicy) -> Iterator[Compared]:
    if recorded.inputs is None:
        yield "execution_policy", None, "a row"
        return
    assignment = assign(UUID(recorded.signal_id), _there(recorded.stored_signal_hash), policy.settings.split_percentage)
    yield from decision_differences(recorded, policy, assignment.variant)


def decision_differences(recorded: Recorded, policy: PinnedPolicy, variant: str) -> Iterator[Compared]:
    """Compare a decision with its inputs, and these with the pinned policy version and the variant."""
    inputs = load_canonical(_there(recorded.inputs))
    yield "execution_policy.inputs", recorded.inputs, canonical_json(inputs).decode()
    rules = RULES_BY_VERSION.get(int(_there(recorded.rules_version)))
    if rules is None:
        yield "execution_policy.rules_version", recorded.rules_version, f"one of {sorted(RULES_BY_VERSION)}"
        return
    pinned = {
        "configured_mode": policy.settings.configured_mode,
        "live_enabled": policy.settings.live_enabled,
        "split_percentage": split_text(policy.settings.split_percentage),
        "policy_version": int(recorded.policy_version),
        "variant": variant,
    }
    for name, value in pinned.items():
        yield f"execution_policy.inputs.{name}", inputs.get(name), value
    for name in FACTS:
        if type(inputs.get(name)) is not bool:
            yield f"execution_policy.inputs.{name}", inputs.get(name), "true or false"
    if inputs.get("app_mode") not in APP_MODES:
        yield "execution_policy.inputs.app_mode", inputs.get("app_mode"), " or ".join(APP_MODES)
    yield "execution_policy.policy_version", recorded.decided_version, recorded.policy_version
    resolution = resolve_policy(PolicyInputs(**inputs), rules).document()
    for name, value in resolution.items():
        yield f"execution_policy.{name}", getattr(recorded, name), value
    recomputed = decision_hash(inputs, resolution, int(_there(recorded.rules_version)))
    yield "execution_policy.decision_hash", recorded.decision_hash, recomputed


def _there(value: str | None) -> str:
    if value is None:
        raise ValueError("a column is NULL")
    return value


def _instant(value: str | None) -> datetime:
    return read_instant(_there(value))
