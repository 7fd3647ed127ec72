"""From the signals of a block to the block that is bet on, and whether blocks can be taken as independent.

What happens inside a block may depend on itself in any way, because only its sum is bet on: trades that share a day's
move, a crash, holds that overlap. What a block must not do is foretell the next one (contract 8.2).

A sum is divided by the root of how many signals arrived, not of how many took part. A halt, or an engine that goes
away, may be chosen while one side leads. Up to the choice the sum is fair, and what is left out after it adds 0: the
sum of a fair game is fair whenever it is stopped (Doob's optional stopping). Over a number that the choice does not
move it stays so. Over the root of those that took part, a block that was stopped while A led would weigh more than one
that went on, and between equal engines the bet would name A.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from outcomes.core.evidence import Block
from outcomes.core.values import Difference


@dataclass(frozen=True, slots=True)
class Weighed:
    """One signal that takes part: the difference of its two sides, and the weight of its role."""

    difference: Difference
    weight: float


def role_weight(probability: float) -> float:
    """The weight that makes A's real trades and B's count the same: 1/2 over the split's chance of the variant.

    So what it costs to be real falls on both alike, however the capital is split.
    """
    return 0.5 / probability


def block_of(signals: Collection[Weighed], arrived: int) -> Block:
    """Sum the signals that take part in one block; at least one, in any order.

    Divided by the root of the `arrived`, so that a busy block has the spread of a quiet one, and its say. Without halts
    and absences that is the number of signals; it is never less.
    """
    # fsum below: rounded once, so that the order of the signals cannot change a digit.
    root = math.sqrt(arrived)
    return Block(
        low=math.fsum(signal.weight * float(signal.difference.low) for signal in signals) / root,
        high=math.fsum(signal.weight * float(signal.difference.high) for signal in signals) / root,
        m=math.fsum(signal.weight for signal in signals) / root,
    )


def lag_correlation(blocks: Sequence[Block]) -> float | None:
    """How much a block foretells the next, from -1 to 1; None with fewer than three, or where all are the same."""
    # Twice the middle of each, which correlates as the middle does.
    values = [block.low + block.high for block in blocks]
    # Asked of the values: rounding would leave equal ones a spread, and a correlation of nearly 1.
    if len(values) < 3 or min(values) == max(values):
        return None
    mean = math.fsum(values) / len(values)
    spread = math.fsum((value - mean) ** 2 for value in values)
    together = math.fsum((one - mean) * (other - mean) for one, other in pairwise(values))
    return together / spread


def are_dependent(blocks: Sequence[Block]) -> bool:
    """Whether blocks depend on each other by more than chance would make them seem to: DEPENDENT_BLOCKS."""
    found = lag_correlation(blocks)
    # Independent blocks correlate with a spread of about one over the root of their number: two of them.
    return found is not None and found > 2 / math.sqrt(len(blocks))
