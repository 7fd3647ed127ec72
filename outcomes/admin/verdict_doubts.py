"""What the reader of a verdict may doubt: what it assumes, what would undo it, how long one takes.

From its document alone, so that a kept one reads as it did.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from kernel.values import figure_text
from outcomes.admin.verdict_charts import largest_in_words, middle, most
from outcomes.admin.verdict_words import MEANS, unit_of
from outcomes.core.evaluation import ENOUGH_HISTORY, read_plan
from outcomes.core.evidence import A_BETTER, B_BETTER, INCONCLUSIVE, RUNNING, Block
from outcomes.core.judging import MOST_MISSING
from outcomes.core.proposing import MOST_BLOCKS, blocks_left
from outcomes.core.sentences import HOLD_EXCEEDED
from outcomes.core.statistics import SAMPLE_RATIO_ALARM

# With fewer blocks, their spread says too little of those to come.
LEAST_BLOCKS = 20
# From so many on they are told in years, too.
MANY_WEEKS = 105


@dataclass(frozen=True, slots=True)
class Assumed:
    """One thing that the verdict rests on: as promised, as seen so far, and whether it has held."""

    what: str
    promised: str
    seen: str
    holds: bool | None  # None: nothing seen yet


@dataclass(frozen=True, slots=True)
class Prospect:
    """About how long it would take, were the difference this one."""

    supposed: str
    blocks: str
    time: str


def assumptions(document: Mapping[str, Any]) -> list[Assumed]:
    """What the verdict rests on."""
    content, blocks, counts, unit = document["content"], document["blocks"], document["counts"], unit_of(document)
    worst = float(content["worst_block"])
    asked = document["phase"]["least_worst_block"]
    least = figure_text(asked) if asked else ""
    history = document["phase"]["history_blocks"]
    because = f"limits and history asked for at least {least}" if asked else "nothing told how bad one can be"
    shares = {engine: (counts["missing"][engine], counts["opened"][engine]) for engine in ("a", "b")}
    found = [
        Assumed(
            "No block is beyond the assumed worst case",
            f"±{worst:g} {unit}; {because}"
            + ("" if history >= ENOUGH_HISTORY else f", with {history:,} earlier blocks to check it against"),
            largest_in_words(blocks, worst, unit) if blocks else "no block yet",
            max(map(most, blocks)) <= worst if blocks else None,
        ),
        _independence(document),
        Assumed(
            "Opened trades have a price that counts",
            f"at most {MOST_MISSING:.0%} of an engine's openings without one; what counts: {MEANS[content['prices']]}",
            ", ".join(
                f"{engine.upper()} {missing:,} of {opened:,} without" + (f" ({missing / opened:.1%})" if opened else "")
                for engine, (missing, opened) in shares.items()
            ),
            all(missing <= MOST_MISSING * opened for missing, opened in shares.values()),
        ),
        Assumed(
            "Trades end inside their block or soon after",
            f"held at most {content['max_hold_days']} days",
            f"{counts[HOLD_EXCEEDED]:,} held longer",
            not counts[HOLD_EXCEEDED],
        ),
    ]
    ratio = document["beside"].get("sample_ratio")
    if ratio:
        total = ratio["a"] + ratio["b"]
        found.append(
            Assumed(
                "Real and shadow are assigned at random",
                f"{float(ratio['split']):.0%} of signals assigned to A",
                f"{ratio['a']:,} of {total:,} to A; e = {figure_text(ratio['e'])}, alarm at {SAMPLE_RATIO_ALARM:g}",
                not ratio["alarm"],
            )
        )
    return found


def _independence(document: Mapping[str, Any]) -> Assumed:
    number, correlation = len(document["blocks"]), document["beside"]["lag_correlation"]
    limit = 2 / math.sqrt(number) if number else None
    return Assumed(
        "Blocks do not predict each other",
        "a correlation from block to block within chance" + (f", up to {limit:.2f}" if limit else ""),
        "too few blocks" if correlation is None else f"{float(correlation):.2f}",
        None if correlation is None or limit is None else float(correlation) <= limit,
    )


def undone_by(document: Mapping[str, Any]) -> Iterator[str]:
    """What would end the verdict, weaken it, or give one."""
    needed, unit = float(document["evidence"]["needed"]), unit_of(document)
    verdict, since = document["verdict"], document["since"]
    if verdict in (A_BETTER, B_BETTER) and since:
        other = "B" if verdict == A_BETTER else "A"
        yield (
            f"The same bet, begun afresh after block {document['at_block']}, stands at"
            f" {figure_text(since[f'e_{other.lower()}'])} for {other}: at {needed:g} the evidence has turned around,"
            " and the sentence says so."
        )
    if verdict == RUNNING:
        yield f"Evidence of {needed:g} for either engine is a verdict, at the block that brings it."
        yield (
            f"Without one it is inconclusive after {document['content']['horizon_blocks']:,} blocks, when it is"
            " finished, or when the policy, the rules or the strategy of an engine changes."
        )
    else:
        yield "It applies to this phase only: it says nothing about other rules, another strategy or another policy."
    worst = float(document["content"]["worst_block"])
    broken = any(most(one) > worst for one in document["blocks"])
    yield (
        f"A block beyond ±{worst:g} {unit} breaks the assumption; betting strategies that it could ruin are excluded."
        + (" That has happened." if broken else "")
    )
    yield "If blocks are autocorrelated, the sentence opens with that warning: do not move capital on it."
    revised = sum(bool(block["revisions"]) for block in document["blocks"])
    yield (
        "Later corrections stand beside their block as revisions and change no verdict: "
        + ("none so far." if not revised else f"{revised:,} so far. A new evaluation would count them.")
    )


def prospects(document: Mapping[str, Any]) -> list[Prospect] | None:
    """About how long until it could say something; None where it has, or with too few blocks to tell."""
    blocks = document["blocks"]
    if document["verdict"] not in (RUNNING, INCONCLUSIVE) or len(blocks) < LEAST_BLOCKS:
        return None
    plan = read_plan(document["content"])
    bets = [Block(float(one["x_low"]), float(one["x_high"]), float(one["m"])) for one in blocks]
    seen = sum(map(middle, blocks)) / sum(one.m for one in bets)
    span = (date.fromisoformat(blocks[-1]["to"]) - date.fromisoformat(blocks[0]["from"])).days + 1
    unit = unit_of(document)
    # Then the difference is known within bounds alone.
    unpriced = any(one.low != one.high for one in bets)
    # What it would take to be shown right, and what if the lead was luck in part.
    as_seen = "as seen, the midpoint of the bounds" if unpriced else "as seen"
    asked = [
        (f"{words}, {figure_text(difference, signed=True)} {unit}", difference)
        for words, difference in (("twice what was seen", 2 * seen), (as_seen, seen), ("half of it", seen / 2))
    ]
    if plan.margin:
        asked.append((f"none: equivalent within {float(plan.margin):g} {unit}", 0.0))
    found = []
    for supposed, difference in asked:
        left = blocks_left(bets, plan.wager, difference)
        # Days without signals have no block, so the calendar is that of the blocks so far.
        weeks = math.ceil((MOST_BLOCKS if left is None else left) * span / 7 / len(blocks))
        more = "more than " if left is None else "about "
        years = f" ({round(weeks * 7 / 365.25):,} years)" if weeks >= MANY_WEEKS else ""
        time = f"{weeks:,} weeks{years}"
        found.append(Prospect(supposed, f"{more}{MOST_BLOCKS if left is None else left:,}", f"{more}{time}"))
    return found


def outlook(document: Mapping[str, Any], found: Sequence[Prospect] | None) -> str | None:
    """Under a sentence that tells nobody apart: about how long it takes. None where there is nothing to wait for."""
    if found is not None:
        seen, horizon = found[1], document["content"]["horizon_blocks"]
        if document["verdict"] == RUNNING:
            return (
                f"Should the difference stay as seen, {seen.blocks} more blocks decide it: {seen.time}. It ends"
                f" after {horizon:,} blocks, of which {len(document['blocks']):,} are judged."
            )
        return f"Had it gone on as it was, {seen.blocks} more blocks would have decided it: {seen.time}."
    if document["verdict"] == RUNNING:
        return (
            f"{len(document['blocks'])} of {document['content']['horizon_blocks']:,} blocks are judged. From"
            f" {LEAST_BLOCKS} on, this page says about how many weeks a verdict takes."
        )
    return None
