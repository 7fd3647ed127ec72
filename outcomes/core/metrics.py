"""What the figures of a report mean: the normal distribution, intervals, reasons, and numbers as text.

Pure: no I/O, no clock, no randomness. The figures themselves are computed by the database
(performance_sql.py); only what needs the normal distribution is computed here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Context, Decimal
from statistics import NormalDist
from typing import Any

from outcomes.core.pricing import decimal_text

# The 95th percentile, for the one-sided minimum track record length; the 97.5th, for two-sided intervals.
QUANTILE_95 = Decimal(repr(NormalDist().inv_cdf(0.95)))
QUANTILE_97_5 = Decimal(repr(NormalDist().inv_cdf(0.975)))
SIGNIFICANT_DIGITS = 15
_ROUNDED = Context(prec=SIGNIFICANT_DIGITS)
# Wide enough for any sum of stored amounts.
_EXACT = Context(prec=100)
CENTS = 2

MONEY = ("total_pnl", "average_pnl", "average_win", "average_loss", "max_drawdown")
# Sums of stored amounts: shown to the last digit, never rounded.
WHOLE_SUMS = ("total_pnl", "max_drawdown")
RATIOS = (
    "win_rate",
    "sharpe_per_trade",
    "sharpe_daily",
    "sortino_per_trade",
    "profit_factor",
    "payoff_ratio",
    "min_track_record_length",
)
COUNTS = ("n", "wins", "losses", "flats", "active_days", "unpriced", "violations")
NO_TRADES = {"n": 0, "wins": 0, "losses": 0, "flats": 0, "active_days": 0, "unpriced": 0, "violations": 0}

CONVENTIONS = {
    "currency": "account currency; P&L is net of fees and of closed trades only",
    "order": "by exit time, then trade id",
    "period": "since <= exit time < until; a pair belongs to its later exit; checks of assignment and "
    "completeness go by the time the experiment was created",
    "left_out": "UNPRICED outcomes and outcomes of pairs that broke a rule are counted, never in a figure",
    "win": "pnl > 0; flat: pnl = 0; loss: pnl < 0",
    "win_rate": "wins / n; flats stay in the denominator",
    "win_rate_interval": "Wilson score interval, 95 %, without continuity correction",
    "sharpe_per_trade": "mean / sample standard deviation (n - 1), risk-free rate 0, not annualised",
    "sharpe_daily": "P&L summed per exit date in America/New_York, active days only, mean / sample standard "
    "deviation x sqrt(252)",
    "sharpe_daily_time_zone": "America/New_York",
    "sortino_per_trade": "mean / sqrt(sum of squared losses / n), target 0, not annualised",
    "max_drawdown": "largest fall of cumulative P&L from its peak, in currency, positive; the peak starts at 0",
    "profit_factor": "gross profit / gross loss",
    "payoff_ratio": "average win / absolute average loss",
    "psr": "probability that the Sharpe ratio per trade exceeds 0 (Bailey and Lopez de Prado 2012), biased skew, "
    "non-excess kurtosis, variance at the observed ratio",
    "min_track_record_length": "trades needed for a PSR of 95 % at the observed ratio and moments",
    "numbers": "decimal text without exponent; sums exact, other numbers to 15 significant digits, money with at "
    "least two decimals; null where undefined, with the reason in `undefined`",
}


def normal_cdf(z: float) -> float:
    """Return the probability of a standard normal value below z, accurate in both tails."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def wilson_interval(wins: int, n: int) -> tuple[Decimal, Decimal] | None:
    """Return the 95 % Wilson score interval of a rate, within 0 and 1; None without trades."""
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


def plain_text(value: Decimal) -> str:
    """Return the number without exponent and without trailing zeros."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def ratio_text(value: Decimal | float) -> str:
    """Return a number to 15 significant digits as plain decimal text."""
    return plain_text(_ROUNDED.create_decimal(value if isinstance(value, Decimal) else repr(value)))


def money_text(value: Decimal, *, exact: bool = False) -> str:
    """Return an amount with at least two decimals; to 15 significant digits or the cent unless exact."""
    if not exact:
        # Large amounts keep their cents.
        places = max(CENTS, SIGNIFICANT_DIGITS - 1 - value.adjusted())
        value = value.quantize(Decimal(1).scaleb(-places), context=_EXACT)
    return decimal_text(value)


def present(figures: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return one engine's and kind's part of the report from a row of figures; None: no outcome at all.

    Counts are integers, other numbers text; what is undefined is null, with the reason in
    `undefined` (R5.4).
    """
    row: Mapping[str, Any] = figures if figures is not None else NO_TRADES | {"total_pnl": Decimal(0)}
    shown: dict[str, Any] = {name: row[name] for name in COUNTS}
    shown |= {name: _money(name, row.get(name)) for name in MONEY}
    shown |= {name: _ratio(row.get(name)) for name in RATIOS}
    interval = wilson_interval(row["wins"], row["n"])
    shown["win_rate_interval"] = None if interval is None else [ratio_text(bound) for bound in interval]
    z = row.get("psr_z")
    shown["psr"] = None if z is None else ratio_text(normal_cdf(float(z)))
    shown["price_provenance"] = row.get("price_provenance", {})
    why = undefined_reasons(row)
    shown["undefined"] = {name: why[name] for name, value in shown.items() if value is None}
    return shown


def undefined_reasons(row: Mapping[str, Any]) -> dict[str, str]:
    """Return why each figure would be undefined for these trades."""
    n, no_trades = row["n"], "no trades"
    no_wins = no_trades if n == 0 else "no wins"
    no_losses = no_trades if n == 0 else "no losses"
    spread = no_trades if n == 0 else "only one trade" if n == 1 else "all trades have the same P&L"
    days = row["active_days"]
    daily = no_trades if n == 0 else "only one active day" if days == 1 else "all active days have the same P&L"
    moments = spread if row.get("sharpe_per_trade") is None else "the variance of the Sharpe ratio is not positive"
    sharpe = row.get("sharpe_per_trade")
    needed = "the Sharpe ratio is not positive" if sharpe is not None and sharpe <= 0 else moments
    return {
        "win_rate": no_trades,
        "win_rate_interval": no_trades,
        "average_pnl": no_trades,
        "max_drawdown": no_trades,
        "average_win": no_wins,
        "average_loss": no_losses,
        "sharpe_per_trade": spread,
        "sharpe_daily": daily,
        "sortino_per_trade": "only one trade" if n == 1 else no_losses,
        "profit_factor": no_losses,
        "payoff_ratio": no_wins if row["wins"] == 0 else no_losses,
        "psr": moments,
        "min_track_record_length": needed,
    }


def _money(name: str, value: Decimal | None) -> str | None:
    return None if value is None else money_text(value, exact=name in WHOLE_SUMS)


def _ratio(value: Decimal | None) -> str | None:
    return None if value is None else ratio_text(value)
