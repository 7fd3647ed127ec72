"""What an evaluation's page says in words: what was fixed, who is counted, what stands beside the verdict.

From its document alone, so that a kept one reads as it did. Nothing here says who is better: that is the sentence's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernel.values import figure_text
from outcomes.core.evaluation import CHOICES

LEAST_P = 0.001
STANDINGS = {
    "VALUED": "Traded, with a value",
    "DECLINED": "Declined: worth 0",
    "NO_ANSWER": "No answer in time: worth 0",
    "NOT_FILLED": "Real order not filled: worth 0",
    "OVERTAKEN": "Answered after the real exit: worth 0",
    "MISSING": "No value: taken at its worst for that engine",
}
# As verdict_missing.sql names them.
REASONS = ("never opened", "unpriced, or still open at the deadline", "broke a rule")
# A kept page holds the names, so they stay.
SAID = {REASONS[1]: "no price that counts, or still open at the deadline"}
CONTENT = {
    "note": "Hypothesis", "metric": "Metric", "estimand": "Compared at", "prices": "Prices that count",
    "clock": "Clock", "starts_at": "Signals from", "block_days": "Days in a block",
    "max_hold_days": "Longest hold, days", "worst_block": "Worst block", "margin": "Margin",
    "horizon_blocks": "Horizon, blocks", "alpha": "Alpha", "max_signals": "Maximum signals per block",
    "busy_signals": "Signals in a busy block", "reason": "Reason", "slices": "Slices",
}  # fmt: skip
MEANS = {
    "WALL": "signals as they arrive", "EVENT": "a replayed source's signals, by their own time",
    "R": "return on the capital at risk", "CURRENCY": "profit and loss in the policy's currency",
    "SYNCHRONISED": "both at the real exit", "OWN_EXIT": "each at its own exit",
    "NEUTRAL": "only prices that neither engine could choose", "ENGINES": "all but model prices",
}  # fmt: skip


# Of a metric in currency the plan knows no currency: that is the phase's.
IN_UNITS = ("worst_block", "margin")


def unit_of(document: Mapping[str, Any]) -> str:
    """R, or the currency of the phase."""
    if document["content"]["metric"] == "R":
        return "R"
    return str((document.get("phase") or {}).get("currency", "of the policy's currency"))


def label_of(name: str) -> str:
    """What a member of the content is called."""
    return CONTENT.get(name, name.capitalize())


def choices_of(name: str) -> list[tuple[str, str]]:
    """Its values for a form, each with what it means."""
    return [(value, f"{value}: {MEANS[value]}") for value in CHOICES[name]]


def content_lines(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was fixed, each with what its value means."""
    found = []
    # In an order of its own: a document that was kept comes back sorted by name.
    for name, label in CONTENT.items():
        value = content.get(name)
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        elif isinstance(value, int):
            value = f"{value:,}"
        elif value and name == "starts_at":
            value = str(value).replace(".000000Z", "Z")
        elif value and name in IN_UNITS and content["metric"] == "R":
            value = f"{value} R"
        if value not in (None, ""):
            found.append((label, f"{value}: {MEANS[value]}" if value in MEANS else str(value)))
    return found


def standing_rows(counts: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """Where each engine stood in the signals that take part."""
    return [
        (words, counts["a"].get(name, 0), counts["b"].get(name, 0))
        for name, words in STANDINGS.items()
        if name in ("VALUED", "DECLINED", "MISSING") or name in counts["a"] or name in counts["b"]
    ]


def reason_rows(counts: Mapping[str, Any], because: Mapping[str, Mapping[str, int]]) -> list[tuple[str, int, int]]:
    """Why sides have no value, those included that traded without anything at risk to divide by."""
    rows = [
        (f"… {SAID.get(one, one)}", because.get("A", {}).get(one, 0), because.get("B", {}).get(one, 0))
        for one in REASONS
    ]
    a = counts["a"].get("MISSING", 0) - sum(of_a for _, of_a, _ in rows)
    b = counts["b"].get("MISSING", 0) - sum(of_b for _, _, of_b in rows)
    return [*rows, ("… nothing at risk to divide by", a, b)] if a or b else rows


def beside_rows(document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The figures beside the verdict: name, value, and what it means."""
    beside, unit = document["beside"], unit_of(document)

    def mean(name: str) -> str:
        found = beside[name]
        return "none" if found["mean"] is None else f"{float(found['mean']):+.3f} {unit} over {_signals(found['n'])}"

    def at(name: str) -> str:
        found = exits[name]
        return "none" if found is None else f"{float(found):+.3f} {unit} over {_signals(exits['n'])}"

    won, fixed, exits = beside["blocks_won"], beside["fixed_n"], beside["exits"]
    per_block = beside["mean_per_block"]
    return [
        ("While A was real", mean("a_real"), "A minus B; A's result includes the cost of real execution"),
        ("While B was real", mean("b_real"), "A minus B; B's result includes it"),
        ("Cost of real execution", *_execution(document)),
        ("Where both traded", mean("both_traded"), "A minus B, of this evaluation's signals that have both prices"),
        ("At the real exit", at("synchronised"), "of the signals that have a value at both kinds of exit"),
        ("At each side's own exit", at("own_exits"), "the same signals"),
        (
            "Mean of the blocks",
            "none" if per_block is None else f"{float(per_block):+.3f} {unit} a signal",
            "every block counts the same, however many signals it has",
        ),
        (
            "Blocks won",
            f"A {won['a']:,}, B {won['b']:,}",
            f"the sign alone: e = {figure_text(won['e_for_a'])} for A, {figure_text(won['e_for_b'])} for B at any look",
        ),
        (
            "Wilcoxon signed rank",
            _p(fixed["wilcoxon_p"]),
            f"a fixed-n test of {fixed['blocks']:,} blocks at their midpoints, for one look: no verdict",
        ),
        ("Sign test", _p(fixed["sign_p"]), "likewise: neither is valid at repeated looks"),
    ]  # fmt: skip


def slice_rows(document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Each slice that was declared beforehand: its verdict, evidence and difference."""
    unit = unit_of(document)
    found = []
    for one in document["beside"]["slices"]:
        seen = one["mean_per_signal"]
        mean = "no difference yet" if seen is None else f"{figure_text(seen, signed=True)} {unit} a signal"
        edges = ["open" if edge is None else figure_text(edge) for edge in one["interval"] or ()]
        said = ", ".join([one["verdict"], *one["flags"]])
        evidence = f"A {figure_text(one['e_a'])}, B {figure_text(one['e_b'])} of {float(one['needed']):g}"
        between = f" ({' to '.join(edges)})" if edges else ""
        found.append((f"{one['slice']} ({_signals(one['signals'])})", said, f"{mean}{between}; {evidence}"))
    return found


def _execution(document: Mapping[str, Any]) -> tuple[str, str]:
    beside, unit = document["beside"], unit_of(document)
    if beside["execution_cost"] is None:
        return "none", "needs signals in both roles"
    return (
        f"{float(beside['execution_cost']):+.3f} {unit} a signal",
        "half of what changes with the roles; no part of the difference above, in which both roles weigh the same",
    )


def _signals(number: int) -> str:
    return "1 signal" if number == 1 else f"{number:,} signals"


def _p(text: str | None) -> str:
    if text is None:
        return "none"
    return f"p = {float(text):.3f}" if float(text) >= LEAST_P else f"p < {LEAST_P}"
