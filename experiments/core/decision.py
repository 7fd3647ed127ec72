"""What follows from one signal under one state of the policy: context, assignment, decision.

Pure: no I/O, no clock, no randomness. The pipeline stores the result; replay computes it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from experiments.core.assignment import Assignment, assign
from kernel.hashing import sha256_hex
from kernel.json_text import canonical_json
from policies.core.content import split_text
from policies.core.rules import RULES_VERSION, PolicyInputs, Resolution, resolve_policy
from signals_app.alerts.identity import experiment_id, natural_key, signal_hash, signal_id
from signals_app.alerts.market_context import MarketData, SignalFacts, build_context


class SignalCorruptError(ValueError):
    """A stored signal no longer matches its own id or hash; an operator must find out who changed it."""


@dataclass(frozen=True, slots=True)
class StoredSignal:
    """A signal as it stands in its table."""

    facts: SignalFacts
    source: str
    strategy: str


@dataclass(frozen=True, slots=True)
class Tripped:
    """A guardrail that holds: what was measured and the limit it reached, as text."""

    name: str
    value: str
    limit: str

    def document(self) -> dict[str, str]:
        """Return it as stored in the decision's inputs."""
        return {"name": self.name, "value": self.value, "limit": self.limit}


@dataclass(frozen=True, slots=True)
class PolicyState:
    """The policy version in force and what it depends on, as arguments: the core reads no clock."""

    app_mode: str
    version: int
    configured_mode: str
    split_percentage: Decimal
    live_enabled: bool
    engine_a_available: bool
    engine_b_available: bool
    halted: bool
    guardrail: Tripped | None = None

    def inputs(self, variant: str) -> PolicyInputs:
        """Return what the rules look at for a signal of this variant."""
        return PolicyInputs(
            app_mode=self.app_mode,
            configured_mode=self.configured_mode,
            live_enabled=self.live_enabled,
            split_percentage=split_text(self.split_percentage),
            policy_version=self.version,
            variant=variant,
            engine_a_available=self.engine_a_available,
            engine_b_available=self.engine_b_available,
            halted=self.halted,
            guardrail=self.guardrail.document() if self.guardrail else None,
        )


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules say for one variant under one state of the policy."""

    inputs: bytes  # canonical JSON
    resolution: Resolution
    decision_hash: str


@dataclass(frozen=True, slots=True)
class Decided:
    """Everything one signal comes to; one row in each of five tables."""

    signal: SignalFacts
    context: bytes  # canonical JSON
    context_hash: str
    experiment_id: UUID
    assignment: Assignment
    policy_version: int
    ruling: Ruling


def decision_hash(inputs: dict[str, Any], decision: dict[str, str | None], rules_version: int) -> str:
    """Return SHA-256 of the canonical decision document (contract section 2)."""
    document = {"inputs": inputs, "decision": decision, "rules_version": rules_version}
    return sha256_hex(canonical_json(document))


def check_identity(signal: StoredSignal) -> None:
    """Raise SignalCorruptError unless id and hash follow from the signal's own fields."""
    facts = signal.facts
    key = natural_key(
        source=signal.source,
        symbol=facts.symbol,
        direction=facts.direction,
        timeframe=facts.timeframe,
        timestamp=facts.timestamp,
        strategy=signal.strategy,
    )
    if signal_id(key) != facts.signal_id:
        raise SignalCorruptError("signal_id does not follow from the signal's identity columns")
    if signal_hash(key, facts.payload) != facts.signal_hash:
        raise SignalCorruptError("signal_hash does not follow from the signal's identity and payload")


@lru_cache(maxsize=64)
def rule(state: PolicyState, variant: str) -> Ruling:
    """Apply the rules; remembered, because all signals of a batch share the state and one of two variants."""
    policy_inputs = state.inputs(variant)
    resolution = resolve_policy(policy_inputs)
    inputs = policy_inputs.document()
    return Ruling(
        inputs=canonical_json(inputs),
        resolution=resolution,
        decision_hash=decision_hash(inputs, resolution.document(), RULES_VERSION),
    )


def decide(signal: StoredSignal, state: PolicyState, market_data: MarketData | None) -> Decided:
    """Return what this signal comes to, the same for the same arguments (R6.1).

    1. Check that the stored signal is what its hash says (R1.4).
    2. Freeze the market context (R1.2).
    3. Assign the variant by hash (R2.3).
    4. Apply the policy rules (R3).
    """
    check_identity(signal)
    facts = signal.facts
    context = canonical_json(build_context(facts, market_data))
    assignment = assign(facts.signal_id, facts.signal_hash, state.split_percentage)
    return Decided(
        signal=facts,
        context=context,
        context_hash=sha256_hex(context),
        experiment_id=experiment_id(facts.signal_id, facts.signal_hash),
        assignment=assignment,
        policy_version=state.version,
        ruling=rule(state, assignment.variant),
    )
