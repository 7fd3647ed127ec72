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
from outcomes.core.evidence import Block, Judgement, Trial, Wager
from outcomes.core.values import MISSING, VALUED, Difference, Record, Side, difference, is_missing

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

    def days(self, number: int) -> tuple[date, date]:
        """First and last day of a stretch."""
        first = self.starts_on + timedelta(days=number * self.block_days)
        return first, first + timedelta(days=self.block_days - 1)


@dataclass(frozen=True, slots=True)
class JudgedBlock:
    """One block with at least one signal; both days belong to it."""

    first_day: date
    last_day: date
    n: int  # signals that take part
    arrived: int  # with those that a halt or an engine's absence left out
    block: Block
    opened: tuple[int, int]  # by A and by B
    missing: tuple[int, int]
    differences: tuple[Difference, ...] = ()  # of its signals, in the order of arrival


@dataclass(frozen=True, slots=True)
class Judged:
    """The blocks of an evaluation and what they say, with the flags that its sentence begins with."""

    blocks: tuple[JudgedBlock, ...]
    judgement: Judgement
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Records:
    """What both engines had done in earlier blocks, from which missing sides are filled."""

    a: Record
    b: Record

    def after(self, members: Iterable[Taking], metric: str) -> Records:
        """The records with one more block in them."""
        a, b = self.a, self.b
        for one in members:
            a, b = a.after(one.a, metric), b.after(one.b, metric)
        return Records(a, b)


def blocks_of(takings: Iterable[Taking], cut: Cut) -> list[JudgedBlock]:
    """Cut signals that all take part into blocks, from the first day on, in the order of arrival within a block."""
    records = Records(Record(), Record())
    found = []
    inside = (taking for taking in takings if taking.day >= cut.starts_on)
    for number, group in groupby(sorted(inside, key=lambda one: cut.number(one.day)), lambda one: cut.number(one.day)):
        members = list(group)[: cut.max_signals]
        found.append(sum_up(members, len(members), number, cut, records))
        # After the block: what its own signals did must not fill what is missing in it.
        records = records.after(members, cut.metric)
    return found


def sum_up(members: Sequence[Taking], arrived: int, number: int, cut: Cut, records: Records) -> JudgedBlock:
    """The block of a stretch with at least one signal that takes part, of so many that arrived.

    `records` are those of the blocks before it.
    """
    differences = tuple(
        difference(one.a, one.b, metric=cut.metric, record_a=records.a, record_b=records.b) for one in members
    )
    sides = [one.a for one in members], [one.b for one in members]
    return JudgedBlock(
        *cut.days(number),
        len(members),
        arrived,
        block_of([Weighed(apart, one.weight) for apart, one in zip(differences, members, strict=True)], arrived),
        opened=_counts(sides, lambda side: side.standing in _OPENED),
        missing=_counts(sides, lambda side: is_missing(side, cut.metric)),
        differences=differences,
    )


def judge_blocks(blocks: Sequence[JudgedBlock], wager: Wager) -> Judged:
    """Judge what was cut, or stored so; silent after each block by which too much of either engine was missing."""
    trial = Trial(wager)
    for number, one in enumerate(blocks, start=1):
        trial.take(one.block, is_silenced=misses_too_much(blocks[:number]))
    return with_flags(blocks, trial.judgement())


def misses_too_much(blocks: Sequence[JudgedBlock]) -> bool:
    """Whether more than a twentieth of what either engine opened in these blocks has no price."""
    return any(
        sum(one.missing[engine] for one in blocks) > MOST_MISSING * sum(one.opened[engine] for one in blocks)
        for engine in (0, 1)
    )


def with_flags(blocks: Sequence[JudgedBlock], judgement: Judgement) -> Judged:
    """What the blocks say, with the flags that their sums alone give."""
    flags = {
        DEPENDENT_BLOCKS: are_dependent([one.block for one in blocks]),
        MISSING_PRICES: misses_too_much(blocks),
        BEYOND_L: bool(judgement.beyond_l),
    }
    return Judged(tuple(blocks), judgement, tuple(flag for flag, stands in flags.items() if stands))


def _counts(sides: tuple[Sequence[Side], Sequence[Side]], holds: Callable[[Side], bool]) -> tuple[int, int]:
    """Of how many signals it holds, for A and for B."""
    a, b = sides
    return sum(map(holds, a)), sum(map(holds, b))
