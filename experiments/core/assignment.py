"""Which variant a signal gets: a function of its id, its hash and the split, in integers only.

Known answers: tests/golden/assignment.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from kernel.canonical import sha256_hex

# A new algorithm is a new tag; stored rows keep theirs.
ASSIGNMENT_TAG = b"orchestrator/assignment/v1"
BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where a signal fell and what that means under one split."""

    assignment_hash: str  # 64 hex digits
    bucket: int  # 0 to 9999
    variant: str  # A or B


# The hashed text: tag, id and hash, each with its length in front (four bytes, big-endian), so that no two different
# signals share it.
_BEFORE_ID = len(ASSIGNMENT_TAG).to_bytes(4, "big") + ASSIGNMENT_TAG + (36).to_bytes(4, "big")
_BEFORE_HASH = (32).to_bytes(4, "big")


def assignment_hash(signal_id: UUID | str, signal_hash: str) -> str:
    """SHA-256 of tag, signal id and signal hash (R2.2)."""
    return sha256_hex(_BEFORE_ID + str(signal_id).encode() + _BEFORE_HASH + bytes.fromhex(signal_hash))


def bucket_of(digest: str) -> int:
    """0 to 9999 from the first 48 bits; multiply and shift, so that ramps nest and floats stay out."""
    return (int(digest[:12], 16) * BUCKETS) >> 48


def split_basis_points(split_percentage: Decimal) -> int:
    """A split percentage with two decimals as 0 to 10000."""
    return int(split_percentage * 100)


def variant_of(bucket: int, split_bp: int) -> str:
    """A for buckets below the split (basis points, 0 to 10000), B for the rest (R2.3)."""
    return "A" if bucket < split_bp else "B"


def assign(signal_id: UUID | str, signal_hash: str, split_percentage: Decimal) -> Assignment:
    """The assignment of a signal under a split; the same inputs always give the same (R2.5)."""
    digest = assignment_hash(signal_id, signal_hash)
    bucket = bucket_of(digest)
    return Assignment(digest, bucket, variant_of(bucket, split_basis_points(split_percentage)))
