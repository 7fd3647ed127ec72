"""Whether what is stored of one experiment follows from its stored inputs (R6). Every difference is named.

Everything is computed again by the functions that the worker decides with, and compared as text. Takes the columns as
the database prints them in UTC, so that a history kept in a file is verified the same way.

1. signal_id and signal_hash from the signal's identity and payload,
2. the market context from the signal and the market data frozen in it, and its hash,
3. assignment hash, bucket and variant from id, hash, the assignment key and the split of the pinned policy version,
4. experiment_id,
5. the decision from the stored inputs by the rules of the stored rules version, and its hash,
6. that the inputs are those of the pinned policy version, and its settings those of its content hash,
7. that both engines were given this context, and that all was written at one time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import InvalidOperation
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from experiments.core.decision import AssignmentKey, assign, assignment_of, identity_of, rule_on
from kernel.canonical import canonical_members, canonical_text, load_canonical, text_hash
from kernel.errors import DomainError
from kernel.values import decimal_text, format_timestamp, read_instant
from policies.core.rules import FACTS, RULES_BY_VERSION, SETTING_INPUTS, PolicyInputs
from policies.core.settings import APP_MODES, PolicySettings
from signals_app.alerts.documents import (
    ContextText,
    MarketData,
    SignalFacts,
    context_text,
    experiment_id,
    market_data_text,
)

# A decision is read and written in one transaction, which its worker's time limit ends long before.
LONGEST_DECISION = timedelta(hours=1)
# What a stored value that cannot be read or computed with raises.
UNREADABLE = (
    ArithmeticError, AttributeError, InvalidOperation, KeyError, RecursionError, DomainError, TypeError, ValueError,
)  # fmt: skip
# What is said in place of the id of a key that is not here.
UNKNOWN_KEY = "a key in ASSIGNMENT_KEYS"
# Decisions of one state of the policy, and observations that many signals share, recur; what is more varied than this
# recurs too rarely to be remembered.
MOST_REMEMBERED = 10_000
# A time as the database prints it in UTC: nearly always, and then there is nothing to parse.
_PRINTED_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00", re.ASCII)


class Recorded(NamedTuple):
    """The columns of one experiment and its signal, context, decision and distributions; None is NULL or no row."""

    experiment_id: str
    signal_id: str
    signal_hash: str
    variant: str
    assignment_hash: str
    assignment_key_id: str
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
    order_id: str | None
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


class DecisionColumns(NamedTuple):
    """Those of an experiment's columns that are the same for all decisions of one state and variant."""

    inputs: str
    rules_version: str | None
    decided_version: str | None
    execution_mode: str | None
    executed_engine: str | None
    shadow_engine: str | None
    reason: str | None
    decision_hash: str | None


_decision_columns = attrgetter(*DecisionColumns._fields)


@dataclass(frozen=True, slots=True)
class PinnedPolicy:
    """A policy version as stored: its settings and the hash it was stored with."""

    settings: PolicySettings
    content_hash: str


class Difference(NamedTuple):
    """A stored value and what it should be, as text; the ids are None where there is no experiment or signal."""

    field: str
    stored: str
    recomputed: str
    experiment_id: str | None = None
    signal_id: str | None = None


Compared = tuple[str, object, object]
Texts = tuple[str | None, ...]

# What is stored more than once: the context's hash with both engines, and the time of the one statement.
COPIES = (
    "signal_distributions.context_hash (A)",
    "signal_distributions.context_hash (B)",
    "signals.processed_at",
    "market_contexts.created_at",
    "signal_distributions.distributed_at (A)",
    "signal_distributions.distributed_at (B)",
)
IDENTITY = (
    "signals.signal_id",
    "signals.signal_hash",
    "experiments.signal_hash",
    "experiments.experiment_id",
    "signals.status",
)
CONTEXT = ("market_contexts.context", "market_contexts.context_hash")
ASSIGNMENT = (
    "experiments.assignment_key_id",
    "experiments.assignment_hash",
    "experiments.bucket",
    "experiments.variant",
    "experiments.split_percentage",
)


def differences_of(compared: Iterable[Compared]) -> tuple[Difference, ...]:
    """Those of the fields whose stored value (first) is another than the recomputed one."""
    return tuple(
        [
            Difference(field, _text(stored), _text(recomputed))
            for field, stored, recomputed in compared
            # In Python True is 1; in a hashed document it is not.
            if stored != recomputed or type(stored) is not type(recomputed)
        ]
    )


