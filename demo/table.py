"""The comparison of the engines, as text from `GET performance`.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

from typing import Any

COLUMNS = (
    ("trades", "n"),
    ("won", "wins"),
    ("lost", "losses"),
    ("win rate", "win_rate"),
    ("P&L", "total_pnl"),
    ("average", "average_pnl"),
    ("Sharpe/trade", "sharpe_per_trade"),
    ("drawdown", "max_drawdown"),
    ("unpriced", "unpriced"),
    ("violations", "violations"),
)


def comparison_lines(report: dict[str, Any]) -> list[str]:
    """Return the lines: real and shadow of each engine, never added up."""
    rows = [("", *(title for title, _ in COLUMNS))]
    for engine, kinds in sorted(report["engines"].items()):
        rows += [_row(f"engine {engine}, {kind}", kinds[kind]) for kind in ("real", "shadow")]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(_aligned(row, widths)) for row in rows]


def pair_lines(pairs: dict[str, Any]) -> list[str]:
    """Return what the pairs say: trades of both engines on the same signal, A minus B."""
    mean, interval = _cell(pairs["mean_difference"]), _interval(pairs["confidence_sequence"])
    reason = f" ({pairs['verdict_reason']})" if pairs["verdict_reason"] else ""
    lines = [
        f"pairs (both traded the same signal): {pairs['n']}, mean difference A - B {mean}, 95 % interval {interval}",
        f"verdict: {pairs['verdict']}{reason}",
    ]
    balance = pairs["role_balanced"]
    if balance and balance["engine_effect"] is not None:
        effects = _cell(balance["engine_effect"]), _cell(balance["real_execution_effect"])
        lines.append("by roles: engines {}, real execution {}".format(*effects))
    return lines


def _interval(bounds: Any) -> str:
    return " to ".join(_cell(bound) for bound in bounds) if bounds else "n/a"


def _row(title: str, figures: dict[str, Any]) -> tuple[str, ...]:
    return (title, *(_cell(figures.get(name)) for _, name in COLUMNS))


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    return [first.strip().ljust(widths[0]), *others]


def _cell(value: Any) -> str:
    """Return a figure with at most two decimals; what is undefined is n/a, never 0."""
    if value is None:
        return "n/a"
    text = str(value)
    return f"{float(text):.2f}" if "." in text else text
