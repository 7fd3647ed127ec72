"""The client's canonical form against the reference implementation of RFC 8785."""

from __future__ import annotations

import hashlib
import json

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st
from orchestrator_client import ContextHashError, canonical_json, document_hash, verify_context_hash

from kernel.canonical import canonical_json as servers_canonical_json
from kernel.canonical import load_canonical

SAFE = 2**53 - 1
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-SAFE, SAFE) | st.floats(allow_nan=False, allow_infinity=False)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@given(DOCUMENTS)
@example({"\ufb33": 1, "\U0001f600": 2, "a": '\u2028\x7f\x1f\\"'})
@example([1e-7, 1e-6, 1e21, 1e20, -0.0, 5e-324, 1.7976931348623157e308, 0.1, 1.0, 123456789012345680.0])
def test_it_writes_what_the_reference_writes(document: object) -> None:
    assert canonical_json(document) == rfc8785.dumps(document)  # type: ignore[arg-type]  # recursive JSON


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_survives_a_round_trip(number: float) -> None:
    assert float(canonical_json(number)) == number


@given(st.dictionaries(TEXTS, DOCUMENTS))
def test_a_context_hashes_the_same_after_the_servers_store_and_the_journey(document: dict[str, object]) -> None:
    stored = servers_canonical_json(document)
    sent = json.dumps(load_canonical(stored))

    received = json.loads(sent)

    assert document_hash(received) == hashlib.sha256(stored).hexdigest()


def test_a_whole_number_too_big_for_an_integer_is_a_double() -> None:
    assert canonical_json(10**20) == b"100000000000000000000"
    assert canonical_json(10**22) == b"1e+22"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), "\ud800"])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (which one, is Python's business)
        canonical_json(value)


def test_a_context_with_its_own_hash_passes() -> None:
    context = {"prices": {"close": "1.50"}, "indicators": {"rsi": 55.5}}

    verify_context_hash({"market_context": context, "context_hash": document_hash(context)})


def test_a_changed_context_is_refused_and_both_hashes_are_named() -> None:
    stated = document_hash({"prices": {}})

    with pytest.raises(ContextHashError, match=stated):
        verify_context_hash({"market_context": {"prices": {"close": "1.51"}}, "context_hash": stated})