def _differences(fields: tuple[str, ...], stored: Texts, recomputed: Texts) -> tuple[Difference, ...]:
    """The same of texts whose fields are always these: nearly all are equal, which one comparison tells."""
    if stored == recomputed:
        return ()
    return differences_of(zip(fields, stored, recomputed, strict=True))


def _text(value: object) -> str:
    return "null" if value is None else str(value)


def policy_differences(policy: PinnedPolicy) -> tuple[Difference, ...]:
    """The difference between a version's content hash and its settings, if there is one."""
    return differences_of([("policy_versions.content_hash", policy.content_hash, policy.settings.content_hash())])


class Verifier:
    """Verifies experiments one after the other and remembers what recurs."""

    def __init__(self, policies: Mapping[str, PinnedPolicy], keys: Mapping[str, AssignmentKey]) -> None:
        """Take the policy versions by their number as text, and the assignment keys by their id."""
        self._keys = keys
        self._policies = {version: (policy, policy_differences(policy)) for version, policy in policies.items()}
        self._decisions = lru_cache(MOST_REMEMBERED)(self._decision)

    @property
    def remembered(self) -> int:
        """How many decisions it remembers."""
        return self._decisions.cache_info().currsize

    def differences(self, recorded: Recorded) -> tuple[Difference, ...]:
        """Every stored value of an experiment that does not follow from its inputs; none means equal."""
        ids = recorded.experiment_id, recorded.signal_id
        if recorded.stored_signal_hash is None:
            return (Difference("signals", "null", "a row", *ids),)
        written_at = recorded.created_at
        copies = (
            recorded.context_hash_a, recorded.context_hash_b, recorded.processed_at, recorded.captured_at,
            recorded.distributed_at_a, recorded.distributed_at_b,
        )  # fmt: skip
        found = [
            *self._signal_and_context(recorded),
            *_differences(COPIES, copies, (recorded.context_hash,) * 2 + (written_at,) * 4),
        ]
        if recorded.inputs is not None and not _is_decided_then(recorded.decided_at, written_at):
            soon_after = f"soon after {written_at}"
            found += differences_of([("execution_policy.decided_at", recorded.decided_at, soon_after)])
        if recorded.policy_version not in self._policies:
            found.append(Difference("policy_versions", "null", f"version {recorded.policy_version}"))
        else:
            policy, of_the_policy = self._policies[recorded.policy_version]
            found += of_the_policy
            found += self._assignment_and_decision(recorded, policy)
        return tuple([one._replace(experiment_id=ids[0], signal_id=ids[1]) for one in found])

    def _signal_and_context(self, recorded: Recorded) -> Iterable[Difference]:
        try:
            signal = _signal_of(recorded)
            members = canonical_members(signal.payload)
            signal_id, signal_hash = identity_of(signal, members)
            of_experiment = experiment_id(recorded.signal_id, signal_hash)
            found = _differences(
                IDENTITY,
                (
                    recorded.signal_id, recorded.stored_signal_hash, recorded.signal_hash, recorded.experiment_id,
                    recorded.status,
                ),
                (signal_id, signal_hash, signal_hash, of_experiment, "PROCESSED"),
            )  # fmt: skip
        except UNREADABLE as error:
            # Without a signal there is nothing that a context could follow from.
            return [
                Difference("signals.raw_payload", _text(recorded.payload), f"cannot be computed: {error}"),
                Difference("market_contexts.context", _text(recorded.context), "cannot be computed without its signal"),
            ]
        if recorded.context is None:
            return (*found, Difference("market_contexts", "null", "a row"))
        try:
            context = context_text(signal, members)
            recomputed = context.with_market_data(frozen_market_data(recorded.context, context))
        except UNREADABLE as error:
            return (*found, Difference("market_contexts.context", recorded.context, f"cannot be computed: {error}"))
        stored = recorded.context, recorded.context_hash
        return found + _differences(CONTEXT, stored, (recomputed, text_hash(recomputed)))

    def _assignment_and_decision(self, recorded: Recorded, policy: PinnedPolicy) -> Iterable[Difference]:
        split, key = policy.settings.split_percentage, self._keys.get(recorded.assignment_key_id)
        try:
            if key is None:  # the hash is taken as stored; what follows from it is verified all the same
                assignment = assignment_of(recorded.assignment_hash, UNKNOWN_KEY, split)
            else:
                assignment = assign(recorded.signal_id, str(recorded.stored_signal_hash), split, key)
        except (TypeError, ValueError) as error:
            return [Difference("experiments", recorded.experiment_id, f"cannot be computed: {error}")]
        found = _differences(
            ASSIGNMENT,
            (
                recorded.assignment_key_id, recorded.assignment_hash, recorded.bucket, recorded.variant,
                recorded.split_percentage,
            ),
            (
                assignment.assignment_key_id, assignment.assignment_hash, str(assignment.bucket), assignment.variant,
                decimal_text(split),
            ),
        )  # fmt: skip
        if recorded.inputs is None:
            return (*found, Difference("execution_policy", "null", "a row"))
        decision = DecisionColumns._make(_decision_columns(recorded))
        return found + self._decisions(recorded.policy_version, assignment.variant, decision)

    def _decision(self, version: str, variant: str, stored: DecisionColumns) -> tuple[Difference, ...]:
        """Compare a decision with its inputs, and these with the pinned policy version and the variant.

        All decisions of one state of the policy and one variant are the same but for their time, so few are computed.
        """
        settings = self._policies[version][0].settings
        compared: list[Compared] = []
        try:
            document = load_canonical(stored.inputs)
            compared.append(("execution_policy.inputs", stored.inputs, canonical_text(document)))
            rules_version = {str(known): known for known in RULES_BY_VERSION}.get(str(stored.rules_version))
            if rules_version is None:
                one_of = f"one of {sorted(RULES_BY_VERSION)}"
                return differences_of([*compared, ("execution_policy.rules_version", stored.rules_version, one_of)])
            of_version = settings.document()
            pinned = {name: of_version[name] for name in SETTING_INPUTS}
            pinned |= {"policy_version": int(version), "variant": variant}
            compared += [(f"execution_policy.inputs.{name}", document.get(name), pinned[name]) for name in pinned]
            for name in FACTS:
                if type(document.get(name)) is not bool:
                    compared.append((f"execution_policy.inputs.{name}", document.get(name), "true or false"))
            if document.get("app_mode") not in APP_MODES:
                compared.append(("execution_policy.inputs.app_mode", document.get("app_mode"), " or ".join(APP_MODES)))
            compared.append(("execution_policy.policy_version", stored.decided_version, version))
            ruling = rule_on(PolicyInputs(**document), rules_version)
            resolution = ruling.resolution.document()
            compared += [(f"execution_policy.{name}", getattr(stored, name), resolution[name]) for name in resolution]
            compared.append(("execution_policy.decision_hash", stored.decision_hash, ruling.decision_hash))
        except UNREADABLE as error:
            compared.append(("execution_policy.inputs", stored.inputs, f"cannot be computed: {error}"))
        return differences_of(compared)


