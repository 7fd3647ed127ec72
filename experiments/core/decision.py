"""What follows from one signal under one state of the policy: context, assignment, decision.

The worker stores the result; replay computes it again, by the same functions. Known answers of the assignment:
tests/golden/assignment.json.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from uuid import UUID

from kernel.canonical import canonical_members, canonical_text, named_uuid, sha256_hex, text_hash
from policies.core.rules import RULES_BY_VERSION, RULES_VERSION, PolicyInputs, PolicyState, Resolution, resolve_policy
from signals_app.alerts.documents import (
    NATURAL_KEY,
    MarketData,
    SignalFacts,
    context_text,
    experiment_id,
    market_data_text,
    natural_key,
    rendered_signal_hash,
)

# A new algorithm is a new tag; stored rows keep theirs.
ASSIGNMENT_TAG = b"orchestrator/assignment/v2"
BUCKETS = 10_000
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class AssignmentKey:
    """The 32 secret bytes by which an installation assigns variants; `id` names it without telling it.

    Without the secret an engine could compute its own role from the signal that it is given, before it recommends.
    """

    secret: bytes = field(repr=False)
    id: str = field(init=False)  # the first 16 hex digits of the secret's SHA-256

    def __post_init__(self) -> None:
        """Derive the id; raise ValueError for another number of bytes."""
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"an assignment key has {KEY_BYTES} bytes")
        object.__setattr__(self, "id", sha256_hex(self.secret)[:16])

    @classmethod
    def read(cls, text: str) -> AssignmentKey:
        """The key written as 64 hexadecimal digits; raise ValueError, which never shows the text, for anything else."""
        digits = text.strip()
        if re.fullmatch(r"[0-9A-Fa-f]{64}", digits) is None:
            raise ValueError(f"an assignment key is written as {2 * KEY_BYTES} hexadecimal digits")
        return cls(bytes.fromhex(digits))


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where a signal fell and what that means under one split."""

    assignment_hash: str  # 64 hex digits
    assignment_key_id: str  # of the key that it was made with
    bucket: int  # 0 to 9999
    variant: str  # A or B


# The hashed text: tag, id, hash and key, each with its length in front (four bytes, big-endian), so that no two
# different signals share it.
_BEFORE_ID = len(ASSIGNMENT_TAG).to_bytes(4, "big") + ASSIGNMENT_TAG + (36).to_bytes(4, "big")
_BEFORE_32_BYTES = (32).to_bytes(4, "big")


def assignment_hash(signal_id: UUID | str, signal_hash: str, key: AssignmentKey) -> str:
    """SHA-256 of tag, signal id, signal hash and key (R2.2)."""
    of_the_signal = _BEFORE_ID + str(signal_id).encode() + _BEFORE_32_BYTES + bytes.fromhex(signal_hash)
    return sha256_hex(of_the_signal + _BEFORE_32_BYTES + key.secret)


def bucket_of(digest: str) -> int:
    """0 to 9999 from the first 48 bits; multiply and shift, so that ramps nest and floats stay out."""
    return (int(digest[:12], 16) * BUCKETS) >> 48


def split_basis_points(split_percentage: Decimal) -> int:
    """A split percentage with two decimals as 0 to 10000."""
    return int(split_percentage * 100)


def variant_of(bucket: int, split_bp: int) -> str:
    """A for buckets below the split (basis points, 0 to 10000), B for the rest (R2.3)."""
    return "A" if bucket < split_bp else "B"


def assign(signal_id: UUID | str, signal_hash: str, split_percentage: Decimal, key: AssignmentKey) -> Assignment:
    """The assignment of a signal under a split; the same inputs always give the same (R2.5)."""
    return assignment_of(assignment_hash(signal_id, signal_hash, key), key.id, split_percentage)


def assignment_of(digest: str, key_id: str, split_percentage: Decimal) -> Assignment:
    """What an assignment hash means under a split; raise ValueError where it is none."""
    bucket = bucket_of(digest)
    return Assignment(digest, key_id, bucket, variant_of(bucket, split_basis_points(split_percentage)))


class SignalCorruptError(ValueError):
    """A stored signal no longer matches its own id or hash; an operator must find out who changed it."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules say of their inputs."""

    inputs: str  # canonical JSON
    resolution: Resolution
    decision_hash: str


@dataclass(frozen=True, slots=True)
class Decided:
    """Everything one signal comes to; one row in each of five tables."""

    signal: SignalFacts
    context: str  # canonical JSON
    context_hash: str
    experiment_id: str
    assignment: Assignment
    policy_version: int
    ruling: Ruling


def decision_hash(inputs: str, decision: dict[str, str | None], rules_version: int) -> str:
    """SHA-256 of the canonical decision document (contract section 2); `inputs` is canonical JSON."""
    return text_hash(f'{{"decision":{canonical_text(decision)},"inputs":{inputs},"rules_version":{rules_version}}}')


def rule_on(inputs: PolicyInputs, rules_version: int = RULES_VERSION) -> Ruling:
    """Apply the rules of a version; raise KeyError for an unknown one and ValueError where no rule decides."""
    text = canonical_text(inputs.document())
    resolution = resolve_policy(inputs, RULES_BY_VERSION[rules_version])
    return Ruling(text, resolution, decision_hash(text, resolution.document(), rules_version))


@lru_cache(maxsize=64)
def rule(state: PolicyState, variant: str) -> Ruling:
    """Apply today's rules; remembered, because all signals of a batch share the state and one of two variants."""
    return rule_on(state.inputs(variant))


def identity_of(signal: SignalFacts, members: Mapping[str, str]) -> tuple[str, str]:
    """The signal_id and signal_hash that follow from the signal's own columns.

    `members` are those of its payload, as `canonical_members` renders them.
    """
    key = natural_key(**{name: getattr(signal, name) for name in NATURAL_KEY})
    return named_uuid(key), rendered_signal_hash(key, members)


def decide(signal: SignalFacts, state: PolicyState, market_data: MarketData | None, key: AssignmentKey) -> Decided:
    """What this signal comes to, the same for the same arguments (R6.1).

    1. Check that the stored signal is what its hash says (R1.4), and raise SignalCorruptError otherwise.
    2. Freeze the market context (R1.2).
    3. Assign the variant by a keyed hash (R2.3).
    4. Apply the policy rules (R3).
    """
    members = canonical_members(signal.payload)
    derived_id, derived_hash = identity_of(signal, members)
    if derived_id != signal.signal_id:
        raise SignalCorruptError("signal_id does not follow from the signal's identity columns")
    if derived_hash != signal.signal_hash:
        raise SignalCorruptError("signal_hash does not follow from the signal's identity and payload")
    context = context_text(signal, members).with_market_data(market_data_text(market_data))
    assignment = assign(signal.signal_id, signal.signal_hash, state.settings.split_percentage, key)
    return Decided(
        signal=signal,
        context=context,
        context_hash=text_hash(context),
        experiment_id=experiment_id(signal.signal_id, signal.signal_hash),
        assignment=assignment,
        policy_version=state.version,
        ruling=rule(state, assignment.variant),
    )
