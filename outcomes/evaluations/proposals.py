"""Block length, worst block and margin from past phases, and what each choice costs: weeks to a verdict.

The promise about the worst block comes from limits and history alone, never from what would win soonest; the length of
a block from the holds and from whether blocks foretell each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_UP, Decimal
from typing import Any

from kernel.errors import DomainError
from kernel.values import decimal_text
from outcomes.core.blocks import are_dependent
from outcomes.core.evaluation import EVENT, MAX_BLOCK_DAYS, EvaluationPlan, least_worst_block, read_plan
from outcomes.core.evidence import Wager
from outcomes.core.proposing import RUNS, Wait, until_better, until_equivalent
from outcomes.evaluations.rehearsal import Rehearsal, rehearse, split_in_force

# A day, a week and their multiples: lengths that people think in.
LENGTHS = (1, 7, 14, 28, 56, 91)
# With fewer blocks, drawing from them says nothing.
LEAST_BLOCKS = 20
_ANY_WORST = {"name": "proposal", "note": "A proposal.", "worst_block": "1", "horizon_blocks": 1, "margin": "0"}


def propose(
    terms: Mapping[str, Any], *, difference: float, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """What each length of blocks would cost; `difference` per signal is the true one to plan for, in the metric.

    Raises `invalid_evaluation` where history has too few blocks of any length.
    """
    if not difference > 0:
        raise DomainError("invalid_evaluation", "difference must be greater than 0.", "/difference")
    shortest = max(1, 2 * int(terms["max_hold_days"]))
    lengths = sorted({shortest, *(length for length in LENGTHS if length >= shortest)})
    choices = []
    for days in (length for length in lengths if length <= MAX_BLOCK_DAYS):
        plan = read_plan(_ANY_WORST | dict(terms) | {"block_days": days, "starts_at": _any_start(terms)})
        found = rehearse(plan, progress=lambda number, days=days: progress(f"blocks of {days} days: {number} read"))  # type: ignore[misc]
        if len(found.blocks) < LEAST_BLOCKS:
            continue
        choices.append(_choice(plan, found, difference, progress))
    if not choices:
        detail = (
            f"History has fewer than {LEAST_BLOCKS} blocks of any length, too few for a proposal. Choose the terms"
            " yourself, with the number of signals in a busy block (busy_signals)."
        )
        raise DomainError("invalid_evaluation", detail)
    # The shortest whose blocks do not foretell each other: longer ones only cost time.
    best = next((choice for choice in choices if not choice["dependent"]), choices[-1])
    return {"difference": difference, "choices": choices, "proposed": best, "lines": _lines(choices, best, difference)}


def _any_start(terms: Mapping[str, Any]) -> str | None:
    return "1970-01-01T00:00:00Z" if terms["clock"] == EVENT else None


def _choice(
    plan: EvaluationPlan, found: Rehearsal, difference: float, progress: Callable[[str], None]
) -> dict[str, Any]:
    blocks = [one.block.block for one in found.blocks]
    least = least_worst_block(plan, found.history, split_in_force())
    # With fewer than 60 blocks limits alone bind: a busy block in which every signal differs by 1 R.
    promised = least if least is not None else _from_limits(plan, found)
    worst = promised.quantize(Decimal("0.1"), rounding=ROUND_UP)
    margin = difference / 2
    days = plan.block_days

    def told(what: str) -> Callable[[int], None]:
        return lambda run: progress(f"blocks of {days} days: {what}, {run} of {RUNS} runs")

    better = until_better(blocks, Wager(float(worst)), difference, progress=told("A better"))
    alike = until_equivalent(blocks, Wager(float(worst), margin), progress=told("equivalent"))
    spans = (found.blocks[-1].block.last_day - found.blocks[0].block.first_day).days + 1
    weeks = spans / 7 / len(blocks)  # of a block with a signal
    return {
        "block_days": days,
        "blocks": len(blocks),
        "dependent": are_dependent(blocks),
        "worst_block": decimal_text(worst),
        "margin": round(margin, 6),
        "weeks_to_better": _weeks(better, weeks),
        "weeks_to_equivalent": _weeks(alike, weeks),
    }


def _from_limits(plan: EvaluationPlan, found: Rehearsal) -> Decimal:
    busy = {"busy_signals": found.history.busy_signals, "starts_at": plan.document()["starts_at"]}
    declared = read_plan(plan.document() | busy)
    least = least_worst_block(declared, found.history, split_in_force())
    assert least is not None
    return least


def _weeks(wait: Wait, weeks: float) -> dict[str, float | None]:
    """Half and four fifths of the runs; null beyond what was played."""
    return {
        "half": None if wait.half is None else round(wait.half * weeks, 1),
        "most": None if wait.most is None else round(wait.most * weeks, 1),
    }


def _lines(choices: list[dict[str, Any]], best: dict[str, Any], difference: float) -> list[str]:
    """The table for a terminal."""

    def weeks(found: dict[str, float | None]) -> str:
        return "/".join("-" if found[name] is None else f"{found[name]:g}" for name in ("half", "most"))

    head = f"Weeks until half / four fifths of {RUNS} runs on this desk's own blocks have an answer,"
    found = [
        f"{head} were A better by {difference:g} a signal, or were both alike (margin {difference / 2:g}).",
        f"{'days':>5} {'blocks':>6} {'worst block':>12} {'A better':>12} {'alike':>12}",
    ]
    found += [
        f"{one['block_days']:5} {one['blocks']:6} {one['worst_block']:>12} {weeks(one['weeks_to_better']):>12}"
        f" {weeks(one['weeks_to_equivalent']):>12}" + ("  depend on each other" if one["dependent"] else "")
        for one in choices
    ]
    return [
        *found,
        f"Proposed: --block-days {best['block_days']} --worst-block {best['worst_block']} --margin {best['margin']:g}",
    ]
