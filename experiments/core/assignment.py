"""Which variant a signal gets: a pure function of its id, its hash and the split.

Pure: no I/O, no clock, no randomness; integers only. Known answers: tests/golden/assignment.json.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

# A new algorithm is a new tag; stored rows keep theirs.
ASSIGNMENT_TAG = b"orchestrator/assignment/v1"
BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where a signal fell and what that means under one split."""

    assignment_hash: str  # 64 hex digits
    bucket: int  # 0 to 9999
    variant: str  # A or B


def _length_prefixed(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part


def assignment_hash(signal_id: UUID, signal_hash: str) -> str:
    """Return SHA-256 of tag, signal id and signal hash, each with its length in front (R2.2).

    The lengths make the input unambiguous: no two different signals share it.
    """
    parts = (ASSIGNMENT_TAG, str(signal_id).encode(), bytes.fromhex(signal_hash))
    return hashlib.sha256(b"".join(map(_length_prefixed, parts))).hexdigest()


def bucket_of(digest: str) -> int:
    """Return 0 to 9999 from the first 48 bits; multiply and shift, so that ramps nest and floats stay out."""
    return (int(digest[:12], 16) * BUCKETS) >> 48


def split_basis_points(split_percentage: Decimal) -> int:
    """Return a split percentage with two decimals as 0 to 10000."""
    return int(split_percentage * 100)


def variant_of(bucket: int, split_bp: int) -> str:
    """Return A for buckets below the split (basis points, 0 to 10000), B for the rest (R2.3)."""
    return "A" if bucket < split_bp else "B"


def assign(signal_id: UUID, signal_hash: str, split_percentage: Decimal) -> Assignment:
    """Return the assignment of a signal under a split; the same inputs always give the same (R2.5)."""
    digest = assignment_hash(signal_id, signal_hash)
    bucket = bucket_of(digest)
    return Assignment(digest, bucket, variant_of(bucket, split_basis_points(split_percentage)))
