"""What may be doubted of a verdict, said on its page: how long one takes, what was assumed, what would undo it."""

from __future__ import annotations

from typing import Any

import pytest

from outcomes.admin import verdict_doubts as doubts
from outcomes.core.evidence import Block, Wager
from outcomes.core.proposing import blocks_left
from tests.outcomes.admin.verdict_document import make_block, make_document

UPS_AND_DOWNS = [0.5, -0.25, 0.75, 0.0] * 5


def assumed(document: dict[str, Any]) -> dict[str, doubts.Assumed]:
    return {one.what.partition(" ")[0]: one for one in doubts.assumptions(document)}


# How long it takes


def test_while_few_blocks_are_judged_nobody_says_how_long_it_takes() -> None:
    document = make_document(*UPS_AND_DOWNS[:19])

    assert doubts.prospects(document) is None
    assert doubts.outlook(document, None) == (
        "19 of 100 blocks are judged. From 20 on, this page says about how many weeks a verdict takes."
    )


def test_how_long_it_takes_is_told_for_the_difference_seen_twice_and_half_of_it_and_for_none() -> None:
    document = make_document(*UPS_AND_DOWNS, content={"margin": "0.20", "worst_block": "2.00"})

    found = doubts.prospects(document)

    assert found is not None
    assert [one.supposed for one in found] == [
        "twice what was seen, +0.25 R", "as seen, +0.125 R", "half of it, +0.0625 R", "none: equivalent within 0.2 R",
    ]  # fmt: skip
    # A block is a week.
    bets = [Block(x, x, 2.0) for x in UPS_AND_DOWNS]
    left = [blocks_left(bets, Wager(2.0, 0.2), difference) for difference in (0.25, 0.125, 0.0625, 0.0)]
    assert [one.blocks for one in found] == [f"about {blocks}" for blocks in left]
    assert [one.time.split(" (")[0] for one in found] == [f"{one.blocks} weeks" for one in found]
    assert doubts.outlook(document, found) == (
        f"Should the difference stay as seen, about {left[1]} more blocks decide it: {found[1].time}. It ends"
        " after 100 blocks, of which 20 are judged."
    )


def test_what_nobody_waits_for_is_more_than_can_be_reckoned() -> None:
    found = doubts.prospects(make_document(*([0.001, -0.001] * 10), verdict="INCONCLUSIVE"))

    assert found is not None
    assert {(one.blocks, one.time) for one in found} == {("more than 1,500", "more than 1,500 weeks (29 years)")}
    assert doubts.outlook(make_document(verdict="INCONCLUSIVE"), found) == (
        "Had it gone on as it was, more than 1,500 more blocks would have decided it: more than 1,500 weeks (29 years)."
    )


@pytest.mark.parametrize("verdict", ["A_BETTER", "EQUIVALENT", "ASSUMPTION_BROKEN"])
def test_after_a_verdict_nobody_waits(verdict: str) -> None:
    document = make_document(*UPS_AND_DOWNS, verdict=verdict)

    assert doubts.prospects(document) is None
    assert doubts.outlook(document, None) is None


# What was assumed, and what would undo it


def test_the_worst_block_stands_beside_the_largest_that_was_seen() -> None:
    held = assumed(make_document(4.5, -6.0))["No"]
    broken = assumed(make_document(blocks=[make_block(1, 0.0, x_low="-9.9", x_high="1")]))["No"]
    nothing = assumed(make_document(phase={"least_worst_block": None, "history_blocks": 12}))["No"]

    assert (held.promised, held.seen, held.holds) == (
        "±9 R; limits and history asked for at least 8", "largest 6 R, 67% of it", True,
    )  # fmt: skip
    assert (broken.seen, broken.holds) == (
        "largest with all prices 0 R, 0% of it; where prices are missing, up to 9.9 R, 110%",
        False,
    )
    assert (nothing.promised, nothing.seen, nothing.holds) == (
        "±9 R; nothing told how bad one can be, with 12 earlier blocks to check it against", "no block yet", None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("correlation", "seen", "holds"),
    [(None, "too few blocks", None), ("0.9", "0.90", True), ("1.1", "1.10", False), ("-0.9", "-0.90", True)],
)
def test_blocks_may_foretell_each_other_as_much_as_chance_does(
    correlation: str | None, seen: str, holds: bool | None
) -> None:
    document = make_document(1.0, 2.0, 1.5, 0.5)
    document["beside"]["lag_correlation"] = correlation

    found = assumed(document)["Blocks"]

    assert (found.seen, found.holds) == (seen, holds)
    assert found.promised == "a correlation from block to block within chance, up to 1.00"


def test_missing_prices_long_holds_and_an_unfair_coin_are_told_by_their_numbers() -> None:
    document = make_document(1.0)
    prices, holds = assumed(document)["Opened"], assumed(document)["Trades"]
    assert (prices.seen, prices.holds) == ("A 5 of 100 without (5.0%), B 0 of 80 without (0.0%)", True)
    assert (holds.promised, holds.seen, holds.holds) == ("held at most 3 days", "0 held longer", True)

    document["counts"] |= {"missing": {"a": 6, "b": 0}, "opened": {"a": 100, "b": 0}, "HOLD_EXCEEDED": 2}
    document["beside"]["sample_ratio"] = {"split": "0.5", "a": 900, "b": 300, "e": "12345.6", "alarm": True}
    found = assumed(document)

    assert (found["Opened"].seen, found["Opened"].holds) == ("A 6 of 100 without (6.0%), B 0 of 0 without", False)
    assert (found["Trades"].seen, found["Trades"].holds) == ("2 held longer", False)
    assert (found["Real"].seen, found["Real"].holds) == ("900 of 1,200 to A; e = 12,300, alarm at 1000", False)


def test_a_verdict_is_undone_by_the_other_side_and_by_another_phase() -> None:
    since = {"e_a": "0.4", "e_b": "12.0"}

    lines = list(doubts.undone_by(make_document(1.0, verdict="A_BETTER", at_block=1, since=since)))

    assert lines[0].startswith("The same bet, begun afresh after block 1, stands at 12 for B: at 40 the evidence")
    assert (
        lines[1]
        == "It applies to this phase only: it says nothing about other rules, another strategy or another policy."
    )
    assert "stands at 0.4 for A" in next(
        doubts.undone_by(make_document(1.0, verdict="B_BETTER", at_block=1, since=since))
    )


def test_what_would_give_a_verdict_is_said_while_it_runs() -> None:
    revised = make_block(1, 1.0, revisions=[{"judged_at": "later", "x_low": "1", "x_high": "1"}])

    lines = list(doubts.undone_by(make_document(blocks=[revised])))

    assert lines[0] == "Evidence of 40 for either engine is a verdict, at the block that brings it."
    assert "inconclusive after 100 blocks, when it is finished, or when the policy" in lines[1]
    assert lines[2].startswith("A block beyond ±9 R breaks the assumption")
    assert lines[-1].endswith("1 so far. A new evaluation would count them.")
