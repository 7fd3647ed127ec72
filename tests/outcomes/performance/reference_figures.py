"""The figures once more, in exact fractions and the plainest way, to hold the SQL against."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Context, Decimal
from fractions import Fraction
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

WIDE = Context(prec=80)
RISK = 1000  # of every trade


def root(value: Fraction) -> Fraction:
    return Fraction(WIDE.sqrt(WIDE.divide(Decimal(value.numerator), Decimal(value.denominator))))


def text(value: Fraction | int | None) -> str | None:
    if value is None:
        return None
    fraction = Fraction(value)
    return format(WIDE.divide(Decimal(fraction.numerator), Decimal(fraction.denominator)), "f")


def sharpe_of(values: list[Fraction]) -> Fraction | None:
    if len(values) < 2 or len(set(values)) == 1:
        return None
    mean = sum(values) / Fraction(len(values))
    return mean / root(sum((v - mean) ** 2 for v in values) / Fraction(len(values) - 1))


def reference_figures(trades: list[tuple[str, int, Decimal]]) -> dict[str, Any]:
    ordered = [Fraction(pnl) for _, _, pnl in sorted(trades, key=lambda t: (datetime.fromisoformat(t[0]), t[1]))]
    if not ordered:
        return {}
    n, total = Fraction(len(ordered)), sum(ordered, Fraction(0))
    wins, losses = [v for v in ordered if v > 0], [v for v in ordered if v < 0]
    sharpe, figures = sharpe_of(ordered), {"n": n, "total_pnl": total, "average_pnl": total / n}
    curve = list(accumulate(ordered))
    figures |= {
        "wins": Fraction(len(wins)),
        "losses": Fraction(len(losses)),
        "flats": n - len(wins) - len(losses),
        "win_rate": len(wins) / n,
        "average_r": total / n / RISK,
        "max_drawdown": max(max(Fraction(0), *curve[: k + 1]) - equity for k, equity in enumerate(curve)),
    }
    shown: dict[str, Any] = {name: text(value) for name, value in figures.items()}
    shown["average_win"] = text(sum(wins) / Fraction(len(wins))) if wins else None
    shown["average_loss"] = text(sum(losses) / Fraction(len(losses))) if losses else None
    shown["profit_factor"] = text(Fraction(sum(wins) / -sum(losses))) if losses else None
    shown["payoff_ratio"] = (
        text(sum(wins) / Fraction(len(wins)) / (-sum(losses) / Fraction(len(losses)))) if wins and losses else None
    )
    shown["sharpe_per_trade"] = text(sharpe)
    downside = sum(v * v for v in losses) / n
    shown["sortino_per_trade"] = text(total / n / root(Fraction(downside))) if losses and n > 1 else None
    return shown | daily_figures(trades) | shape_figures(ordered, sharpe)


def daily_figures(trades: list[tuple[str, int, Decimal]]) -> dict[str, Any]:
    days: dict[Any, Fraction] = defaultdict(Fraction)
    for moment, _, pnl in trades:
        days[datetime.fromisoformat(moment).astimezone(ZoneInfo("America/New_York")).date()] += Fraction(pnl)
    daily = sharpe_of(list(days.values()))
    return {
        "active_days": text(len(days)),
        "sharpe_daily": None if daily is None else text(daily * root(Fraction(252))),
    }


def shape_figures(values: list[Fraction], sharpe: Fraction | None) -> dict[str, Any]:
    if sharpe is None:
        return {"skew": None, "kurtosis": None, "psr_z": None, "min_track_record_length": None}
    n = len(values)
    mean = sum(values) / Fraction(n)
    second, third, fourth = (sum((v - mean) ** k for v in values) / Fraction(n) for k in (2, 3, 4))
    skew, kurtosis = Fraction(third) / (second * root(Fraction(second))), fourth / second**2
    variance_term = 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2
    quantile = Fraction(Decimal("1.6448536269514715"))
    return {
        "skew": text(skew),
        "kurtosis": text(Fraction(kurtosis)),
        "psr_z": text(sharpe * root(Fraction(n - 1)) / root(variance_term)),
        "min_track_record_length": text(1 + variance_term * (quantile / sharpe) ** 2) if sharpe > 0 else None,
    }
