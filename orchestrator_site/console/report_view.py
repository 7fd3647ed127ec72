"""The report as rows of a table for people: few digits, units, and n beside every ratio.

Pure: no I/O, no clock, no randomness. The exact figures are in the JSON and CSV exports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

COLUMNS = tuple((engine, kind) for engine in ("A", "B") for kind in ("real", "shadow"))
MONEY, RATIO, PERCENT, COUNT, PERCENTS = "money", "ratio", "percent", "count", "percents"
# Figure, its label, its form, and which count stands beside it.
FIGURES = (
    ("n", "Trades (n)", COUNT, ""),
    ("wins", "Wins", COUNT, ""),
    ("losses", "Losses", COUNT, ""),
    ("flats", "Flats", COUNT, ""),
    ("win_rate", "Win rate", PERCENT, "n"),
    ("win_rate_interval", "Win rate, 95 % interval", PERCENTS, "n"),
    ("total_pnl", "Total P&L", MONEY, ""),
    ("average_pnl", "Average P&L", MONEY, "n"),
    ("average_win", "Average win", MONEY, "wins"),
    ("average_loss", "Average loss", MONEY, "losses"),
    ("sharpe_per_trade", "Sharpe per trade", RATIO, "n"),
    ("sharpe_daily", "Sharpe daily", RATIO, "active_days"),
    ("sortino_per_trade", "Sortino per trade", RATIO, "n"),
    ("max_drawdown", "Maximum drawdown", MONEY, ""),
    ("profit_factor", "Profit factor", RATIO, "n"),
    ("payoff_ratio", "Payoff ratio", RATIO, "n"),
    ("psr", "Probability that Sharpe > 0", PERCENT, "n"),
    ("min_track_record_length", "Trades needed for that to be 95 %", RATIO, "n"),
    ("unpriced", "Unpriced, left out", COUNT, ""),
    ("violations", "Broke a rule, left out", COUNT, ""),
)
COUNT_NAMES = {"n": "n", "wins": "wins", "losses": "losses", "active_days": "days"}
SIGNED = {"total_pnl", "average_pnl"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: text to show, exact value or reason as tooltip, what it rests on, gain or loss."""

    text: str
    exact: str = ""
    basis: str = ""
    tone: str = ""
    undefined: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of all four columns."""

    name: str
    label: str
    meaning: str
    cells: tuple[Cell, ...]


def figure_rows(report: Mapping[str, Any]) -> list[Row]:
    """Return the table: a row per figure, columns A real, A shadow, B real, B shadow."""
    parts = [report["engines"][engine][kind] for engine, kind in COLUMNS]
    conventions = report["conventions"]
    return [
        Row(name, label, conventions.get(name, ""), tuple(_cell(part, name, form, basis) for part in parts))
        for name, label, form, basis in FIGURES
    ]


def shown(name: str, part: Mapping[str, Any], form: str) -> Cell:
    """Return one figure of the pairs block."""
    return _cell(part, name, form, "")


def _cell(part: Mapping[str, Any], name: str, form: str, basis: str) -> Cell:
    value = part.get(name)
    beside = f"{COUNT_NAMES[basis]} = {part[basis]}" if basis else ""
    if value is None:
        return Cell("n/a", part["undefined"].get(name, "undefined"), beside, undefined=True)
    if name in SIGNED:
        # With its sign, so that gain and loss are told apart without colour.
        return Cell(f"{Decimal(value):+.2f}", _exact(value), beside, _tone(value))
    return Cell(_text(value, form), _exact(value), beside)


def _text(value: Any, form: str) -> str:
    if form == COUNT:
        return str(value)
    if form == PERCENTS:
        return " to ".join(_text(bound, PERCENT) for bound in value)
    number = Decimal(value)
    if form == PERCENT:
        return f"{number * 100:.1f} %"
    return f"{number:.2f}" if form == MONEY else f"{number:.3f}"


def _exact(value: Any) -> str:
    return " to ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)


def _tone(value: str) -> str:
    number = Decimal(value)
    return "gain" if number > 0 else "loss" if number < 0 else ""
