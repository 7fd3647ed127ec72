"""Ids and hashes: pure functions of stored inputs, the same in every language (R2.2, R6.1).

Pure: no I/O, no clock, no randomness. Contains no business logic.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from signals_app.json_text import canonical_json

__all__ = [
    "HASH_VERSION",
    "NAMESPACE",
    "canonical_json",
    "document_hash",
    "experiment_id",
    "format_timestamp",
    "natural_key",
    "sha256_hex",
    "signal_hash",
    "signal_id",
    "trade_id",
]

HASH_VERSION = 1
NAMESPACE = uuid.UUID("6f0d5f1e-3c56-5d0a-9d0e-8f3a52f0c1a7")


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of the bytes as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def document_hash(document: object) -> str:
    """Return the SHA-256 of the document's canonical form."""
    return sha256_hex(canonical_json(document))


def format_timestamp(moment: datetime) -> str:
    """Return the instant as ``YYYY-MM-DDTHH:MM:SS.ffffffZ``; raise ValueError without a zone."""
    if moment.utcoffset() is None:
        raise ValueError("A timestamp without a time zone names no instant.")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


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
