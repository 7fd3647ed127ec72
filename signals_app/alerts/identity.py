"""What makes a signal, an experiment and a trade this one and no other (R2.2, R6.1)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kernel.hashing import NAMESPACE, document_hash
from kernel.instants import format_timestamp
from kernel.json_text import canonical_json

HASH_VERSION = 1


def natural_key(
    *, source: str, symbol: str, direction: str, timeframe: str, timestamp: datetime, strategy: str = ""
) -> dict[str, str]:
    """Return what makes two alerts the same signal; fields normalised, source as slug."""
    return {
        "direction": str(direction),
        "source": source,
        "strategy": strategy,
        "symbol": symbol,
        "timeframe": timeframe,
        "timestamp": format_timestamp(timestamp),
    }


def signal_id(key: Mapping[str, str]) -> uuid.UUID:
    """Return the id of the signal with this natural key."""
    return uuid.uuid5(NAMESPACE, canonical_json(dict(key)).decode())


def signal_hash(key: Mapping[str, str], payload: Mapping[str, Any]) -> str:
    """Return the hash of a signal's inputs; the payload comes without its secrets (R1.1, R2.2)."""
    return document_hash({"hash_version": HASH_VERSION, "natural_key": dict(key), "payload": dict(payload)})


def experiment_id(signal_id: uuid.UUID, signal_hash: str) -> uuid.UUID:
    """Return the one experiment id that this signal can have (R2.1, R2.5)."""
    return uuid.uuid5(NAMESPACE, f"experiment:{signal_id}:{signal_hash}")


def trade_id(experiment_id: uuid.UUID, engine: str, kind: str) -> uuid.UUID:
    """Return the id of an engine's trade in an experiment; kind is REAL or SHADOW."""
    return uuid.uuid5(NAMESPACE, f"trade:{experiment_id}:{engine}:{kind}")
