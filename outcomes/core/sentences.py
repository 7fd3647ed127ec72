"""What an evaluation says, in one sentence that can be cited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernel.values import day_text, figure_text
from outcomes.core.beside import mean_per_signal
from outcomes.core.evaluation import ALPHA, ENGINES, EVENT, EvaluationPlan
from outcomes.core.evidence import A_BETTER, ASSUMPTION_BROKEN, B_BETTER, EQUIVALENT, INCONCLUSIVE, RUNNING
from outcomes.core.judging import DEPENDENT_BLOCKS, MISSING_PRICES, JudgedBlock

NOT_SEPARABLE = "NOT_SEPARABLE"
LEAST_IN_DECIMALS = 0.1
REVERSED, DRIFT, NO_HISTORY, HOLD_EXCEEDED = "REVERSED", "DRIFT", "NO_HISTORY", "HOLD_EXCEEDED"
FLAGS = {
    "BEYOND_L": "A block was beyond the assumed worst case.",
    DEPENDENT_BLOCKS: "Blocks are autocorrelated, so chance alone finds a winner more often than it may.",
    DRIFT: "The difference was not the same all the time; there is no interval.",
    HOLD_EXCEEDED: "Trades were held longer than max_hold_days.",
    MISSING_PRICES: (
        "More than 5% of what an engine opened has no price that counts, so there is no verdict. Let the feeder quote "
        "the contracts at entry and exit; the share falls with each block that has its prices."
    ),
    NO_HISTORY: "The worst block was promised without 60 earlier blocks to check it against.",
    NOT_SEPARABLE: "Skill and the cost of being real cannot be told apart.",
    REVERSED: "Since the verdict the evidence has turned around.",
}


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the sentence is made of. `blocks` are those that the verdict speaks of; `interval` is as of the last."""

    plan: EvaluationPlan
    verdict: str
    blocks: Sequence[JudgedBlock]
    evidence: tuple[float, float]
    interval: tuple[float | None, float | None]
    flags: Sequence[str]
    currency: str
    attempt: int
    earlier: Sequence[tuple[str, str]] = ()  # name and verdict of the attempts before it
    always_real: str | None = None  # the engine that was, where nothing could be compared


def sentence(spoken: Spoken) -> str:
    """The verdict as it may be cited."""
    plan = spoken.plan
    said = (
        ("REPLAYED, a rehearsal: " if plan.clock == EVENT else "")
        + ("On the engines' own prices: " if plan.prices == ENGINES else "")
        + ("Blocks depend on each other: " if DEPENDENT_BLOCKS in spoken.flags else "")
        + _said(spoken)
    )
    if REVERSED in spoken.flags:
        said += " Since then the evidence has turned around."
    if plan.reason:
        said += f" The worst block was put at {_number(float(plan.worst_block))} {_unit(spoken)}: {plan.reason}"
        said += "" if plan.reason.endswith(".") else "."
    if spoken.attempt > 1:
        before = ", ".join(f"{name} ({verdict})" for name, verdict in spoken.earlier)
        said += f" Attempt {spoken.attempt}, after {before}."
    return said


def _said(spoken: Spoken) -> str:
    blocks, unit = spoken.blocks, _unit(spoken)
    if spoken.verdict in (A_BETTER, B_BETTER):
        better = "A" if spoken.verdict == A_BETTER else "B"
        sign = 1 if better == "A" else -1
        lower, upper = spoken.interval if better == "A" else spoken.interval[::-1]
        by = sign * mean_per_signal(blocks)
        return f"{better} is better by {_number(by)} {unit} a signal{_between(lower, upper, sign)}, {_when(blocks)}."
    if spoken.verdict == EQUIVALENT:
        margin = _number(float(spoken.plan.margin))
        return f"A and B are equivalent: they differ by less than {margin} {unit} a signal, {_when(blocks)}."
    if spoken.verdict == ASSUMPTION_BROKEN:
        worst = _number(float(spoken.plan.worst_block))
        return f"No verdict: blocks were so much worse than thought possible, {worst} {unit}, that no bet is left."
    if spoken.verdict == NOT_SEPARABLE:
        who = f"{spoken.always_real} was always real: " if spoken.always_real else "Nothing could be compared: "
        return f"{who}skill and the cost of being real cannot be told apart."
    if spoken.verdict == INCONCLUSIVE:
        return f"Inconclusive after {_blocks(len(blocks))}: not enough to separate A from B."
    needed = _number(spoken.plan.wager.needed, decimals=0)
    for_a, for_b = (_number(value) for value in spoken.evidence)
    waits = "too much has no price to say anything; " if MISSING_PRICES in spoken.flags else ""
    return (
        f"Running: {waits}evidence {for_a} for A and {for_b} for B, of {needed} needed, after {_blocks(len(blocks))}."
    )


def _unit(spoken: Spoken) -> str:
    return "R" if spoken.plan.metric == "R" else spoken.currency


def _between(lower: float | None, upper: float | None, sign: int) -> str:
    sure = f", {100 * (1 - ALPHA):.0f}% at every look:"
    if lower is not None and upper is not None:
        return f"{sure} {_number(sign * lower)} to {_number(sign * upper)}"
    if lower is not None:
        return f"{sure} at least {_number(sign * lower)}"
    return "" if upper is None else f"{sure} at most {_number(sign * upper)}"


def _when(blocks: Sequence[JudgedBlock]) -> str:
    return f"by block {len(blocks)}, {day_text(blocks[0].first_day)} to {day_text(blocks[-1].last_day)}"


def _blocks(number: int) -> str:
    return "1 block" if number == 1 else f"{number:,} blocks"


def _number(value: float, decimals: int = 2) -> str:
    """For people: two decimals, or three digits where two decimals would say little or nothing."""
    return figure_text(value) if 0 < abs(value) < LEAST_IN_DECIMALS else f"{value:,.{decimals}f}"


def state_of_verdict(verdict: str, *, is_concluded: bool, compared: int, decided: int) -> str:
    """The verdict once nothing is added any more: without one it is INCONCLUSIVE, or nothing could be compared."""
    if verdict != RUNNING or not is_concluded:
        return verdict
    return NOT_SEPARABLE if decided and not compared else INCONCLUSIVE
