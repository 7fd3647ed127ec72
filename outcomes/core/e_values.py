"""Evidence that stands beside a verdict, valid at every look: of the split's assignments, and of blocks won.

An e-value is what a fair bet has made of 1: 1,000 happens by chance at most once in a thousand, whenever anybody looks
(Ville 1939). So an alarm may be read at every signal, where a chi-square read so often is raised by chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# The concentration of the bet around the split: a hundred imagined assignments that kept it exactly.
_IMAGINED = 100
SAMPLE_RATIO_ALARM = 1_000


@dataclass(frozen=True, slots=True)
class SignEvidence:
    """That blocks are not won by either engine half of the time: in either direction, for A alone, for B alone."""

    either: float
    a: float
    b: float


def sample_ratio_evidence(assigned_to_a: int, assigned: int, split: float) -> float:
    """The evidence that assignment does not keep the split, 0 < split < 1: of so many, so many to A.

    To be counted by assignment, before anything is known of availability.
    """
    a, b = _IMAGINED * split, _IMAGINED * (1 - split)
    # In logarithms: the powers of the split underflow a double after some thousand assignments.
    to_b = assigned - assigned_to_a
    return _exp(
        _log_beta(a + assigned_to_a, b + to_b)
        - _log_beta(a, b)
        - assigned_to_a * math.log(split)
        - to_b * math.log1p(-split)
    )


def sign_evidence(won_by_a: int, decided: int) -> SignEvidence:
    """Of so many blocks that were not ties, so many were won by A: it tells who wins more often, not who earns more.

    The bet spreads its capital evenly over all chances of winning a block; one-sided, over those above or below half.
    """
    ways = math.comb(decided, won_by_a) * (decided + 1)
    # Whole numbers until the one division, so that thousands of blocks lose no digit.
    for_a = sum(math.comb(decided + 1, fewer) for fewer in range(won_by_a + 1))
    return SignEvidence(_ratio(2**decided, ways), _ratio(for_a, ways), _ratio(2 ** (decided + 1) - for_a, ways))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _exp(log: float) -> float:
    try:
        return math.exp(log)
    # Evidence beyond the largest double is no fault; whatever it is compared with, it is more.
    except OverflowError:
        return math.inf


def _ratio(over: int, under: int) -> float:
    try:
        return over / under
    except OverflowError:
        return math.inf
