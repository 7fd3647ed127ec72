"""What may leave the database, and in which units: a signal goes whole, with everything that hangs on it.

`keys` are those of the units, which came between `since` and `until`; what else belongs to them is looked up once
(`members`) before the first row goes, because what leads to it goes, too. Tables stand in the order in which rows can
be deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import LiteralString

from kernel.sql import load

# An operator's second judgement leads back to the delivery that was rejected: both go, or neither.
_CHAIN: LiteralString = """
WITH RECURSIVE chain (id, received_at) AS (
    SELECT id, received_at FROM webhook_deliveries WHERE {heads}
    UNION SELECT r.delivery_id, r.delivery_received_at FROM redrives r JOIN chain ON r.result_id = chain.id
) SELECT coalesce(array_agg({part}), '{{}}') FROM chain"""
_OF_DELIVERIES: tuple[tuple[str, LiteralString], ...] = (
    ("missing_alerts", "t.delivery_id = ANY(%(deliveries)s)"),
    ("alert_arrivals", "t.delivery_id = ANY(%(deliveries)s)"),
    ("redrives", "t.delivery_id = ANY(%(deliveries)s)"),
    # By both parts of their keys, so that only the months are looked into in which they are.
    ("webhook_deliveries", "t.id = ANY(%(deliveries)s) AND t.received_at = ANY(%(delivered)s::timestamptz[])"),
)
_OF_EXPERIMENT: LiteralString = "t.experiment_id = ANY(%(experiments)s)"
_BY_ID: LiteralString = "t.id = ANY(%(keys)s::bigint[])"


def _deliveries(heads: LiteralString) -> dict[str, LiteralString]:
    """The deliveries that these lead to, and when they came."""
    return {
        "deliveries": _CHAIN.format(heads=heads, part="id"),
        "delivered": _CHAIN.format(heads=heads, part="received_at"),
    }


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of unit. `choose` lists keys with the time of receipt, the oldest first (see choose.sql)."""

    name: str
    setting: str  # days that it stays
    what: str
    choose: LiteralString
    tables: tuple[tuple[str, LiteralString], ...]
    key_type: LiteralString = "bigint"
    members: Mapping[str, LiteralString] = field(default_factory=dict)


def _statement(name: str) -> LiteralString:
    _, found = load(__file__, "choose.sql").split(f"-- choose: {name}\n")
    return found.split("-- choose: ", 1)[0]


KINDS = (
    Kind(
        "signals",
        "KEEP_SIGNALS_DAYS",
        "Signals with their deliveries, contexts, decisions, distributions, answers, trades and outcomes.",
        _statement("signals"),
        (
            ("incident_acknowledgements", "t.incident_id = ANY(%(incidents)s)"),
            ("incidents", _OF_EXPERIMENT),
            ("pair_violations", _OF_EXPERIMENT),
            ("exit_directives", _OF_EXPERIMENT),
            ("real_outcomes", _OF_EXPERIMENT),
            ("shadow_outcomes", _OF_EXPERIMENT),
            ("own_exits", _OF_EXPERIMENT),
            ("trade_fills", _OF_EXPERIMENT),
            ("trade_amendments", _OF_EXPERIMENT),
            ("permits", _OF_EXPERIMENT),
            ("real_trades", _OF_EXPERIMENT),
            ("shadow_trades", _OF_EXPERIMENT),
            ("recommendations", _OF_EXPERIMENT),
            ("signal_distributions", _OF_EXPERIMENT),
            ("execution_policy", _OF_EXPERIMENT),
            ("experiments", _OF_EXPERIMENT),
            ("market_contexts", "t.signal_id = ANY(%(keys)s::uuid[])"),
            *_OF_DELIVERIES,
            ("signals", "t.signal_id = ANY(%(keys)s::uuid[])"),
        ),
        key_type="uuid",
        members={
            "experiments": "SELECT coalesce(array_agg(experiment_id), '{}') FROM experiments"
            " WHERE signal_id = ANY(%(keys)s::uuid[])",
            "incidents": "SELECT coalesce(array_agg(id), '{}') FROM incidents"
            " WHERE experiment_id = ANY(%(experiments)s)",
            # Of two that came together the second may be stored first.
            **_deliveries("signal_id = ANY(%(keys)s::uuid[]) AND received_at >= %(since)s - interval '1 day'"),
        },
    ),
    Kind(
        "deliveries",
        "KEEP_DELIVERIES_DAYS",
        "Deliveries that belong to no signal: rejected and recorded ones.",
        _statement("deliveries"),
        _OF_DELIVERIES,
        members=_deliveries("id = ANY(%(keys)s::bigint[]) AND received_at BETWEEN %(since)s AND %(until)s"),
    ),
    Kind(
        "quotes",
        "KEEP_QUOTES_DAYS",
        "Quotes of the neutral feed from before the oldest signal that is still here.",
        _statement("quotes"),
        (("quotes", _BY_ID),),
    ),
    Kind(
        "market_data",
        "KEEP_MARKET_DATA_DAYS",
        "Market data that feeders pushed; each context holds its own copy.",
        _statement("market_data"),
        (("market_data", _BY_ID),),
    ),
    Kind("audit", "KEEP_AUDIT_DAYS", "The audit log.", _statement("audit"), (("audit_log", _BY_ID),)),
)
KIND_NAMES = tuple(kind.name for kind in KINDS)
