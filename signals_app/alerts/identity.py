"""What makes a signal, an experiment and a trade this one and no other (R2.2, R6.1).

Every id and hash is made from text in canonical form (RFC 8785), rendered here once for webhook, worker and replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from json.encoder import encode_basestring as quoted
from typing import Any
from uuid import UUID

from kernel.canonical import canonical_members, named_uuid, text_hash
from kernel.values import format_timestamp

HASH_VERSION = 1
# What makes two alerts the same signal, in canonical order.
NATURAL_KEY = ("direction", "source", "strategy", "symbol", "timeframe", "timestamp")
_KEY = f"{{{','.join(f'{quoted(name)}:%s' for name in NATURAL_KEY)}}}"


def natural_key(
    *, direction: str, source: str, strategy: str = "", symbol: str, timeframe: str, timestamp: datetime | str
) -> str:
    """The key as canonical text; fields normalized, source as slug, a time in text as `format_timestamp` writes it."""
    written = timestamp if isinstance(timestamp, str) else format_timestamp(timestamp)
    return _KEY % (
        quoted(direction), quoted(source), quoted(strategy), quoted(symbol), quoted(timeframe), quoted(written),
    )  # fmt: skip


def signal_id(key: str) -> UUID:
    """The id of the signal with this natural key."""
    return UUID(named_uuid(key))


def signal_hash(key: str, payload: Mapping[str, Any]) -> str:
    """The hash of a signal's inputs; the payload comes without its secrets (R1.1, R2.2)."""
    return rendered_signal_hash(key, canonical_members(payload))


def rendered_signal_hash(key: str, members: Mapping[str, str]) -> str:
    """The same of a payload that is rendered already, for callers that need its members for the context, too."""
    payload = ",".join(members.values())
    return text_hash(f'{{"hash_version":{HASH_VERSION},"natural_key":{key},"payload":{{{payload}}}}}')


def experiment_id(signal_id: UUID | str, signal_hash: str) -> str:
    """The one experiment id that this signal can have (R2.1, R2.5), as text."""
    return named_uuid(f"experiment:{signal_id}:{signal_hash}")


def trade_id(experiment_id: UUID, engine: str, kind: str) -> UUID:
    """The id of an engine's trade in an experiment; kind is REAL or SHADOW."""
    return UUID(named_uuid(f"trade:{experiment_id}:{engine}:{kind}"))
