"""What the example engines know about options: Black-Scholes, OCC symbols, expiries, strikes.

Prices of a model, not of a market; good enough to show how an
engine talks to the orchestrator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

RATE = 0.02
CENT = Decimal("0.01")
SECONDS_PER_YEAR = 365.25 * 24 * 3600
EXPIRY_HOUR = time(21, tzinfo=UTC)
# An engine that knows no volatility better than the bars' own still has to quote something.
LOWEST_VOLATILITY = 0.05


def normal_cdf(x: float) -> float:
    """The standard normal distribution function."""
    return (1 + math.erf(x / math.sqrt(2))) / 2


def black_scholes(
    right: str, spot: float, strike: float, years: float, volatility: float, *, rate: float = RATE
) -> float:
    """The value of a European option, right C or P; at or after expiry its intrinsic value."""
    sign = 1 if right == "C" else -1
    if years <= 0:
        return max(sign * (spot - strike), 0.0)
    deviation = volatility * math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate + volatility**2 / 2) * years) / deviation
    d2 = d1 - deviation
    return sign * (spot * normal_cdf(sign * d1) - strike * math.exp(-rate * years) * normal_cdf(sign * d2))


@dataclass(frozen=True, slots=True)
class Contract:
    """One listed option."""

    root: str  # at most 6 characters
    expiry: date
    right: str  # C or P
    strike: Decimal

    def __post_init__(self) -> None:
        """Refuse what has no OCC symbol."""
        if not 1 <= len(self.root) <= 6 or not 0 < self.strike < 100_000:
            raise ValueError(f"{self.root!r} at {self.strike} has no OCC symbol.")

    @property
    def expires_at(self) -> datetime:
        """The last moment at which it is traded."""
        return datetime.combine(self.expiry, EXPIRY_HOUR)

    def intrinsic_value(self, spot: Decimal) -> Decimal:
        """What it settles at when the underlying stands there; never below 0."""
        return max(spot - self.strike if self.right == "C" else self.strike - spot, Decimal(0))

    def __str__(self) -> str:
        """The 21-character OCC symbol, such as ``AAPL  080315C00195000``."""
        return f"{self.root:<6}{self.expiry:%y%m%d}{self.right}{int(self.strike * 1000):08d}"

    @classmethod
    def parse(cls, symbol: str) -> Contract:
        """The contract of an OCC symbol; raise ValueError for anything else."""
        if len(symbol) != 21 or symbol[12] not in "CP" or not symbol[13:].isdigit():
            raise ValueError(f"{symbol!r} is not a 21-character OCC symbol.")
        expiry = datetime.strptime(symbol[6:12], "%y%m%d").replace(tzinfo=UTC).date()
        return cls(symbol[:6].rstrip(), expiry, symbol[12], Decimal(symbol[13:]) / 1000)


@dataclass(frozen=True, slots=True)
class Quote:
    """What the model would pay (bid) and take (ask)."""

    bid: Decimal
    ask: Decimal


def quote(contract: Contract, spot: float, volatility: float, now: datetime) -> Quote:
    """The model's two-sided quote, in cents: 1 % to either side of the value, at least one cent apart."""
    years = (contract.expires_at - now).total_seconds() / SECONDS_PER_YEAR
    value = black_scholes(contract.right, spot, float(contract.strike), years, max(volatility, LOWEST_VOLATILITY))
    # The last digit of a difference can fall below nothing; of -0.0 and 0.0 the first is taken.
    value = max(0.0, value)
    bid = Decimal(value * 0.99).quantize(CENT, ROUND_FLOOR)
    ask = Decimal(value * 1.01).quantize(CENT, ROUND_CEILING)
    return Quote(bid, max(ask, bid + CENT))


def third_friday(year: int, month: int) -> date:
    """The day on which listed options of that month expire."""
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)


def expiry_near(day: date, days: int) -> date:
    """The monthly expiry nearest to `days` after the day, at least a week after it."""
    months = [(day.year + (day.month - 1 + ahead) // 12, (day.month - 1 + ahead) % 12 + 1) for ahead in range(12)]
    later = [friday for friday in (third_friday(*month) for month in months) if friday >= day + timedelta(days=7)]
    return min(later, key=lambda friday: abs((friday - day).days - days))


def nearest_strike(spot: float) -> Decimal:
    """The listed strike nearest to a price: 1 apart below 50, 5 apart below 250, 10 apart above."""
    step = 1 if spot < 50 else 5 if spot < 250 else 10
    return Decimal(max(math.floor(spot / step + 0.5), 1) * step)
