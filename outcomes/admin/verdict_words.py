"""What an evaluation's page says in words: what was assumed, what would undo it, how long it takes, who is counted.

From its document alone, so that a kept one reads as it did. Nothing here says who is better: that is the sentence's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from outcomes.admin.verdict_charts import middle
from outcomes.core.evaluation import CHOICES, ENOUGH_HISTORY, read_plan
from outcomes.core.evidence import A_BETTER, B_BETTER, INCONCLUSIVE, RUNNING, Block
from outcomes.core.judging import MOST_MISSING
from outcomes.core.proposing import MOST_BLOCKS, blocks_left
from outcomes.core.sentences import HOLD_EXCEEDED
from outcomes.core.statistics import SAMPLE_RATIO_ALARM

# With fewer blocks, their spread says too little of those to come.
LEAST_BLOCKS = 20
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
CONTENT = {
    "note": "Hypothesis", "metric": "Metric", "estimand": "Compared at", "prices": "Prices that count",
    "clock": "Clock", "starts_at": "Signals from", "block_days": "Days in a block",
    "max_hold_days": "Longest hold, days", "worst_block": "Worst block", "margin": "Margin",
    "horizon_blocks": "Horizon, blocks", "alpha": "Alpha", "max_signals": "Most signals in a block",
    "busy_signals": "Signals in a busy block", "reason": "Reason", "slices": "Slices",
}  # fmt: skip
MEANS = {
    "WALL": "signals as they arrive", "EVENT": "a replayed source's signals, by their own time",
    "R": "return on the capital at risk", "CURRENCY": "profit and loss in the policy's currency",
    "SYNCHRONISED": "both sides at the real exit", "OWN_EXIT": "each side at its own exit",
    "NEUTRAL": "only prices that neither engine could choose", "ENGINES": "all but model prices",
}  # fmt: skip


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
    weeks: str


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
    return [
        (label_of(name), _told(value))
        for name, value in content.items()
        if value not in (None, "", []) and name != "name"
    ]


def _told(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value}: {MEANS[value]}" if isinstance(value, str) and value in MEANS else str(value)


def assumptions(document: Mapping[str, Any]) -> list[Assumed]:
    """What the verdict rests on."""
    content, blocks, counts, unit = document["content"], document["blocks"], document["counts"], unit_of(document)
    worst = float(content["worst_block"])
    largest = max((max(abs(float(one["x_low"])), abs(float(one["x_high"]))) for one in blocks), default=None)
    asked = document["phase"]["least_worst_block"]
    history = document["phase"]["history_blocks"]
    because = f"limits and history asked for at least {float(asked):g}" if asked else "nothing told how bad one can be"
    shares = {engine: (counts["missing"][engine], counts["opened"][engine]) for engine in ("a", "b")}
    found = [
        Assumed(
            "No block is worse than the worst one thought possible",
            f"±{worst:g} {unit}; {because}"
            + ("" if history >= ENOUGH_HISTORY else f", with {history} earlier blocks to hold it against"),
            "no block yet" if largest is None else f"largest {largest:.3g} {unit}, {largest / worst:.0%} of it",
            None if largest is None else largest <= worst,
        ),
        _independence(document),
        Assumed(
            "What the engines open has a price",
            f"at most {MOST_MISSING:.0%} of an engine's openings without one",
            ", ".join(
                f"{engine.upper()} {missing} of {opened}" + (f" ({missing / opened:.1%})" if opened else "")
                for engine, (missing, opened) in shares.items()
            ),
            all(missing <= MOST_MISSING * opened for missing, opened in shares.values()),
        ),
        Assumed(
            "Trades end inside their block or soon after",
            f"held at most {content['max_hold_days']} days",
            f"{counts[HOLD_EXCEEDED]} held longer",
            not counts[HOLD_EXCEEDED],
        ),
    ]
    ratio = document["beside"].get("sample_ratio")
    if ratio:
        total = ratio["a"] + ratio["b"]
        found.append(
            Assumed(
                "Chance alone says who is real",
                f"{float(ratio['split']):.0%} of signals assigned to A",
                f"{ratio['a']} of {total} to A; e = {float(ratio['e']):.3g}, alarm at {SAMPLE_RATIO_ALARM:g}",
                not ratio["alarm"],
            )
        )
    return found


def _independence(document: Mapping[str, Any]) -> Assumed:
    number, correlation = len(document["blocks"]), document["beside"]["lag_correlation"]
    limit = 2 / math.sqrt(number) if number else None
    return Assumed(
        "Blocks do not foretell each other",
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
            f" {float(since[f'e_{other.lower()}']):.3g} for {other}: at {needed:g} the evidence has turned around, and"
            " the sentence says so."
        )
    if verdict == RUNNING:
        yield f"Evidence of {needed:g} for either engine is a verdict, at the block that brings it."
        yield (
            f"Without one it is inconclusive after {document['content']['horizon_blocks']} blocks, when it is finished,"
            " or when the policy, the rules or the strategy of an engine changes."
        )
    else:
        yield "It speaks of this phase alone: of other rules, another strategy or another policy it says nothing."
    worst = float(document["content"]["worst_block"])
    yield (f"A block beyond ±{worst:g} {unit} breaks the promise; the stakes that it could have ruined are retired.")
    yield "If blocks foretell each other, the sentence begins with that, and it should move no money."
    revised = sum(bool(block["revisions"]) for block in document["blocks"])
    yield (
        "Corrections told later stand beside the block as a revision and change no verdict: "
        + ("none so far." if not revised else f"{_blocks_have(revised)} one. A new evaluation would count it.")
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
    asked = [(f"twice what was seen, {2 * seen:+.3g} {unit}", 2 * seen), (f"as seen, {seen:+.3g} {unit}", seen)]
    asked += [(f"half of it, {seen / 2:+.3g} {unit}", seen / 2)]
    if plan.margin:
        asked.append((f"none: equivalent within {float(plan.margin):g} {unit}", 0.0))
    found = []
    for supposed, difference in asked:
        left = blocks_left(bets, plan.wager, difference)
        weeks = math.ceil((MOST_BLOCKS if left is None else left) * span / 7 / len(blocks))
        more = "more than " if left is None else "about "
        found.append(Prospect(supposed, f"{more}{MOST_BLOCKS if left is None else left:,}", f"{more}{weeks:,}"))
    return found


def outlook(document: Mapping[str, Any], found: Sequence[Prospect] | None) -> str | None:
    """Under a sentence that tells nobody apart: about how long it takes. None where there is nothing to wait for."""
    if found is not None:
        seen, horizon = found[1], document["content"]["horizon_blocks"]
        if document["verdict"] == RUNNING:
            return (
                f"Should the difference stay as seen, {seen.blocks} more blocks decide it: {seen.weeks} weeks. It ends"
                f" after {horizon:,} blocks, of which {len(document['blocks']):,} are judged."
            )
        return f"Had it gone on as it was, {seen.blocks} more blocks would have decided it: {seen.weeks} weeks."
    if document["verdict"] == RUNNING:
        return (
            f"{len(document['blocks'])} of {document['content']['horizon_blocks']:,} blocks are judged. From"
            f" {LEAST_BLOCKS} on, this page says about how many weeks a verdict takes."
        )
    return None


def standing_rows(counts: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """Where each engine stood in the signals that take part."""
    return [
        (words, counts["a"].get(name, 0), counts["b"].get(name, 0))
        for name, words in STANDINGS.items()
        if name in ("VALUED", "DECLINED", "MISSING") or name in counts["a"] or name in counts["b"]
    ]


def reason_rows(counts: Mapping[str, Any], because: Mapping[str, Mapping[str, int]]) -> list[tuple[str, int, int]]:
    """Why sides have no value, those included that traded without anything at risk to divide by."""
    rows = [(f"… {one}", because.get("A", {}).get(one, 0), because.get("B", {}).get(one, 0)) for one in REASONS]
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
        ("While A was real", mean("a_real"), "A less B; A's result bears what it costs to be real"),
        ("While B was real", mean("b_real"), "A less B; B's result bears it"),
        ("Cost of being real", *_execution(document)),
        ("Where both traded", mean("both_traded"), "A less B, without what either engine declined"),
        ("At the real exit", at("synchronised"), "of the signals that have a value at both kinds of exit"),
        ("At each side's own exit", at("own_exits"), "the same signals"),
        (
            "Mean of the blocks",
            "none" if per_block is None else f"{float(per_block):+.3f} {unit} a signal",
            "every block counts the same, however many signals it has",
        ),
        (
            "Blocks won",
            f"A {won['a']}, B {won['b']}",
            f"the sign alone: e = {float(won['e_for_a']):.3g} for A, {float(won['e_for_b']):.3g} for B at every look",
        ),
        ("Wilcoxon signed rank", _p(fixed["wilcoxon_p"]), f"a fixed-n test of {fixed['blocks']} blocks, for one look"),
        ("Sign test", _p(fixed["sign_p"]), "a fixed-n test, for one look only"),
    ]  # fmt: skip


def slice_rows(document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Each slice that was declared beforehand: its verdict, evidence and difference."""
    unit = unit_of(document)
    found = []
    for one in document["beside"]["slices"]:
        seen = one["mean_per_signal"]
        mean = "no difference yet" if seen is None else f"{float(seen):+.3g} {unit} a signal"
        edges = ["open" if edge is None else f"{float(edge):.3g}" for edge in one["interval"] or ()]
        said = ", ".join([one["verdict"], *one["flags"]])
        evidence = f"A {float(one['e_a']):.3g}, B {float(one['e_b']):.3g} of {float(one['needed']):g}"
        between = f" ({' to '.join(edges)})" if edges else ""
        found.append((f"{one['slice']} ({_signals(one['signals'])})", said, f"{mean}{between}; {evidence}"))
    return found


def _execution(document: Mapping[str, Any]) -> tuple[str, str]:
    beside, unit = document["beside"], unit_of(document)
    if beside["execution_cost"] is None:
        return "none", "needs signals in both roles"
    cost = float(beside["execution_cost"])
    seen = float(beside["mean_per_signal"] or 0)
    share = f", {abs(cost / seen):.0%} of the difference of {seen:+.3g} {unit}" if seen else ""
    return (
        f"{cost:+.3f} {unit} a signal{share}",
        "half of what changes when the roles do; the verdict is free of it, because both roles count the same",
    )


def _blocks_have(number: int) -> str:
    return "1 block has" if number == 1 else f"{number:,} blocks have"


def _signals(number: int) -> str:
    return "1 signal" if number == 1 else f"{number:,} signals"


def _p(text: str | None) -> str:
    if text is None:
        return "none"
    return f"p = {float(text):.3f}" if float(text) >= LEAST_P else f"p < {LEAST_P}"
