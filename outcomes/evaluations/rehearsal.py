"""Stored history judged as if a plan had been fixed back then: what blocks are like, never a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from kernel.values import day_text, decimal_text
from outcomes.core.beside import mean_per_signal
from outcomes.core.evaluation import BLOCK_ZONE, EvaluationPlan, History, least_worst_block
from outcomes.core.judging import Judged, Records, judge_blocks
from outcomes.core.values import Record
from outcomes.evaluations.members import EVER, Scope, Summed, compare, summed
from outcomes.services.case import database_time
from policies.selectors import policy_in_force

# What a promise about the worst block is held against: several times what it takes, and quickly read.
HISTORY_STRETCHES = 250
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a plan would have come to."""

    blocks: tuple[Summed, ...]
    judged: Judged
    history: History


def rehearse(
    plan: EvaluationPlan,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Progress = lambda _: None,
) -> Rehearsal:
    """Judge the signals of [since, until), by the plan's clock; `progress` is told the number of each block."""
    found = _told(_blocks(plan, since, until), progress)
    return Rehearsal(tuple(found), judge_blocks([one.block for one in found], plan.wager), _history(found))


def history_of(plan: EvaluationPlan, progress: Progress = lambda _: None) -> History:
    """What the latest blocks were like under this plan; `progress` is told the number of each."""
    return _history(_told(_blocks(plan, None, None, latest=HISTORY_STRETCHES), progress))


def _told(blocks: Iterable[Summed], progress: Progress) -> list[Summed]:
    found = []
    for block in blocks:
        found.append(block)
        progress(len(found))
    return found


def _history(blocks: list[Summed]) -> History:
    risks = [
        Decimal(signal[engine]["risk_amount"])
        for block in blocks
        for signal in block.signals
        for engine in ("a", "b")
        if "risk_amount" in signal[engine]
    ]
    return History.of(
        [(one.block.block.low, one.block.block.high) for one in blocks],
        [one.block.arrived for one in blocks],
        max(risks, default=Decimal(0)),
    )


def _blocks(
    plan: EvaluationPlan, since: datetime | None, until: datetime | None, latest: int | None = None
) -> Iterator[Summed]:
    """Stretch by stretch, so that a long history is never in memory as a whole; of `latest` stretches only."""
    now = database_time()
    members = Scope(plan.clock, EVER, since or EVER, policy_version=None).members(until=now)
    if until is not None:
        last = until.astimezone(BLOCK_ZONE).date()
        members = [member for member in members if member.day < last]
    if not members:
        return
    starts_on = min(member.day for member in members) if since is None else since.astimezone(BLOCK_ZONE).date()
    cut = plan.cut(starts_on)
    records = Records(Record(), Record())
    if latest is not None:
        first = max(cut.number(member.day) for member in members) - latest
        members = [member for member in members if cut.number(member.day) > first]
    members.sort(key=lambda member: cut.number(member.day))
    for number, group in groupby(members, lambda member: cut.number(member.day)):
        found = compare(list(group), plan, now)
        # What can still move says nothing yet of how bad a block can be.
        if not found.takings or found.unsettled:
            continue
        yield summed(found, number, plan, starts_on, records)
        records = records.after(found.takings, plan.metric)


def rehearsal_document(plan: EvaluationPlan, found: Rehearsal) -> dict[str, Any]:
    """A rehearsal as JSON; it has blocks, evidence and flags, and no verdict: the plan was made after the data."""
    blocks = [one.block for one in found.blocks]
    least = least_worst_block(plan, found.history, split_in_force())
    return {
        "state": "RETROSPECTIVE",
        "content": plan.document(),
        "flags": list(found.judged.flags),
        "largest_block": None if found.history.largest is None else decimal_text(found.history.largest),
        "busy_signals": found.history.busy_signals,
        "least_worst_block": None if least is None else decimal_text(least),
        "mean_per_signal": repr(mean_per_signal(blocks)) if blocks else None,
        "evidence": {"a": repr(found.judged.judgement.e_a), "b": repr(found.judged.judgement.e_b)},
        "blocks": [
            {
                "from": day_text(one.first_day),
                "to": day_text(one.last_day),
                "n": one.n,
                "arrived": one.arrived,
                "x_low": repr(one.block.low),
                "x_high": repr(one.block.high),
                "m": repr(one.block.m),
                "e_a": repr(e_a),
                "e_b": repr(e_b),
            }
            for one, (e_a, e_b) in zip(blocks, found.judged.judgement.evidence, strict=True)
        ],
    }


def split_in_force() -> Decimal | None:
    """Engine A's percentage under the policy in force; None where it does not split capital."""
    policy = policy_in_force()
    split: Decimal = policy.split_percentage
    return split if policy.configured_mode == "SPLIT_CAPITAL" and 0 < split < 100 else None
