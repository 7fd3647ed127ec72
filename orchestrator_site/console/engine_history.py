"""One engine over time as charts: what it earned and paid, what it answered and how fast, which versions it ran."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from admin_kit.charts import Chart, Mark, Series, is_wide
from kernel.values import day_text
from orchestrator_site.console.compare_charts import time_axis
from outcomes.performance.history import LATENCY_DAYS, Answers, Earned, Latency, Version

ALONE = {"A": "a", "B": "b-alone"}
KINDS = {"real": "real", "shadow": "shadow", "own_exit": "shadow, own exits"}
# Of a curve, and of bars side by side.
MOST_STEPS, MOST_BARS = 200, 24


class Sum:
    """Closed trades added up."""

    def __init__(self) -> None:
        self.n = self.wins = self.at_risk = 0
        self.total = self.total_r = self.fees = Decimal(0)

    def add(self, one: Earned) -> None:
        """Add those of a day."""
        self.n, self.wins, self.at_risk = self.n + one.n, self.wins + one.wins, self.at_risk + one.at_risk
        self.total, self.total_r, self.fees = self.total + one.total, self.total_r + one.total_r, self.fees + one.fees

    @property
    def win_rate(self) -> float | None:
        """In percent; None without trades."""
        return round(100 * self.wins / self.n, 1) if self.n else None

    @property
    def average_r(self) -> float | None:
        """None without capital at risk."""
        return float(self.total_r / self.at_risk) if self.at_risk else None


def figures(earned: Sequence[Earned], currency: str) -> list[tuple[str, list[str]]]:
    """Real trades, shadows and own exits side by side, never added: a row for each figure."""
    sums = _summed((one.kind, one) for one in earned)
    columns = [sums.get(kind, Sum()) for kind in KINDS]
    return [
        ("Trades", [f"{one.n:,}" for one in columns]),
        ("Win rate", ["n/a" if one.win_rate is None else f"{one.win_rate:.1f}%" for one in columns]),
        (f"P&L after fees, {currency}", [f"{one.total:+,.2f}" for one in columns]),
        ("Average R", ["n/a" if one.average_r is None else f"{one.average_r:+.3f}" for one in columns]),
        (f"Fees, {currency}", [f"{one.fees:,.2f}" for one in columns]),
    ]


def earned_charts(engine: str, earned: Sequence[Earned], versions: Sequence[Version], currency: str) -> list[Chart]:
    """Cumulative P&L, average R, win rate and fees by even steps of time, with a line where a version begins."""
    if not earned:
        return []
    days = sorted({one.day for one in earned})
    labels, label_of = time_axis(days, MOST_STEPS)
    steps, step_of = time_axis(days, MOST_BARS)
    kinds = [kind for kind in KINDS if any(one.kind == kind for one in earned)]
    totals = _summed((one.kind, one) for one in earned)
    begun = {
        one.strategy_version: min(day for day in days if day >= one.first_day)
        for one in versions[1:]
        if one.first_day <= days[-1]
    }
    look = engine.lower()

    def series(kind: str, values: Sequence[Any], form: str) -> Series:
        if kind == "own_exit":
            return Series(KINDS[kind], values, "other", form)
        return Series(KINDS[kind], values, ALONE[engine], form, dashed=kind == "shadow")

    sums = _summed(((one.kind, label_of[one.day]), one) for one in earned)
    curves = []
    for kind in kinds:
        reached, levels = Decimal(0), []
        for label in labels:
            reached += sums.get((kind, label), Sum()).total
            levels.append(round(float(reached), 2))
        curves.append(series(kind, levels, "line"))
    ends = ", ".join(f"{KINDS[kind]} {totals[kind].total:+,.2f}" for kind in kinds)
    axis = "Exit (New York)"

    by_step = _summed(((one.kind, step_of[one.day]), one) for one in earned)

    def bars(identity: str, title: str, summary: str, unit: str, values: Any) -> Chart:
        found = [
            series(kind, [values(by_step.get((kind, step), Sum())) for step in steps[1:]], "bar") for kind in kinds
        ]
        marks = [Mark(step_of[day], name) for name, day in begun.items()]
        return Chart(
            f"{identity}-{look}", f"{engine}: {title}", summary, steps[1:], found, axis, unit, low=True, marks=marks
        )

    charts = [
        Chart(
            f"pnl-{look}", f"{engine}: cumulative P&L ({currency})",
            f"At the end, in {currency}: {ends}. Real and shadow cover different signals: never add or compare them.",
            labels, curves, axis, currency, low=True,
            marks=[Mark(label_of[day], name) for name, day in begun.items()],
        ),
        bars(
            "r", "average R per trade", "P&L over capital at risk; over all: "
            + ", ".join(f"{KINDS[kind]} {_signed(totals[kind].average_r)}" for kind in kinds) + ".", "R",
            lambda slot: None if slot.average_r is None else round(slot.average_r, 4),
        ),
        bars(
            "wins", "win rate", "Share of trades with a gain; over all: "
            + ", ".join(f"{KINDS[kind]} {totals[kind].win_rate}% of {totals[kind].n:,}" for kind in kinds) + ".",
            "Percent", lambda slot: slot.win_rate,
        ),
        bars(
            "fees", f"fees ({currency})", "Real trades pay what the broker charges, shadows the policy's schedule; in "
            "all: " + ", ".join(f"{KINDS[kind]} {totals[kind].fees:,.2f}" for kind in kinds) + ".", currency,
            lambda slot: round(float(slot.fees), 2),
        ),
    ]  # fmt: skip
    # Fees that nobody paid are no picture.
    return charts if any(found.fees for found in totals.values()) else charts[:-1]


def _signed(value: float | None) -> str:
    return "n/a" if value is None else f"{value:+.3f}"


def _summed(rows: Any) -> dict[Any, Sum]:
    sums: dict[Any, Sum] = {}
    for key, one in rows:
        sums.setdefault(key, Sum()).add(one)
    return sums


def answers_chart(engine: str, answers: Sequence[Answers]) -> Chart | None:
    """What the engine said to the signals, by when they came; None without any."""
    if not answers:
        return None
    labels, label_of = time_axis([one.day for one in answers], MOST_BARS)
    names = {"opened": "to open", "declined": "declined", "silent": "no answer"}
    looks = {"opened": ALONE[engine], "declined": "other", "silent": "limit"}
    counts = {name: dict.fromkeys(labels[1:], 0) for name in names}
    for one in answers:
        for name, found in counts.items():
            found[label_of[one.day]] += getattr(one, name)
    totals = {name: sum(found.values()) for name, found in counts.items()}
    lost = sum(one.never_opened for one in answers)
    asked = sum(totals.values())
    said = ", ".join(f"{totals[name]:,} {words}" for name, words in names.items())
    return Chart(
        f"answers-{engine.lower()}", f"{engine}: answers",
        f"Of {asked:,} signals: {said}. {lost:,} of those to open never became a trade.",
        labels[1:],
        [
            Series(words, list(counts[name].values()), looks[name], "bar", dashed=name == "silent")
            for name, words in names.items()
        ],
        "Signal (New York)", "Signals", stacked=True, low=True,
    )  # fmt: skip


def latency_chart(engine: str, found: Sequence[Latency]) -> Chart | None:
    """How long answers took; None without any."""
    if not found:
        return None
    slowest = max(found, key=lambda one: one.most)
    # A logarithm has no 0.
    halves, mosts = ([max(round(value, 3), 0.001) for value in values] for values in zip(
        *((one.half, one.most) for one in found), strict=True
    ))  # fmt: skip
    count = sum(one.n for one in found)
    return Chart(
        f"latency-{engine.lower()}", f"{engine}: answer time, last {LATENCY_DAYS} days",
        f"{count:,} answer{'s' if count != 1 else ''}. "
        f"Slowest {slowest.start} (New York): 95% within {slowest.most:,.2f} s.",
        [one.start for one in found],
        [Series("median", halves, ALONE[engine], "points"), Series("95th percentile", mosts, "other", "points")],
        "Signal (New York)", "Seconds", log=is_wide((*halves, *mosts)), low=True,
    )  # fmt: skip


def version_rows(versions: Sequence[Version]) -> list[tuple[str, str, str, str]]:
    """Version, rules, first and last day of its closed trades, the newest first."""
    return [
        (one.strategy_version, one.rules_hash, day_text(one.first_day), day_text(one.last_day))
        for one in reversed(versions)
    ]
