"""What the comparison says in sentences: what the pairs came to, and how much of that is execution or exits."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator_site.console.compare_charts import Unit, balanced
from outcomes.performance.comparison import Sums
from outcomes.performance.report import ENGINES


def lead(totals: Mapping[str, Sums], unit: Unit) -> str:
    """The comparison in one sentence; empty without pairs."""
    total = totals[""]
    if not total.n:
        return ""
    found = total.statistics
    interval = f" (95% interval for a single look: {unit.range(found.interval)})" if found.interval else ""
    pairs = f"{total.n:,} pairs" if total.n > 1 else "1 pair"
    return (
        f"On {pairs} A made {unit.text(total.of_a)} and B {unit.text(total.of_b)}: A - B is "
        f"{unit.text(total.difference)}, {unit.text(found.mean)} a pair{interval}."
    )


def execution(totals: Mapping[str, Sums], unit: Unit) -> str:
    """What share of the difference is execution, in words."""
    total = totals[""]
    if not total.n:
        return "No pair has capital at risk on both sides."
    estimate = balanced(totals)
    if estimate is None:
        only = "A" if totals["A"].n else "B"
        return (
            f"It cannot be said what share of the difference is execution: {only} traded for real in all {total.n:,} "
            "pairs, so skill and the cost of trading for real cannot be told apart."
        )
    a_real, b_real = (totals[engine].n for engine in ENGINES)
    mean = total.statistics.mean
    assert mean is not None
    due = estimate.execution_share(a_real, b_real)
    percent = round(100 * due / mean) if mean else 0
    share = f" ({percent}% of it)" if percent > 0 else ""
    against = " the other way: without it the difference would be larger" if percent < 0 else ""
    cost = estimate.real_execution_effect
    effect = f"costs {unit.text(cost)}" if cost >= 0 else f"adds {unit.text(-cost)}"
    return (
        f"Of the mean difference of {unit.text(mean)} a pair, {unit.text(due)}{share} is execution{against}. "
        f"Trading for real {effect} per trade, and A was real in {a_real:,} pairs, B in "
        f"{b_real:,}. The engines alone differ by {unit.text(estimate.engine_effect)} a pair."
    )


def exits(totals: Mapping[str, Sums], unit: Unit) -> str:
    """What share of the difference is exit timing, in words; of pairs by own exits."""
    total = totals[""]
    if not total.n:
        return (
            "How much of the difference is exit timing cannot be said: a shadow closes with the real trade, and none "
            "has also reported when it would have exited by its own rules."
        )
    synchronised, own = total.of_a / total.n, total.difference / total.n
    pairs = f"the {total.n:,} pairs" if total.n > 1 else "the 1 pair"
    return (
        f"On {pairs} whose shadow has also reported when it would have exited by its own rules, A - B is "
        f"{unit.text(synchronised)} a pair at the synchronised exits and {unit.text(own)} at own exits: "
        f"{unit.text(own - synchronised)} is exit timing."
    )
