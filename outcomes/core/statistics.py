"""What the report needs of mathematics: numbers as text, intervals of single figures, the statistics of pairs.

Sums and moments come exact from the database (outcomes/performance/*.sql); here are the methods. In pairs, d is A minus
B, one number per experiment: they say how sure one may be that one engine earns more on the same signals.

At the end stands the evidence beside a verdict, valid at every look: of the split's assignments, and of blocks won. An
e-value is what a fair bet has made of 1: 1,000 happens by chance at most once in a thousand, whenever anybody looks
(Ville 1939). So an alarm may be read at every signal, where a chi-square read so often is raised by chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from itertools import groupby
from statistics import NormalDist

from kernel.values import decimal_text, plain_text

# The 95th percentile, for the one-sided minimum track record length; the 97.5th, for two-sided intervals.
QUANTILE_95 = Decimal(repr(NormalDist().inv_cdf(0.95)))
QUANTILE_97_5 = Decimal(repr(NormalDist().inv_cdf(0.975)))
SIGNIFICANT_DIGITS = 15
_ROUNDED = Context(prec=SIGNIFICANT_DIGITS)
# Wide enough for any sum of stored amounts.
_EXACT = Context(prec=100)
CENTS = 2


def normal_cdf(z: float) -> float:
    """Probability of a standard normal value below z, accurate in both tails."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def wilson_interval(wins: int, n: int) -> tuple[Decimal, Decimal] | None:
    """95 % Wilson score interval of a rate, within 0 and 1; None without trades."""
    if n == 0:
        return None
    # In decimals throughout, so that the same wins give the same digits on every machine.
    square = _EXACT.multiply(QUANTILE_97_5, QUANTILE_97_5)
    scale = n + square
    middle = _EXACT.divide(wins + square / 2, scale)
    inner = _EXACT.divide(Decimal(wins) * (n - wins), Decimal(n)) + square / 4
    reach = _EXACT.divide(_EXACT.multiply(QUANTILE_97_5, _EXACT.sqrt(inner)), scale)
    # At the ends the bound is exactly 0 or 1; rounding must not push it over.
    lower = Decimal(0) if wins == 0 else middle - reach
    upper = Decimal(1) if wins == n else middle + reach
    return lower, upper


def ratio_text(value: Decimal | float) -> str:
    """A number to 15 significant digits, without exponent and without trailing zeros."""
    # Through the shortest text that names the float: its exact binary value would show noise.
    return plain_text(_ROUNDED.create_decimal(value if isinstance(value, Decimal) else repr(value)))


def money_text(value: Decimal, *, exact: bool = False) -> str:
    """An amount with at least two decimals; to 15 significant digits or the cent unless exact."""
    if not exact:
        # Large amounts keep their cents.
        places = max(CENTS, SIGNIFICANT_DIGITS - 1 - value.adjusted())
        value = value.quantize(Decimal(1).scaleb(-places), context=_EXACT)
    return decimal_text(value)


# Up to so many differences the signed-rank test is exact.
EXACT_RANKS = 50


@dataclass(frozen=True, slots=True)
class Differences:
    """Sums over the differences of the pairs; mean and sd (n - 1) are None without enough pairs."""

    n: int
    mean: Decimal | None
    sd: Decimal | None

    @classmethod
    def of_sums(cls, n: int, total: Decimal, squares: Decimal) -> Differences:
        """From the exact sum of the differences and that of their squares."""
        if n == 0:
            return cls(0, None, None)
        mean = _EXACT.divide(total, Decimal(n))
        if n == 1:
            return cls(1, mean, None)
        # Exact up to the one division, so that equal differences have a spread of exactly 0.
        spread = (n * Fraction(squares) - Fraction(total) ** 2) / (n * (n - 1))
        variance = _EXACT.divide(Decimal(spread.numerator), Decimal(spread.denominator))
        return cls(n, mean, _EXACT.sqrt(variance))

    @property
    def interval(self) -> tuple[Decimal, Decimal] | None:
        """95 % interval of the mean by the normal distribution, for one look; None with fewer than two."""
        if self.mean is None or self.sd is None:
            return None
        reach = _EXACT.multiply(QUANTILE_97_5, _EXACT.divide(self.sd, _EXACT.sqrt(Decimal(self.n))))
        return self.mean - reach, self.mean + reach

    def ahead_of(self, other: Differences) -> tuple[Decimal, tuple[Decimal, Decimal] | None] | None:
        """How far this mean is above that of other, independent values, and its 95 % interval, for one look.

        None where either has no mean; the interval is None where either has no spread.
        """
        if self.mean is None or other.mean is None:
            return None
        ahead = self.mean - other.mean
        if self.sd is None or other.sd is None:
            return ahead, None
        variances = (_EXACT.divide(one.sd * one.sd, Decimal(one.n)) for one in (self, other) if one.sd is not None)
        reach = _EXACT.multiply(QUANTILE_97_5, _EXACT.sqrt(sum(variances, Decimal(0))))
        return ahead, (ahead - reach, ahead + reach)


@dataclass(frozen=True, slots=True)
class RankSums:
    """What the signed-rank test needs; ranks are doubled, so that shared ranks stay whole."""

    n: int  # differences that are not zero
    doubled_positive: int  # sum of doubled ranks of the positive ones
    tie_term: int  # sum of t^3 - t over groups of t equal magnitudes
    doubled_ranks: Sequence[int]  # each one, when there are at most EXACT_RANKS; else empty


