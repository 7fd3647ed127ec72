"""The assignment: known answers that hold in any language, and what holds for every signal."""

from __future__ import annotations

import hashlib
import itertools
import json
import struct
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.core.decision import (
    ASSIGNMENT_TAG,
    AssignmentKey,
    assign,
    assignment_hash,
    bucket_of,
    split_basis_points,
    variant_of,
)
from tests.golden import GOLDEN_FOLDER, VECTOR_KEY

GOLDEN: dict[str, Any] = json.loads((GOLDEN_FOLDER / "assignment.json").read_text())
CASES: list[dict[str, Any]] = GOLDEN["vectors"]
EMPTY_HASH = hashlib.sha256(b"").hexdigest()

hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
basis_points = st.integers(0, 10_000)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["signal_id"][:8])
def test_the_assignment_gives_the_known_answer(case: dict[str, Any]) -> None:
    key = AssignmentKey.read(case.get("key", "00" * 32))

    digest = assignment_hash(UUID(case["signal_id"]), case["signal_hash"], key)

    assert digest == case["assignment_hash"]
    assert bucket_of(digest) == case["bucket"]
    for split, variant in case.get("variant_at", {}).items():
        assert assign(UUID(case["signal_id"]), case["signal_hash"], Decimal(split), key).variant == variant


def test_another_key_assigns_otherwise_and_its_id_does_not_tell_it() -> None:
    secret = bytes.fromhex("0123456789abcdef" * 4)
    other = AssignmentKey.read(" " + secret.hex().upper() + "\n")

    assert other == AssignmentKey(secret)
    assert other.id == hashlib.sha256(secret).hexdigest()[:16]
    assert assign(UUID(int=0), EMPTY_HASH, Decimal(50), other).assignment_key_id == other.id
    assert assignment_hash(UUID(int=0), EMPTY_HASH, other) != assignment_hash(UUID(int=0), EMPTY_HASH, VECTOR_KEY)
    assert repr(other) == f"AssignmentKey(id={other.id!r})"


@pytest.mark.parametrize("text", ["", "ab" * 31, "ab" * 33, "0x" + "ab" * 31, "zz" * 32, "ab " * 32, "\u0661" * 64])
def test_what_is_not_64_hexadecimal_digits_is_no_key_and_is_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"^an assignment key is written as 64 hexadecimal digits$"):
        AssignmentKey.read(text)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_has_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match=r"^an assignment key has 32 bytes$"):
        AssignmentKey(bytes(length))


def test_the_known_answers_cover_both_variants_and_all_splits() -> None:
    variants = [tuple(case["variant_at"].items()) for case in CASES if "variant_at" in case]

    assert len(CASES) == 41
    assert {pair for case in variants for pair in case} >= {(split, v) for split in ("25", "50", "70.5") for v in "AB"}
    assert GOLDEN["tag"].encode() == ASSIGNMENT_TAG


def test_the_hash_is_sha256_of_tag_id_hash_and_key_with_their_lengths() -> None:
    written_out = (
        b"\x00\x00\x00\x1aorchestrator/assignment/v2"
        b"\x00\x00\x00\x2400000000-0000-0000-0000-000000000000"
        b"\x00\x00\x00\x20"
        + bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        + b"\x00\x00\x00\x20"
        + bytes(32)
    )

    digest = assignment_hash(UUID(int=0), EMPTY_HASH, VECTOR_KEY)

    assert digest == hashlib.sha256(written_out).hexdigest()
    assert digest == "96164ee61b07a595fc4fc5947749130755542416e533a14549411b4d8496b10a"


@pytest.mark.parametrize(
    ("first_digits", "bucket"),
    [
        ("000000000000", 0),
        ("00068db8bac7", 0),  # the last of bucket 0: 2**48 / 10000 is 28147497671.0656
        ("00068db8bac8", 1),
        ("7fffffffffff", 4999),
        ("800000000000", 5000),
        ("ffffffffffff", 9999),
    ],
)
def test_the_bucket_is_the_share_of_the_first_48_bits(first_digits: str, bucket: int) -> None:
    assert bucket_of(first_digits + "f" * 52) == bucket
    assert bucket_of(first_digits + "0" * 52) == bucket


