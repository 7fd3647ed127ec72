"""The charts of the comparison: each from sums, in the report's currency or in R, with the same in words beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from admin_kit.charts import Chart, Mark, Series
from kernel.values import day_text
from orchestrator_site.console.report_page import bin_text
from outcomes.core.statistics import RoleBalanced, role_balanced
from outcomes.performance.comparison import DAY, MOST_SLOTS, Slot, Sums

LINES = {"A": "a", "B": "b", "A - B": "difference"}
# So many have room in a low chart.
FEW_ROWS = 8
# Means of a pair are often this small, and then a digit more tells them apart.
SMALL_R = Decimal("0.1")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Unit:
    """What amounts are in: R, or the currency of the report."""

    name: str
    in_r: bool

    @property
    def query(self) -> dict[str, str]:
        """What an address says of it: nothing of R."""
        return {} if self.in_r else {"unit": "currency"}

    def text(self, value: Decimal | None) -> str:
        """An amount with sign and unit; `n/a` for None."""
        return "n/a" if value is None else f"{self.bare(value)} {self.name}"

    def bare(self, value: Decimal) -> str:
        """The same without the unit."""
        if not self.in_r:
            return f"{value:+z,.2f}"
        return f"{value:+z,.3f}" if abs(value) >= SMALL_R else f"{value:+z.4f}"

    def range(self, bounds: tuple[Decimal, Decimal] | None) -> str:
        """An interval in words; empty for None."""
        return "" if bounds is None else f"{self.bare(bounds[0])} to {self.bare(bounds[1])} {self.name}"

    def drawn(self, value: Decimal) -> float:
        """As many digits as a picture and its table need."""
        return round(float(value), 4 if self.in_r else 2)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval, and the pairs behind it; None for what there is not."""

    name: str
    n: int | None
    mean: Decimal | None
    interval: tuple[Decimal, Decimal] | None


