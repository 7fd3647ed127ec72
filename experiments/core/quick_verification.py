"""Whether one experiment is as it must be, at twenty thousand a second (R6): yes, or look closely.

Pure: no I/O, no clock, no randomness; what is remembered is a function of what it is remembered for.

`verification.py` says what must hold and names each difference. This does the same work on text, with
what recurs remembered, and only ever says "equal" where every comparison there holds; whatever is rare
or odd it leaves to be looked at there. tests/replay/test_quick_verification.py holds it to that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from json.encoder import encode_basestring as quoted
from typing import Any, NamedTuple, TypeVar

from experiments.core.assignment import ASSIGNMENT_TAG, bucket_of, split_basis_points, variant_of
from experiments.core.verification import (
    UNREADABLE,
    Comparison,
    PinnedPolicy,
    Recorded,
    decision_differences,
    differences,
    differs,
    is_decided_then,
    market_data_of,
    policy_differences,
)
from kernel.hashing import NAMESPACE
from kernel.instants import format_timestamp, read_instant
from kernel.json_text import CANONICAL_SCALARS, canonical_json, canonical_text, in_canonical_order, load_canonical
from policies.core.content import split_text
from signals_app.alerts.identity import HASH_VERSION
from signals_app.alerts.market_context import (
    CONTEXT_VERSION,
    VOLUME_MEMBER,
    decimal_names,
    decimal_text,
    market_data_document,
)

Key = TypeVar("Key")
Value = TypeVar("Value")
# An experiment's columns; one that is NULL and may not be differs, or raises and is looked at closely.
Columns = Any

# For each kind of thing that recurs; what is more varied than this recurs too rarely to be remembered.
MOST_REMEMBERED = 10_000

_NAMESPACE = NAMESPACE.bytes
_BEFORE_ID = len(ASSIGNMENT_TAG).to_bytes(4, "big") + ASSIGNMENT_TAG + (36).to_bytes(4, "big")
_BEFORE_HASH = (32).to_bytes(4, "big")
_VARIANT_DIGIT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class _Shape(NamedTuple):
    """What follows from the names of a payload's members alone."""

    fragments: list[tuple[str, str]]  # name and `"name":`, in canonical order
    decimals: list[tuple[str, str]]  # plain name and spelling of what can be a price or the volume


class _Split(NamedTuple):
    """What follows from a policy version alone."""

    text: str
    basis_points: int


class QuickVerifier:
    """Verifies experiments one after the other and remembers what recurs."""

    def __init__(self, policies: Mapping[str, PinnedPolicy]) -> None:
        """Take the policy versions by their number as text."""
        self._policies = policies
        self._consumed_fields: dict[str, frozenset[str]] = {}
        self._splits: dict[str, _Split | None] = {}
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._decisions: dict[tuple[str | None, ...], bool] = {}
        self._moments: dict[tuple[str, str], bool] = {}
        self._market_data: dict[str, bool] = {}

    def differences(self, recorded: Recorded) -> tuple[Comparison, ...]:
        """Return the differences of one experiment by name; none means equal."""
        if self.agrees(recorded):
            return ()
        return differences(recorded, self._policies.get(recorded.policy_version))

    def agrees(self, recorded: Recorded) -> bool:
        """Tell whether everything follows from the inputs; False also where that must be looked at closely."""
        split = self._split(recorded.policy_version)
        if split is None:
            return False
        try:
            return self._all_agrees(recorded, split)
        except UNREADABLE:
            return False

    def _all_agrees(self, recorded: Columns, split: _Split) -> bool:
        payload = json.loads(recorded.payload)
        timestamp = _canonical_time(recorded.timestamp)
        shape = self._shape(tuple(payload))
        fragments = {
            name: prefix + CANONICAL_SCALARS.get(type(value := payload[name]), canonical_text)(value)
            for name, prefix in shape.fragments
        }
        return (
            _identity_agrees(recorded, timestamp, ",".join(fragments.values()), split)
            and self._context_agrees(recorded, timestamp, payload, shape, fragments)
            and self._times_agree(recorded)
            and self._decision_agrees(recorded)
        )

    def _split(self, version: str) -> _Split | None:
        """Return the split of a version whose settings are those of its content hash."""
        if version not in self._splits:
            policy = self._policies.get(version)
            sound = policy is not None and not policy_differences(policy)
            split = policy.settings.split_percentage if policy is not None and sound else None
            self._splits[version] = None if split is None else _Split(split_text(split), split_basis_points(split))
        return self._splits[version]

    def _shape(self, names: tuple[str, ...]) -> _Shape:
        shape = self._shapes.get(names)
        if shape is None:
            fragments = [(name, f"{quoted(name)}:") for name in in_canonical_order(names)]
            shape = _remember(self._shapes, names, _Shape(fragments, decimal_names(names)))
        return shape

    def _consumed(self, names: str) -> frozenset[str]:
        known = self._consumed_fields.get(names)
        return _remember(self._consumed_fields, names, frozenset(json.loads(names))) if known is None else known

    def _context_agrees(
        self, recorded: Columns, timestamp: str, payload: dict[str, Any], shape: _Shape, fragments: dict[str, str]
    ) -> bool:
        consumed = self._consumed(recorded.consumed_fields)
        gone, decimals = set(consumed), {}
        for plain, name in shape.decimals:
            if name not in consumed and plain not in decimals and (text := decimal_text(payload[name])) is not None:
                decimals[plain] = text
                gone.add(name)
        indicators = ",".join([text for name, text in fragments.items() if name not in gone])
        volume = decimals.pop(VOLUME_MEMBER, None)
        before = f'{{"context_version":{CONTEXT_VERSION},"indicators":{{{indicators}}},"market_data":'
        prices = ",".join([f'"{name}":"{decimals[name]}"' for name in sorted(decimals)])
        after = (
            f',"prices":{{{prices}}},"signal":{_signal_of_context(recorded, timestamp)},'
            f'"volume":{"null" if volume is None else quoted(volume)}}}'
        )
        return self._is_context(recorded.context, before, after) and _hash_agrees(recorded)

    def _is_context(self, context: str, before: str, after: str) -> bool:
        if context == f"{before}null{after}":
            return True
        end = len(context) - len(after)
        if end < len(before) or not context.startswith(before) or not context.endswith(after):
            return False
        market_data = context[len(before) : end]
        known = self._market_data.get(market_data)
        if known is None:
            rebuilt = canonical_json(market_data_document(market_data_of(load_canonical(market_data)))).decode()
            known = _remember(self._market_data, market_data, rebuilt == market_data)
        return known

    def _times_agree(self, recorded: Columns) -> bool:
        written_at = recorded.created_at
        if not (
            recorded.processed_at
            == recorded.captured_at
            == recorded.distributed_at_a
            == recorded.distributed_at_b
            == written_at
        ):
            return False
        moments = (recorded.decided_at, written_at)
        known = self._moments.get(moments)
        if known is None:
            known = _remember(self._moments, moments, is_decided_then(recorded.decided_at, written_at))
        return known

    def _decision_agrees(self, recorded: Columns) -> bool:
        """All decisions of one state of the policy and one variant are the same but for their time."""
        decision = (
            recorded.inputs, recorded.rules_version, recorded.decided_version, recorded.execution_mode,
            recorded.executed_engine, recorded.shadow_engine, recorded.reason, recorded.decision_hash,
            recorded.policy_version, recorded.variant,
        )  # fmt: skip
        known = self._decisions.get(decision)
        if known is None:
            policy = self._policies[recorded.policy_version]
            compared = decision_differences(recorded, policy, recorded.variant)
            known = _remember(self._decisions, decision, not any(differs(one) for one in compared))
        return known


