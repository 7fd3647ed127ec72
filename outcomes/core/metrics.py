"""What the figures of a report need of mathematics, and numbers as text.

The figures themselves are computed by the database (outcomes/performance/figures.sql); only what needs the
normal distribution is computed here.
"""

from __future__ import annotations

import math
from decimal import Context, Decimal
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
