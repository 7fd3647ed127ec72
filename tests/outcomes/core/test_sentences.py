"""The sentence of an evaluation says who is better, by how much, and what to beware of."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from outcomes.core.evaluation import read_plan
from outcomes.core.evidence import A_BETTER, ASSUMPTION_BROKEN, B_BETTER, EQUIVALENT, INCONCLUSIVE, RUNNING, Block
from outcomes.core.judging import JudgedBlock
from outcomes.core.sentences import (
    NOT_SEPARABLE,
    Spoken,
    sentence,
    state_of_verdict,
)

PLAN: dict[str, Any] = {
    "name": "spring", "note": "A test.", "clock": "WALL", "metric": "R", "estimand": "SYNCHRONISED",
    "prices": "NEUTRAL", "block_days": 7, "max_hold_days": 0, "worst_block": "9", "margin": "0.2",
    "horizon_blocks": 60,
}  # fmt: skip


def block(x: float, *, week: int = 0, m: float = 2.0) -> JudgedBlock:
    first = date(2026, 3, 2) + timedelta(weeks=week)
    return JudgedBlock(first, first + timedelta(days=6), 4, 4, Block(x, x, m), (4, 4), (0, 0))


BLOCKS = (block(0.5), block(0.1, week=1))


def said(verdict: str = A_BETTER, *, changes: dict[str, Any] | None = None, **spoken: Any) -> str:
    parts: dict[str, Any] = {
        "plan": read_plan(PLAN | (changes or {})), "verdict": verdict, "blocks": BLOCKS, "evidence": (41.5, 0.01),
        "interval": (0.02, 0.31), "flags": (), "currency": "USD", "attempt": 1,
    }  # fmt: skip
    return sentence(Spoken(**(parts | spoken)))


@pytest.mark.parametrize(
    ("interval", "range_"),
    [
        ((0.02, 0.31), ", 95% at every look: 0.02 to 0.31"),
        ((0.02, None), ", 95% at every look: at least 0.02"),
        ((None, 0.31), ", 95% at every look: at most 0.31"),
        ((None, None), ""),
    ],
)
def test_the_better_one_is_named_with_the_difference_and_its_interval(
    interval: tuple[float | None, float | None], range_: str
) -> None:
    assert said(interval=interval) == (f"A is better by 0.15 R a signal{range_}, by block 2, 2026-03-02 to 2026-03-15.")


def test_where_b_is_better_its_lead_is_positive_and_the_interval_turned_around() -> None:
    blocks = (block(-0.5), block(-0.1, week=1))

    text = said(B_BETTER, blocks=blocks, interval=(-0.31, -0.02), changes={"metric": "CURRENCY"})

    assert (
        text
        == "B is better by 0.15 USD a signal, 95% at every look: 0.02 to 0.31, by block 2, 2026-03-02 to 2026-03-15."
    )
    # The end that is not refuted turns around with the rest.
    assert ", 95% at every look: at least 0.02, by" in said(B_BETTER, blocks=blocks, interval=(None, -0.02))
    assert ", 95% at every look: at most 0.31, by" in said(B_BETTER, blocks=blocks, interval=(-0.31, None))


def test_small_differences_keep_two_digits() -> None:
    assert "by 0.0015 R" in said(blocks=(block(0.003),))
    assert "by 0.01 R" in said(blocks=(block(0.02),))
    assert "by 0.00 R" in said(blocks=(block(0.0),))


def test_large_numbers_have_their_thousands_apart() -> None:
    assert "by 1,234.50 R a signal" in said(blocks=(block(2469.0),))
    assert (
        said(INCONCLUSIVE, blocks=BLOCKS * 500) == "Inconclusive after 1,000 blocks: not enough to separate A from B."
    )


def test_a_single_block_is_one() -> None:
    assert said(INCONCLUSIVE, blocks=BLOCKS[:1]) == "Inconclusive after 1 block: not enough to separate A from B."


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (
            EQUIVALENT,
            "A and B are equivalent: they differ by less than 0.20 R a signal, by block 2, 2026-03-02 to 2026-03-15.",
        ),
        (INCONCLUSIVE, "Inconclusive after 2 blocks: not enough to separate A from B."),
        (
            ASSUMPTION_BROKEN,
            "No verdict: blocks were so much worse than thought possible, 9.00 R, that no bet is left.",
        ),
        (RUNNING, "Running: evidence 41.50 for A and 0.01 for B, of 40 needed, after 2 blocks."),
        (NOT_SEPARABLE, "Nothing could be compared: skill and the cost of being real cannot be told apart."),
    ],
)
def test_without_a_winner_it_says_why(verdict: str, text: str) -> None:
    assert said(verdict) == text


def test_who_was_always_real_is_named() -> None:
    text = said(NOT_SEPARABLE, always_real="A")

    assert text == "A was always real: skill and the cost of being real cannot be told apart."


def test_what_to_beware_of_comes_first_and_the_earlier_attempts_last() -> None:
    text = said(
        flags=("DEPENDENT_BLOCKS", "REVERSED"),
        changes={"prices": "ENGINES", "clock": "EVENT", "starts_at": "2026-03-02T05:00:00Z", "reason": "Limits"},
        attempt=3,
        earlier=(("one", "INCONCLUSIVE"), ("two", "B_BETTER")),
    )

    assert text.startswith(
        "REPLAYED, a rehearsal: On the engines' own prices: Blocks depend on each other: A is better by"
    )
    assert text.endswith(
        " Since then the evidence has turned around. The worst block was put at 9.00 R: Limits."
        " Attempt 3, after one (INCONCLUSIVE), two (B_BETTER)."
    )


def test_each_warning_stands_alone() -> None:
    bare = said()

    assert said(flags=("DEPENDENT_BLOCKS",)) == f"Blocks depend on each other: {bare}"
    assert said(flags=("REVERSED",)) == f"{bare} Since then the evidence has turned around."
    assert said(changes={"prices": "ENGINES"}) == f"On the engines' own prices: {bare}"
    assert said(attempt=2, earlier=(("one", "INCONCLUSIVE"),)) == f"{bare} Attempt 2, after one (INCONCLUSIVE)."


def test_a_reason_is_cited_with_one_full_stop_and_the_promise_in_its_unit() -> None:
    text = said(changes={"reason": "The desk's limit.", "metric": "CURRENCY"}, currency="EUR")

    assert text.endswith(" The worst block was put at 9.00 EUR: The desk's limit.")


def test_while_too_much_is_missing_it_says_so() -> None:
    assert said(RUNNING, flags=("MISSING_PRICES",)) == (
        "Running: too much has no price to say anything; evidence 41.50 for A and 0.01 for B, of 40 needed, "
        "after 2 blocks."
    )


@pytest.mark.parametrize(
    ("verdict", "is_concluded", "compared", "decided", "expected"),
    [
        (RUNNING, False, 0, 9, RUNNING),
        (RUNNING, True, 3, 9, INCONCLUSIVE),
        (RUNNING, True, 0, 9, NOT_SEPARABLE),
        (RUNNING, True, 0, 0, INCONCLUSIVE),
        (A_BETTER, True, 3, 9, A_BETTER),
    ],
)
def test_at_the_end_a_verdict_that_did_not_come_is_named(
    verdict: str, is_concluded: bool, compared: int, decided: int, expected: str
) -> None:
    assert state_of_verdict(verdict, is_concluded=is_concluded, compared=compared, decided=decided) == expected
