"""Replay: compute every decision again from what is stored and name each difference (R6).

For each experiment, from stored columns only:

1. signal_id and signal_hash from the signal's identity and payload,
2. the market context from the signal and the market data frozen in it, and its hash,
3. assignment hash, bucket and variant from id, hash and the split of the pinned policy version,
4. experiment_id,
5. the decision from the stored inputs by the rules of the stored rules version, and its hash,
6. that the inputs are those of the pinned policy version and that both engines were given this context.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from experiments.assignment import assign
from experiments.decision import decision_hash
from policies.content import split_text
from policies.rules import RULES_BY_VERSION, PolicyInputs, resolve_policy
from signals_app.exceptions import SignalsAppError
from signals_app.hashing import canonical_json, experiment_id, natural_key, sha256_hex, signal_hash, signal_id
from signals_app.json_text import load_canonical
from signals_app.market_context import MarketData, SignalFacts, build_context

ROWS_PER_FETCH = 1000

SELECT = """
SELECT e.experiment_id, e.signal_id, e.signal_hash, e.variant, e.assignment_hash, e.bucket, e.split_percentage,
       e.policy_version, s.source, s.exchange, s.symbol, s.direction, s.timeframe, s.timestamp, s.strategy,
       s.signal_hash AS stored_signal_hash, s.raw_payload::text AS payload, c.context::text AS context, c.context_hash,
       d.execution_mode, d.executed_engine, d.shadow_engine, d.reason, d.policy_version AS decided_version,
       d.rules_version, d.inputs::text AS inputs, d.decision_hash, p.split_percentage AS pinned_split,
       p.configured_mode, p.live_enabled,
       (SELECT json_object_agg(x.engine, x.context_hash)::text FROM signal_distributions x
         WHERE x.experiment_id = e.experiment_id) AS distributed
  FROM experiments e
  JOIN signals s USING (signal_id)
  LEFT JOIN market_contexts c USING (signal_id)
  LEFT JOIN execution_policy d USING (experiment_id)
  LEFT JOIN policy_versions p ON p.version = e.policy_version
 WHERE (%(since)s::timestamptz IS NULL OR e.created_at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR e.created_at < %(until)s)
   AND (%(signal)s::uuid IS NULL OR e.signal_id = %(signal)s)
   AND (%(experiment)s::uuid IS NULL OR e.experiment_id = %(experiment)s)
   AND (%(policy_version)s::integer IS NULL OR e.policy_version = %(policy_version)s)
 ORDER BY e.created_at, e.experiment_id
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which experiments to replay; None means all. Times are when the experiment was created."""

    since: datetime | None = None
    until: datetime | None = None
    signal: UUID | None = None
    experiment: UUID | None = None
    policy_version: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One stored value that does not follow from the stored inputs."""

    experiment_id: UUID
    signal_id: UUID
    field: str
    stored: str
    recomputed: str


@dataclass(frozen=True, slots=True)
class Verified:
    """One experiment that was replayed; no differences means equal."""

    experiment_id: UUID
    differences: tuple[Difference, ...]


def replay(selection: Selection) -> Iterator[Verified]:
    """Verify the selected experiments one after the other, in constant memory."""
    parameters = {name: getattr(selection, name) for name in Selection.__slots__}
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(SELECT, parameters)
        names = [column.name for column in cursor.description]
        while rows := cursor.fetchmany(ROWS_PER_FETCH):
            for row in rows:
                yield verify(dict(zip(names, row, strict=True)))


def verify_experiment(identity: UUID) -> list[Difference]:
    """Replay one experiment; an empty list means that everything stored follows from its inputs."""
    return [difference for one in replay(Selection(experiment=identity)) for difference in one.differences]


def verify(row: dict[str, Any]) -> Verified:
    """Compare what one experiment stored with what its inputs come to. Pure."""
    differences = tuple(
        Difference(row["experiment_id"], row["signal_id"], field, _text(stored), _text(recomputed))
        for field, stored, recomputed in _comparisons(row)
        if stored != recomputed
    )
    return Verified(row["experiment_id"], differences)


Comparison = tuple[str, object, object]