def _identity_agrees(recorded: Columns, timestamp: str, payload: str, split: _Split) -> bool:
    """Compare ids, hashes, bucket and variant; the payload comes as the members of its canonical text."""
    key = (
        f'{{"direction":{quoted(recorded.direction)},"source":{quoted(recorded.source)},'
        f'"strategy":{quoted(recorded.strategy)},"symbol":{quoted(recorded.symbol)},'
        f'"timeframe":{quoted(recorded.timeframe)},"timestamp":"{timestamp}"}}'
    )
    document = f'{{"hash_version":{HASH_VERSION},"natural_key":{key},"payload":{{{payload}}}}}'
    signal_id, digest = recorded.signal_id, hashlib.sha256(document.encode())
    signal_hash = digest.hexdigest()
    parts = _BEFORE_ID + signal_id.encode() + _BEFORE_HASH + digest.digest()
    assignment_hash = hashlib.sha256(parts).hexdigest()
    bucket = bucket_of(assignment_hash)
    return bool(
        signal_id == _id_of(key)
        and signal_hash == recorded.stored_signal_hash == recorded.signal_hash
        and recorded.experiment_id == _id_of(f"experiment:{signal_id}:{signal_hash}")
        and recorded.status == "PROCESSED"
        and recorded.assignment_hash == assignment_hash
        and recorded.bucket == str(bucket)
        and recorded.variant == variant_of(bucket, split.basis_points)
        and recorded.split_percentage == split.text
    )


def _id_of(name: str) -> str:
    """Return the UUIDv5 of a name in our namespace as text (RFC 9562, 5.5)."""
    digits = hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANT_DIGIT[digits[16]]}{digits[17:20]}-{digits[20:32]}"


def _signal_of_context(recorded: Columns, timestamp: str) -> str:
    return (
        f'{{"direction":{quoted(recorded.direction)},"exchange":{quoted(recorded.exchange)},'
        f'"signal_hash":"{recorded.stored_signal_hash}","signal_id":"{recorded.signal_id}",'
        f'"symbol":{quoted(recorded.symbol)},"timeframe":{quoted(recorded.timeframe)},"timestamp":"{timestamp}"}}'
    )


def _hash_agrees(recorded: Columns) -> bool:
    digest = hashlib.sha256(recorded.context.encode()).hexdigest()
    return bool(digest == recorded.context_hash == recorded.context_hash_a == recorded.context_hash_b)


def _canonical_time(timestamp: str) -> str:
    """Return a time as the database prints it in UTC as it stands in hashed documents."""
    if 22 <= len(timestamp) <= 29 and timestamp[10] == " " and timestamp.endswith("+00"):
        return f"{timestamp[:10]}T{timestamp[11:19]}.{timestamp[20:-3]:0<6}Z"
    return format_timestamp(read_instant(timestamp))


def _remember(known: dict[Key, Value], key: Key, value: Value) -> Value:
    if len(known) >= MOST_REMEMBERED:
        known.clear()
    known[key] = value
    return value
