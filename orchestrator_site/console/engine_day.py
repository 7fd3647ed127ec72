"""What each engine did over the last day, and which errors it was answered with: a part of the Engines page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import connection

from admin_kit.charts import Chart, Series
from kernel.problems import PROBLEMS
from kernel.sql import load

# The upper ends of the bars of answer times, in seconds; the last bar has none.
BOUNDS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300)
ACTIVITY = load(__file__, "engine_day.sql").replace("/* bounds */", ", ".join(map(str, BOUNDS)))
ERRORS = """
SELECT engine, code, coalesce(sum(count) FILTER (WHERE day = today), 0)::bigint, sum(count)::bigint, max(day)
  FROM engine_errors CROSS JOIN (SELECT (now() AT TIME ZONE 'UTC')::date AS today) clock
 WHERE day > today - 7 GROUP BY engine, code ORDER BY engine, sum(count) DESC, code
"""
BARS = (*(f"to {end:g} s" for end in BOUNDS), f"over {BOUNDS[-1]:g} s")


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One error code that the engine got within seven days."""

    code: str
    today: int
    week: int
    last_day: date
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True)
class EngineDay:
    """Counts over the assignments of the last 24 hours, and of all that waits now; times in seconds."""

    real: int = 0  # answered OPEN, and told REAL
    shadow: int = 0
    declined: int = 0
    stale: int = 0
    silent: int = 0  # no answer in time
    lapsed_leases: int = 0
    percentiles: tuple[float, ...] = ()  # of answer times, as named below; empty without an answer
    bars: tuple[int, ...] = (0,) * len(BARS)
    permits: int = 0
    confirmed: int = 0
    used: int = 0
    unconfirmed: int = 0  # used without a confirmation
    lapsed: int = 0
    priced: int = 0
    unpriced: int = 0
    pending_directives: int = 0
    proposed: int = 0
    accepted: int = 0
    refused: int = 0
    open_incidents: int = 0
    incidents: int = 0

    @property
    def named_percentiles(self) -> list[tuple[str, float]]:
        """Half of the answers came within the median, nine of ten within p90, and so on."""
        return list(zip(("median", "p90", "p99", "longest"), self.percentiles, strict=True))

    @property
    def answers(self) -> int:
        """All answers, whatever they said."""
        return self.real + self.shadow + self.declined


def engine_days() -> dict[str, EngineDay]:
    """Both engines by name."""
    with connection.cursor() as cursor:
        cursor.execute(ACTIVITY)
        found = cursor.fetchall()
    days = {}
    for engine, real, shadow, declined, stale, silent, leases, percentiles, counted, *counts in found:
        answers = (real, shadow, declined, stale, silent, leases)
        days[engine] = EngineDay(*answers, tuple(percentiles or ()), tuple(counted), *counts)
    return days


def times_chart(engine: str, day: EngineDay) -> Chart | None:
    """How long the answers of the last day took; None without any."""
    if not day.percentiles:
        return None
    used = [place for place, n in enumerate(day.bars) if n]
    # One bar more on either side: the picture shows that nothing lies beyond.
    shown = slice(max(used[0] - 1, 0), used[-1] + 2)
    said = ", ".join(f"{name} {value:,.2f} s" for name, value in day.named_percentiles[:-1])
    return Chart(
        f"times-{engine.lower()}", f"{engine}: answer times of the last 24 hours",
        f"{sum(day.bars):,} answers: {said}; longest {day.percentiles[-1]:,.2f} s.",
        BARS[shown], [Series("answers", day.bars[shown], {"A": "a", "B": "b-alone"}[engine], "bar")],
        "From the assignment to the answer", "Answers", low=True,
    )  # fmt: skip


def engine_errors() -> dict[str, list[ErrorRow]]:
    """The errors of the last seven days by engine, the most frequent first."""
    with connection.cursor() as cursor:
        cursor.execute(ERRORS)
        found = cursor.fetchall()
    rows: dict[str, list[ErrorRow]] = {"A": [], "B": []}
    for engine, code, today, week, last_day in found:
        problem = PROBLEMS.get(code)
        # A code of an earlier release has no words any more.
        meaning, remedy = (problem.meaning, problem.remedy) if problem else ("", "")
        rows[engine].append(ErrorRow(code, today, week, last_day, meaning, remedy))
    return rows