def _comparisons(row: dict[str, Any]) -> Iterator[Comparison]:
    payload = json.loads(row["payload"])
    yield from _signal(row, payload)
    yield from _context(row, payload)
    yield from _assignment(row)
    yield from _decision(row)


def _signal(row: dict[str, Any], payload: dict[str, Any]) -> Iterator[Comparison]:
    key = natural_key(
        source=row["source"],
        symbol=row["symbol"],
        direction=row["direction"],
        timeframe=row["timeframe"],
        timestamp=row["timestamp"],
        strategy=row["strategy"],
    )
    recomputed = signal_hash(key, payload)
    yield "signals.signal_id", row["signal_id"], signal_id(key)
    yield "signals.signal_hash", row["stored_signal_hash"], recomputed
    yield "experiments.signal_hash", row["signal_hash"], recomputed
    yield "experiments.experiment_id", row["experiment_id"], experiment_id(row["signal_id"], recomputed)


def _context(row: dict[str, Any], payload: dict[str, Any]) -> Iterator[Comparison]:
    if row["context"] is None:
        yield "market_contexts", None, "a row"
        return
    facts = SignalFacts(
        signal_id=row["signal_id"],
        symbol=row["symbol"],
        exchange=row["exchange"],
        direction=row["direction"],
        timeframe=row["timeframe"],
        timestamp=row["timestamp"],
        signal_hash=row["stored_signal_hash"],
        payload=payload,
    )
    try:
        context = canonical_json(build_context(facts, _frozen_market_data(row["context"])))
    except SignalsAppError as error:
        yield "market_contexts.context", row["context"], f"no context: {error}"
        return
    yield "market_contexts.context", row["context"], context.decode()
    yield "market_contexts.context_hash", row["context_hash"], sha256_hex(context)
    distributed = json.loads(row["distributed"] or "{}")
    for engine in ("A", "B"):
        yield f"signal_distributions.context_hash ({engine})", distributed.get(engine), row["context_hash"]


def _frozen_market_data(context: str) -> MarketData | None:
    """Return the market data that the stored context holds (R6.4): the feed itself is not asked again."""
    document = load_canonical(context).get("market_data")
    if document is None:
        return None
    return MarketData(
        as_of=datetime.fromisoformat(document["as_of"]),
        received_at=datetime.fromisoformat(document["received_at"]),
        source=document["source"],
        data=document["data"],
    )


def _assignment(row: dict[str, Any]) -> Iterator[Comparison]:
    split: Decimal = row["pinned_split"]
    assignment = assign(row["signal_id"], row["stored_signal_hash"], split)
    yield "experiments.assignment_hash", row["assignment_hash"], assignment.assignment_hash
    yield "experiments.bucket", row["bucket"], assignment.bucket
    yield "experiments.variant", row["variant"], assignment.variant
    yield "experiments.split_percentage", row["split_percentage"], split


def _decision(row: dict[str, Any]) -> Iterator[Comparison]:
    if row["inputs"] is None:
        yield "execution_policy", None, "a row"
        return
    inputs = load_canonical(row["inputs"])
    rules = RULES_BY_VERSION.get(row["rules_version"])
    if rules is None:
        yield "execution_policy.rules_version", row["rules_version"], f"one of {sorted(RULES_BY_VERSION)}"
        return
    assignment = assign(row["signal_id"], row["stored_signal_hash"], row["pinned_split"])
    pinned = {
        "configured_mode": row["configured_mode"],
        "live_enabled": row["live_enabled"],
        "split_percentage": split_text(row["pinned_split"]),
        "policy_version": row["policy_version"],
        "variant": assignment.variant,
    }
    for name, value in pinned.items():
        yield f"execution_policy.inputs.{name}", inputs.get(name), value
    yield "execution_policy.policy_version", row["decided_version"], row["policy_version"]
    resolution = resolve_policy(PolicyInputs(**inputs), rules).document()
    for name, value in resolution.items():
        yield f"execution_policy.{name}", row[name], value
    yield (
        "execution_policy.decision_hash",
        row["decision_hash"],
        decision_hash(inputs, resolution, row["rules_version"]),
    )


def _text(value: object) -> str:
    return "null" if value is None else str(value)
