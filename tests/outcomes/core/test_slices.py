"""Slices: declared with the plan, in its hash, and each judged at its share of the error rate."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kernel.errors import DomainError
from outcomes.core.evaluation import read_plan
from outcomes.core.slices import MAX_SLICE, MOST_SLICES, Slice, read_slices

PLAN: dict[str, Any] = {
    "name": "spring", "note": "A test.", "clock": "WALL", "metric": "R", "estimand": "SYNCHRONISED",
    "prices": "NEUTRAL", "block_days": 7, "max_hold_days": 0, "worst_block": "9", "horizon_blocks": 60,
}  # fmt: skip


def test_a_slice_takes_the_signals_with_exactly_its_value() -> None:
    slice_ = Slice.of(" strategy = a=b ")

    assert str(slice_) == "strategy=a=b"
    assert [slice_.takes(SimpleNamespace(strategy=value)) for value in ("a=b", "A=B", "")] == [True, False, False]


@pytest.mark.parametrize("given", [["symbol=SPY", " direction=LONG "], "symbol=SPY\n\ndirection=LONG\n"])
def test_slices_are_a_list_or_one_a_line(given: Any) -> None:
    assert read_slices(given) == ("symbol=SPY", "direction=LONG")


@pytest.mark.parametrize(
    ("slices", "words"),
    [
        (["symbol"], "is not field=value"),
        (["symbol="], "is not field=value"),
        (["variant=A"], "symbol, timeframe, direction, strategy, source"),  # who is real is no slice
        (["x" * 81], f"'{'x' * 80}' is not field=value"),  # no more of it is repeated
        (["symbol=SPY", "symbol=SPY"], ": Each once"),
        ([f"symbol={number}" for number in range(MOST_SLICES + 1)], "At most 20"),
        (["symbol=" + "x" * 300], "At most 300 characters"),
        (7, ": Must be a list of texts"),
    ],
)
def test_a_slice_that_cannot_be_judged_is_refused(slices: Any, words: str) -> None:
    with pytest.raises(DomainError, match=words) as refused:
        read_plan(PLAN | {"slices": slices})

    assert refused.value.pointer == "/slices"


def test_the_most_and_the_longest_slices_are_taken() -> None:
    most = tuple("symbol=" + f"{number:02}".rjust(MAX_SLICE - 7, "x") for number in range(MOST_SLICES))

    assert read_slices(most) == most


def test_slices_are_part_of_the_content_and_share_the_error_rate() -> None:
    plain, sliced = read_plan(PLAN), read_plan(PLAN | {"slices": ["symbol=SPY", "direction=LONG"]})

    assert (plain.document()["slices"], sliced.document()["slices"]) == ([], ["symbol=SPY", "direction=LONG"])
    assert plain.content_hash() != sliced.content_hash()
    assert (sliced.wager.needed, sliced.slice_wager.needed) == (40, 80)
    assert read_plan(sliced.document()) == sliced