@pytest.mark.parametrize(
    ("bucket", "split_bp", "variant"),
    [(0, 0, "B"), (0, 1, "A"), (4999, 5000, "A"), (5000, 5000, "B"), (9999, 9999, "B"), (9999, 10_000, "A")],
)
def test_variant_a_is_exactly_the_buckets_below_the_split(bucket: int, split_bp: int, variant: str) -> None:
    assert variant_of(bucket, split_bp) == variant


def test_every_split_with_two_decimals_is_exact_basis_points() -> None:
    assert [split_basis_points(Decimal(points) / 100) for points in range(10_001)] == list(range(10_001))


@given(signal_hash=hashes, signal_id=st.uuids(), one=basis_points, other=basis_points)
def test_raising_the_split_moves_signals_from_b_to_a_only(
    signal_hash: str, signal_id: UUID, one: int, other: int
) -> None:
    low, high = sorted((one, other))
    before, after = (assign(signal_id, signal_hash, Decimal(points) / 100, VECTOR_KEY) for points in (low, high))

    assert before.assignment_hash == after.assignment_hash
    assert before.bucket == after.bucket
    assert (before.variant, after.variant) != ("A", "B")


@given(signal_hash=hashes, signal_id=st.uuids())
def test_a_split_of_0_is_all_b_and_of_100_all_a(signal_hash: str, signal_id: UUID) -> None:
    assert assign(signal_id, signal_hash, Decimal(0), VECTOR_KEY).variant == "B"
    assert assign(signal_id, signal_hash, Decimal(100), VECTOR_KEY).variant == "A"


@given(signal_hash=hashes, signal_id=st.uuids(), points=basis_points)
def test_the_same_signal_always_gets_the_same_assignment(signal_hash: str, signal_id: UUID, points: int) -> None:
    split = Decimal(points) / 100

    again = assign(UUID(str(signal_id)), str(signal_hash), Decimal(str(split)), AssignmentKey(bytes(32)))

    assert assign(signal_id, signal_hash, split, VECTOR_KEY) == again


def test_no_two_of_many_signals_share_an_assignment_hash() -> None:
    digests = {
        assignment_hash(UUID(int=number), hashlib.sha256(bytes([letter])).hexdigest(), VECTOR_KEY)
        for number, letter in itertools.product(range(500), range(20))
    }

    assert len(digests) == 10_000


@given(st.uuids(), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_the_hash_is_of_tag_id_hash_and_key_with_their_lengths_in_front(
    signal_id: UUID, digest: bytes, secret: bytes
) -> None:
    parts = [ASSIGNMENT_TAG, str(signal_id).encode(), digest, secret]

    hashed = b"".join(struct.pack(">I", len(part)) + part for part in parts)

    assert assignment_hash(signal_id, digest.hex(), AssignmentKey(secret)) == hashlib.sha256(hashed).hexdigest()


# 20,000 ids that never change, so that these counts are facts and not chances.


def buckets_of_fixed_ids() -> list[int]:
    return [bucket_of(assignment_hash(UUID(int=number), EMPTY_HASH, VECTOR_KEY)) for number in range(20_000)]


def test_twenty_thousand_signals_spread_evenly_over_the_buckets() -> None:
    counts = [0] * 100
    for bucket in buckets_of_fixed_ids():
        counts[bucket // 100] += 1

    chi_squared = sum((count - 200) ** 2 / 200 for count in counts)

    # 99 degrees of freedom: between the 0.1 % and the 99.9 % quantile.
    assert 60.7 < chi_squared < 148.3


@pytest.mark.parametrize("split_bp", [500, 3000, 5000, 7000])
def test_the_share_of_variant_a_is_the_split(split_bp: int) -> None:
    share = split_bp / 10_000
    chosen = sum(variant_of(bucket, split_bp) == "A" for bucket in buckets_of_fixed_ids())

    # Four standard deviations of a binomial share.
    assert abs(chosen / 20_000 - share) < 4 * (share * (1 - share) / 20_000) ** 0.5


def test_neighbouring_ids_are_assigned_independently() -> None:
    variants = [variant_of(bucket, 5000) for bucket in buckets_of_fixed_ids()]
    changes = sum(one != other for one, other in itertools.pairwise(variants))

    assert abs(changes / 19_999 - 0.5) < 4 * (0.25 / 19_999) ** 0.5