@dataclass(frozen=True, slots=True)
class SignedRank:
    """Wilcoxon's statistic, the smaller of the two rank sums, and its two-sided p-value."""

    statistic: Fraction
    p: float


@dataclass(frozen=True, slots=True)
class RoleBalanced:
    """What remains of A minus B when being the real one is taken out, and what that costs."""

    engine_effect: Decimal
    real_execution_effect: Decimal
    standard_error: Decimal | None  # of either; None with fewer than two pairs in a role

    def interval(self, effect: Decimal) -> tuple[Decimal, Decimal] | None:
        """95 % interval of either effect by the normal distribution, for one look; None without a standard error."""
        if self.standard_error is None:
            return None
        reach = _EXACT.multiply(QUANTILE_97_5, self.standard_error)
        return effect - reach, effect + reach

    def execution_share(self, a_real: int, b_real: int) -> Decimal:
        """What execution adds to the mean difference of so many pairs: nothing where both traded for real as often."""
        return _EXACT.divide(self.real_execution_effect * (b_real - a_real), Decimal(a_real + b_real))


def rank_sums(differences: Iterable[Decimal]) -> RankSums:
    """What the signed-rank test needs of these differences; zeros are left out."""
    values = [value for value in differences if value]
    doubled, positive, ties, before = [], 0, 0, 0
    for _, group in groupby(sorted(values, key=abs), key=abs):
        members = list(group)
        # Equal magnitudes share the mean of their ranks; doubled, it is whole.
        rank = 2 * before + len(members) + 1
        before += len(members)
        doubled += [rank] * len(members)
        positive += rank * sum(value > 0 for value in members)
        ties += len(members) ** 3 - len(members)
    return RankSums(len(values), positive, ties, doubled if len(values) <= EXACT_RANKS else ())


def sign_test(first: int, second: int) -> float | None:
    """The exact two-sided p-value of so many wins against so many; None without any.

    It says who wins more often, never who earns more. Ties are left out by the caller.
    """
    n, fewer = first + second, min(first, second)
    if n == 0:
        return None
    # Both tails meet in the middle and would count it twice.
    if first == second:
        return 1.0
    # The largest term first, then the ratio of neighbours: no factorial overflows.
    log_term = math.lgamma(n + 1) - math.lgamma(fewer + 1) - math.lgamma(n - fewer + 1) - n * math.log(2)
    total, ratio = 1.0, 1.0
    for k in range(fewer, 0, -1):
        ratio *= k / (n - k + 1)
        total += ratio
        if ratio < total * 1e-17:
            break
    return min(1.0, 2 * math.exp(log_term) * total)


def signed_rank_test(ranks: RankSums) -> SignedRank | None:
    """Wilcoxon's signed-rank test; zeros are left out, ties share ranks; None without pairs.

    Up to 50 differences p is exact, ties included; beyond, the normal approximation with the
    correction for ties.
    """
    if ranks.n == 0:
        return None
    # All doubled ranks add up to n(n + 1), ties or not, so the negative ones need not be summed.
    smaller = min(ranks.doubled_positive, ranks.n * (ranks.n + 1) - ranks.doubled_positive)
    p = _exact_tail(ranks.doubled_ranks, smaller) if ranks.n <= EXACT_RANKS else _normal_tail(ranks, smaller)
    return SignedRank(Fraction(smaller, 2), min(1.0, p))


def role_balanced(
    a_real: Differences,
    b_real: Differences,
) -> RoleBalanced | None:
    """Separate engine skill from the cost of real execution; None when only one of them traded for real.

    Each role weighs the same, however often it occurred. With one role only the two effects cannot
    be separated: they are confounded with execution mode.
    """
    if a_real.mean is None or b_real.mean is None:
        return None
    error = None
    if a_real.sd is not None and b_real.sd is not None:
        of_a = _EXACT.divide(_EXACT.multiply(a_real.sd, a_real.sd), Decimal(a_real.n))
        of_b = _EXACT.divide(_EXACT.multiply(b_real.sd, b_real.sd), Decimal(b_real.n))
        error = _EXACT.sqrt(of_a + of_b) / 2
    return RoleBalanced((a_real.mean + b_real.mean) / 2, (b_real.mean - a_real.mean) / 2, error)


def _exact_tail(doubled_ranks: Sequence[int], smaller: int) -> float:
    """Twice the share of sign patterns whose positive rank sum is at most the smaller one."""
    ways = {0: 1}
    for rank in doubled_ranks:
        grown = dict(ways)
        for total, count in ways.items():
            if total + rank <= smaller:
                grown[total + rank] = grown.get(total + rank, 0) + count
        ways = grown
    return 2 * sum(ways.values()) / (1 << len(doubled_ranks))


def _normal_tail(ranks: RankSums, smaller: int) -> float:
    n = ranks.n
    # Shared ranks vary less; without the correction p would be too large.
    variance = n * (n + 1) * (2 * n + 1) / 24 - ranks.tie_term / 48
    z = (smaller / 2 - n * (n + 1) / 4) / math.sqrt(variance)
    return math.erfc(abs(z) / math.sqrt(2))


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
