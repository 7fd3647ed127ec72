"""One engine over time: what it earned and answered day by day, how fast it was, and which versions it ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from psycopg.sql import SQL

from kernel.sql import load
from outcomes.performance.measures import ANSWER_COUNTS, ENDINGS
from outcomes.performance.scope import (
    WHOLE_DAYS,
    Scope,
    added_up,
    answers_in,
    both,
    columns,
    measured,
    named,
    results_in,
    rows_of,
)

EARNED = ("n", "wins", "total", "at_risk", "total_r", "fees")
_LATENCY = load(__file__, "latency.sql")
LATENCY_DAYS = 14


@dataclass(frozen=True, slots=True)
class Earned:
    """The closed trades of one kind that ended on a day in New York; amounts in the currency of the report."""

    day: date
    kind: str  # real, shadow, own_exit
    n: int
    wins: int
    total: Decimal
    at_risk: int
    total_r: Decimal
    fees: Decimal


@dataclass(frozen=True, slots=True)
class Answers:
    """The signals that came on a day in New York, by what the engine has answered."""

    day: date
    opened: int  # to open, whether a trade came of it or not
    declined: int
    silent: int  # not answered, or not yet
    never_opened: int  # of those to open


def earned_by_day(scope: Scope, engine: str) -> list[Earned]:
    """The closed trades of an engine by day and kind, oldest first."""
    names = ("kind", "engine", "day", *EARNED)
    loose = SQL("SELECT {} FROM ({}) loose").format(columns(names), measured(scope.rows(results_in(scope.loose))))
    statement = SQL("""SELECT day, kind, {} FROM ({}) days WHERE engine = %(engine)s
 GROUP BY day, kind HAVING sum(n) > 0 ORDER BY day, kind""").format(
        added_up(EARNED),
        both(scope.cells(columns(names), SQL("kind IN ('real', 'shadow', 'own_exit') AND engine = %(engine)s")), loose),
    )
    return [Earned(**row) for row in rows_of(statement, scope.parameters | {"engine": engine})]


def answers_by_day(scope: Scope, engine: str) -> list[Answers]:
    """What became of the signals that the engine was asked about, by the day on which they came."""
    statement = SQL("""SELECT day, {sums} FROM (
    SELECT day, {names} FROM report_answer_cells WHERE {slices} AND {whole_days}
    UNION ALL
    SELECT (created_at AT TIME ZONE 'America/New_York')::date AS day, {measures} FROM ({rows}) answered GROUP BY 1
) days GROUP BY day ORDER BY day""").format(
        sums=added_up(ANSWER_COUNTS),
        names=columns(ANSWER_COUNTS),
        slices=scope.sliced,
        whole_days=WHOLE_DAYS,
        measures=named(ANSWER_COUNTS),
        rows=scope.filters.chosen(answers_in(scope.loose)),
    )
    return [_answers(row, engine.lower()) for row in rows_of(statement, scope.parameters)]


def _answers(row: Mapping[str, Any], engine: str) -> Answers:
    ended = {ending: sum(row[f"{engine}_{role}_{ending}"] for role in ("real", "shadow")) for ending in ENDINGS}
    answered = row["both"] + row[f"{engine}_only"]
    opened, silent = answered - ended["declined"], row["experiments"] - answered
    return Answers(row["day"], opened, ended["declined"], silent, ended["never_opened"])


@dataclass(frozen=True, slots=True)
class Latency:
    """How long answers took from the distribution of a signal, in seconds."""

    start: str  # the day in New York, or within two days the hour
    n: int
    half: float
    most: float  # 95 %


def latency(engine: str) -> list[Latency]:
    """The answers of the last two weeks, by day, or by hour where they are of two days at most."""
    return [Latency(**row) for row in rows_of(_LATENCY, {"engine": engine, "days": LATENCY_DAYS})]


@dataclass(frozen=True, slots=True)
class Version:
    """A stretch in which an engine traded by one strategy version and one set of rules."""

    strategy_version: str
    rules_hash: str
    first_day: date
    last_day: date


def versions(phases: Sequence[Mapping[str, Any]], engine: str) -> list[Version]:
    """The versions of an engine in the phases of a report, oldest first; those that follow each other are one."""
    found: list[Version] = []
    for phase in phases:
        said = phase["engines"][engine]
        first, last = (date.fromisoformat(phase[name]) for name in ("first_day", "last_day"))
        version = Version(said["strategy_version"], said["rules_hash"], first, last)
        known = found[-1] if found else None
        if known and (known.strategy_version, known.rules_hash) == (version.strategy_version, version.rules_hash):
            found[-1] = Version(known.strategy_version, known.rules_hash, known.first_day, max(known.last_day, last))
        elif version.strategy_version:
            found.append(version)
    return found
