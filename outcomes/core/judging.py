"""From the signals that take part in an evaluation to its judged blocks (contract 8.2).

Blocks are stretches of New York dates, from the evaluation's first on. What is missing is filled from what its engine
had done in earlier blocks, so a block never changes by what comes after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from outcomes.core.blocks import Weighed, are_dependent, block_of
from outcomes.core.evidence import Block, Judgement, Wager, judge
from outcomes.core.values import MISSING, VALUED, Record, Side, difference, is_missing

# Beyond this share of an engine's openings without a price, nothing is said.
MOST_MISSING = 0.05
_OPENED = (VALUED, MISSING, "NOT_FILLED", "OVERTAKEN")

MISSING_PRICES, BEYOND_L, DEPENDENT_BLOCKS = "MISSING_PRICES", "BEYOND_L", "DEPENDENT_BLOCKS"


@dataclass(frozen=True, slots=True)
class Taking:
    """One signal that takes part: its New York date, the weight of its role, and both sides, in order of arrival."""

    day: date
    weight: float
    a: Side
    b: Side


@dataclass(frozen=True, slots=True)
class Cut:
    """How signals are cut into blocks, and what is compared."""

    starts_on: date
    block_days: int
    metric: str  # R or CURRENCY
    max_signals: int | None = None  # of a block, the first by arrival; None = all

    def number(self, day: date) -> int:
        """The stretch that a day belongs to, from 0; stretches without signals have a number and make no block."""
        return (day - self.starts_on).days // self.block_days


@dataclass(frozen=True, slots=True)
class JudgedBlock:
    """One block with at least one signal; both days belong to it."""

    first_day: date
    last_day: date
    n: int
    block: Block
    opened: tuple[int, int]  # by A and by B
    missing: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Judged:
    """The blocks of an evaluation and what they say, with the flags that its sentence begins with."""

    blocks: tuple[JudgedBlock, ...]
    judgement: Judgement
    flags: tuple[str, ...]


def blocks_of(takings: Iterable[Taking], cut: Cut) -> list[JudgedBlock]:
    """Cut signals into blocks. Those of the first day on take part; the order of arrival is kept within a block."""
    record_a = record_b = Record()
    found = []
    inside = (taking for taking in takings if taking.day >= cut.starts_on)
    for number, group in groupby(sorted(inside, key=lambda one: cut.number(one.day)), lambda one: cut.number(one.day)):
        members = list(group)[: cut.max_signals]
        first_day = cut.starts_on + timedelta(days=number * cut.block_days)
        weighed = [
            Weighed(difference(one.a, one.b, metric=cut.metric, record_a=record_a, record_b=record_b), one.weight)
            for one in members
        ]
        sides = [one.a for one in members], [one.b for one in members]
        found.append(
            JudgedBlock(
                first_day,
                first_day + timedelta(days=cut.block_days - 1),
                len(members),
                block_of(weighed),
                opened=_counts(sides, lambda side: side.standing in _OPENED),
                missing=_counts(sides, lambda side: is_missing(side, cut.metric)),
            )
        )
        # After the block: what its own signals did must not fill what is missing in it.
        for one in members:
            record_a, record_b = record_a.after(one.a, cut.metric), record_b.after(one.b, cut.metric)
    return found


def judge_blocks(blocks: Sequence[JudgedBlock], wager: Wager) -> Judged:
    """Judge what was cut; silent after each block by which too much of either engine was missing."""
    silenced = {
        number
        for number in range(1, len(blocks) + 1)
        for engine in (0, 1)
        if sum(one.missing[engine] for one in blocks[:number])
        > MOST_MISSING * sum(one.opened[engine] for one in blocks[:number])
    }
    plain = [one.block for one in blocks]
    judgement = judge(plain, wager, silenced)
    flags = {
        DEPENDENT_BLOCKS: are_dependent(plain),
        MISSING_PRICES: len(blocks) in silenced,
        BEYOND_L: bool(judgement.beyond_l),
    }
    return Judged(tuple(blocks), judgement, tuple(flag for flag, stands in flags.items() if stands))


def _counts(sides: tuple[Sequence[Side], Sequence[Side]], holds: Callable[[Side], bool]) -> tuple[int, int]:
    """Of how many signals it holds, for A and for B."""
    a, b = sides
    return sum(map(holds, a)), sum(map(holds, b))