def _signal_of(recorded: Recorded) -> SignalFacts:
    """The signal as the worker took it; raise ValueError where a column of it is NULL."""
    payload, timestamp = json.loads(recorded.payload or ""), recorded.timestamp
    if printed := _PRINTED_TIME.fullmatch(timestamp or ""):
        timestamp = f"{printed[1]}T{printed[2]}.{printed[3] or '':0<6}Z"
    elif timestamp:
        timestamp = format_timestamp(read_instant(timestamp))
    columns = (
        recorded.signal_id, recorded.source, recorded.exchange, recorded.symbol, recorded.direction,
        recorded.timeframe, timestamp, recorded.strategy, recorded.order_id, recorded.stored_signal_hash,
    )  # fmt: skip
    if None in columns:
        raise ValueError("a column is NULL")
    return SignalFacts(*columns, payload, _consumed(recorded.consumed_fields))  # type: ignore[arg-type]


@lru_cache(MOST_REMEMBERED)
def _consumed(names: str | None) -> frozenset[str]:
    return frozenset(json.loads(names or ""))


def frozen_market_data(stored: str, context: ContextText) -> str:
    """The market data that a stored context holds, in canonical form (R6.4): the feed itself is not asked again."""
    if stored.startswith(context.before) and stored.endswith(context.after):
        held = stored[len(context.before) : len(stored) - len(context.after)]
    else:
        held = canonical_text(load_canonical(stored).get("market_data"))
    return _rebuilt_market_data(held)


@lru_cache(MOST_REMEMBERED)
def _rebuilt_market_data(text: str) -> str:
    document: dict[str, Any] | None = load_canonical(text)
    if document is None:
        return "null"
    return market_data_text(
        MarketData(
            as_of=read_instant(document["as_of"]),
            received_at=read_instant(document["received_at"]),
            source=document["source"],
            data=document["data"],
        )
    )


@lru_cache(MOST_REMEMBERED)
def _is_decided_then(decided_at: str | None, written_at: str) -> bool:
    """Whether a decision can be of the transaction that began at this time; the state was read just after."""
    try:
        began = read_instant(written_at)
        return began <= read_instant(decided_at or "") <= began + LONGEST_DECISION
    except (TypeError, ValueError, OverflowError):
        return False