def time_axis(days: Sequence[date], most: int = MOST_SLOTS) -> tuple[list[str], dict[date, str]]:
    """Labels at even steps, and the one that each of these days belongs to.

    A step is a day, a week, a month or a year, the first of these by which there are no more than so many. One more
    label comes first, where every curve begins at 0.
    """
    first, last = min(days), max(days)
    if (last - first) / DAY < most:
        starts = [first + number * DAY for number in range(-1, (last - first) // DAY + 1)]
        return [day_text(day) for day in starts], {day: day_text(day) for day in days}
    if (last - first) / timedelta(weeks=1) < most:
        monday = first - first.weekday() * DAY
        weeks = [monday + timedelta(weeks=number) for number in range(-1, (last - monday) // timedelta(weeks=1) + 1)]
        return [day_text(day) for day in weeks], {day: day_text(day - day.weekday() * DAY) for day in days}
    months = range(first.year * 12 + first.month - 2, last.year * 12 + last.month)
    if len(months) <= most:
        names = [f"{month // 12}-{month % 12 + 1:02}" for month in months]
        return names, {day: day_text(day)[:7] for day in days}
    return [f"{year}" for year in range(first.year - 1, last.year + 1)], {day: f"{day.year}" for day in days}


def equity_charts(slots: Sequence[Slot], total: Sums, unit: Unit, phases: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """What A, B and the difference have come to by the end of each slot, and how far below their peaks they fell."""
    is_daily = all(slot.start == day_text(slot.day) for slot in slots)
    if is_daily:
        labels, label_of = time_axis([slot.day for slot in slots])
    else:
        labels, label_of = ["Start", *sorted({slot.start for slot in slots})], {}
    reached = dict.fromkeys(LINES, Decimal(0))
    peaks = dict.fromkeys(LINES, Decimal(0))
    equity: dict[str, dict[str, Decimal]] = {}
    falls: dict[str, dict[str, Decimal]] = {}
    for slot in slots:
        label = label_of[slot.day] if is_daily else slot.start
        for name, amount in zip(LINES, (slot.of_a, slot.of_a - slot.difference, slot.difference), strict=True):
            reached[name] += amount
            peaks[name] = max(peaks[name], reached[name])
            lowest = falls.setdefault(label, dict.fromkeys(LINES, Decimal(0)))
            lowest[name] = min(lowest[name], reached[name] - peaks[name])
        equity[label] = dict(reached)
    # Nothing happens in a slot without pairs: the curve stays where it is.
    held = dict.fromkeys(LINES, Decimal(0))
    fallen = dict.fromkeys(LINES, Decimal(0))
    lines: dict[str, list[float]] = {name: [] for name in LINES}
    depths: dict[str, list[float]] = {name: [] for name in LINES}
    for label in labels:
        if label in equity:
            held, fallen = equity[label], falls[label]
        for name in LINES:
            lines[name].append(unit.drawn(held[name]))
            depths[name].append(unit.drawn(fallen[name]))
    marks = phase_marks(phases, labels, label_of) if is_daily else []
    axis = "Exit (New York)"
    ends = ", ".join(
        f"{name} {unit.text(amount)}"
        for name, amount in zip(LINES, (total.of_a, total.of_b, total.difference), strict=True)
    )
    deepest = ", ".join(f"{name} {min(depths[name]):,.{3 if unit.in_r else 2}f} {unit.name}" for name in LINES)
    return [
        Chart(
            "equity", f"Cumulative P&L of the pairs ({unit.name})",
            f"At the end, over {total.n:,} pairs: {ends}." + (" Vertical lines: a phase begins." if marks else ""),
            labels, [Series(name, lines[name], look) for name, look in LINES.items()], axis,
            f"Cumulative P&L, {unit.name}", marks=marks,
        ),
        Chart(
            "drawdown", f"Drawdown of the pairs ({unit.name})",
            f"Deepest fall below the peak{' at the end of a day' if is_daily else ''}: {deepest}.",
            labels, [Series(name, depths[name], look) for name, look in LINES.items()], axis,
            f"Below the peak, {unit.name}", low=True, marks=marks,
        ),
    ]  # fmt: skip


def phase_marks(phases: Sequence[Mapping[str, Any]], labels: Sequence[str], label_of: Mapping[date, str]) -> list[Mark]:
    """A line where each phase but the first begins, named by what has changed."""
    known = sorted(label_of)
    marks: dict[str, list[str]] = {}
    for before, phase in pairwise(phases):
        day = next((day for day in known if day >= date.fromisoformat(phase["first_day"])), None)
        if day is not None:
            marks.setdefault(label_of[day], []).extend(changed(before, phase))
    # Where several begin in one slot, one line says so.
    return [
        Mark(label, ", ".join(texts) if len(texts) < 3 else f"{len(texts)} changes") for label, texts in marks.items()
    ]


def changed(before: Mapping[str, Any], phase: Mapping[str, Any]) -> list[str]:
    """What makes a phase another one than that before it, in few words."""
    found = [f"policy {phase['policy_version']}"] if before["policy_version"] != phase["policy_version"] else []
    for engine, said in phase["engines"].items():
        was = before["engines"][engine]
        if said["strategy_version"] != was["strategy_version"]:
            found.append(f"{engine}: {said['strategy_version'] or 'no answer'}")
        elif said["rules_hash"] != was["rules_hash"]:
            found.append(f"{engine}: other rules")
    return found or ["another phase"]


def distribution_chart(pairs: Mapping[str, Any]) -> Chart | None:
    """How many pairs there are of each size of difference, in R; None without any."""
    kinds = {"one real, one shadow": pairs["distribution"], "both shadows": pairs["unpaired"]["distribution"]}
    drawn = {name: [part["n"] for part in parts] for name, parts in kinds.items() if any(part["n"] for part in parts)}
    if not drawn:
        return None
    looks = {"one real, one shadow": "difference", "both shadows": "other"}
    counted = pairs["a_better"], pairs["b_better"], pairs["tied"]
    return Chart(
        "distribution", "Pairs by their difference (R)",
        "Pairs with one real trade: A earned more in {:,}, B in {:,}, both the same in {:,}.".format(*counted),
        [bin_text(part) for part in pairs["distribution"]],
        [Series(name, counts, looks[name], "bar") for name, counts in drawn.items()], "A - B, R", "Pairs",
        sideways=True,
    )  # fmt: skip


def balanced(totals: Mapping[str, Sums]) -> RoleBalanced | None:
    """The engines' own difference and the cost of real execution; None while only one has traded for real."""
    return role_balanced(totals["A"].statistics, totals["B"].statistics)


def role_chart(totals: Mapping[str, Sums], unit: Unit) -> Chart:
    """The mean difference by who traded for real, and what is left of it when the roles weigh the same."""
    rows: list[Estimate] = []
    for name, engine in (("All pairs", ""), ("A real, B shadow", "A"), ("B real, A shadow", "B")):
        found = totals[engine].statistics
        rows.append(Estimate(name, found.n, found.mean, found.interval))
    estimate = balanced(totals)
    if estimate is not None:
        for name, effect in (
            ("Engines alone, roles balanced", estimate.engine_effect),
            ("Cost of trading for real, not A − B", estimate.real_execution_effect),
        ):
            rows.append(Estimate(name, None, effect, estimate.interval(effect)))
    return interval_chart(
        rows, unit, "Pairs", identity="roles", title=f"Mean difference by role ({unit.name})",
        summary="A - B per pair with its 95% interval, for a single look."
        + ("" if estimate else " Only one engine has traded for real: skill and execution cannot be told apart."),
    )  # fmt: skip


def interval_chart(rows: Sequence[Estimate], unit: Unit, label_title: str, **chart: Any) -> Chart:
    """A dot and its interval for each row; `chart` is what else a chart says of itself."""
    dots = [None if row.mean is None else unit.drawn(row.mean) for row in rows]
    bars = [None if row.interval is None else [unit.drawn(bound) for bound in row.interval] for row in rows]
    table = [[row.name, row.n, dot, *(bar or (None, None))] for row, dot, bar in zip(rows, dots, bars, strict=True)]
    return Chart(
        labels=[row.name for row in rows],
        series=[Series("mean", dots, "difference", "points"), Series("95% interval", bars, "range", "interval")],
        label_title=label_title, value_title=f"A - B per pair, {unit.name}", sideways=True, low=len(rows) <= FEW_ROWS,
        table=((label_title, "Pairs (n)", f"Mean, {unit.name}", "From", "To"), table), **chart,
    )  # fmt: skip


def months_table(slots: Sequence[Slot], unit: Unit) -> Chart:
    """What the difference came to in each month, and with A and B in each year; its picture is the table."""
    months: dict[tuple[int, int], list[Decimal]] = {}
    for slot in slots:
        for month in (slot.day.month, 0):
            amounts = months.setdefault((slot.day.year, month), [Decimal(0)] * 3)
            for place, amount in enumerate((slot.of_a, slot.of_a - slot.difference, slot.difference)):
                amounts[place] += amount
    rows = []
    for year in sorted({year for year, _ in months}):
        found = [months.get((year, number)) for number in range(1, 13)]
        differences = [None if amounts is None else amounts[-1] for amounts in found]
        rows.append(
            [f"{year}", *(None if amount is None else f"{amount:+z.2f}" for amount in (*differences, *months[year, 0]))]
        )
    return Chart(
        "months", f"A - B by month ({unit.name})", "By the later exit, New York; then the year's A, B and A - B.",
        [], [], "Year", unit.name, table=(("Year", *MONTHS, *LINES), rows),
    )  # fmt: skip
