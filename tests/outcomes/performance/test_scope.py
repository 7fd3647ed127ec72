"""The sums by day: with them, without them, and whatever has happened since, the report says the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from django.db import connection, transaction

from experiments.models import Experiment
from kernel.canonical import document_hash
from outcomes.models import (
    AnswerCell,
    GroupCell,
    RealOutcome,
    ReportCell,
    ReportMark,
    ShadowOutcome,
    ShadowTrade,
)
from outcomes.performance import report
from outcomes.performance.comparison import course_of_pairs, groups, totals
from outcomes.performance.listing import KINDS, ORDERS, Listing, extremes
from outcomes.performance.months import add_up_months
from outcomes.performance.report import cumulative_series, performance_report
from outcomes.performance.scope import PerformanceFilters, Scope, rebuild_day
from outcomes.tasks import rebuild_days
from tests.database import execute
from tests.factories import make_experiment
from tests.outcomes.closed_trades import (
    EXIT_TIME,
    Closed,
    add_up,
    answer,
    break_rule,
    close_pair,
    close_trade,
    leave_by_own_rules,
    open_trade,
)
from tests.threads import in_background, uncommitted, wait_for_blocked_sessions

T = TypeVar("T")
ANY = PerformanceFilters()
SYMBOLS = ("SPY", "QQQ")
# An hour before and after midnight in New York, and the hour before the clocks change.
MOMENTS = [EXIT_TIME + timedelta(hours=hours) for hours in (0, 8, 10, 24, 100, 500)] + [
    datetime(2026, 3, 8, 6, 30, tzinfo=UTC)
]


class Choose:
    """Choices that look random and are the same in every run of a seed."""

    def __init__(self, seed: int) -> None:
        self._seed, self._made = seed, 0

    def of(self, *options: T) -> T:
        self._made += 1
        return options[int(document_hash([self._seed, self._made]), 16) % len(options)]


def said(filters: PerformanceFilters) -> tuple[dict[str, Any], Any]:
    """What the report says, but for the moment at which it says it, and what is drawn beside it."""
    report = performance_report(filters)
    scope = Scope.of(filters)
    drawn: list[Any] = [read(scope, in_r=in_r) for read in (course_of_pairs, totals, groups) for in_r in (True, False)]
    drawn += [totals(scope, "own_pair", in_r=in_r) for in_r in (True, False)] + [cumulative_series(filters)]
    # As few rows as leave some out, in every order of P&L.
    first = [(place, row) for row in extremes(scope, 2) for place in ("best", "worst") if row[place] <= 2]
    drawn.append(sorted((row["whose"], place, row[place], row["id"]) for place, row in first))
    drawn += [[row["id"] for row in Listing(scope, kind).page(order, 2)] for kind in KINDS for order in ORDERS]
    return {name: part for name, part in report.items() if name != "as_of"}, drawn


@contextmanager
def without_any_cell() -> Iterator[None]:
    """Let the report be read from the rows alone, then put everything back."""
    with transaction.atomic():
        ReportMark.objects.all().delete()
        tables = (ReportCell, AnswerCell, GroupCell)
        days = {day for table in tables for day in table.objects.values_list("day", flat=True)}
        for table in tables:
            table.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO report_marks (day, due_at) SELECT day, now() FROM ("
                " SELECT unnest(%s::date[]) AS day UNION SELECT (exit_time AT TIME ZONE 'America/New_York')::date"
                " FROM (SELECT exit_time FROM real_outcomes UNION ALL SELECT exit_time FROM shadow_outcomes"
                " UNION ALL SELECT exit_time FROM own_exits UNION ALL SELECT created_at FROM experiments) t) days",
                (sorted(days),),
            )
        yield
        transaction.set_rollback(True)


def lines(part: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of the report with the path to it."""
    if isinstance(part, dict):
        for name, value in part.items():
            yield from lines(value, f"{path}.{name}".lstrip("."))
    else:
        yield path, part


def differing(filters: PerformanceFilters) -> list[str]:
    """Which parts of the report are not what the rows say."""
    shown, curve = said(filters)
    with without_any_cell():
        expected, drawn = said(filters)
    here, there = dict(lines(shown)), dict(lines(expected))
    return [
        f"{path}: {here.get(path)} instead of {there.get(path)}"
        for path in sorted({*here, *there} - {"report_hash"})
        if here.get(path) != there.get(path)
    ] + ["curve"] * (curve != drawn)


# What may happen to a stored history, each with a random choice of what it happens to.


def happens_close(choose: Choose, known: list[Experiment]) -> None:
    pnl = [choose.of("60.00", "-40.10", "0.00", "-7.77", None) for _ in "ab"]
    closed = Closed(a=pnl[0], b=pnl[1], exit_time=choose.of(*MOMENTS), currency=choose.of("USD", "USD", "EUR"))
    # At 10 or 11 in New York, in a minute of its own.
    fired_at = datetime(2026, 3, 16, choose.of(14, 15), len(known), 30, tzinfo=UTC)
    known.append(close_pair(choose.of("A", "B", None), closed, symbol=choose.of(*SYMBOLS), timestamp=fired_at))


def happens_late(choose: Choose, known: list[Experiment]) -> None:
    experiment = make_experiment("A", symbol=choose.of(*SYMBOLS))
    answer(experiment, "A")
    close_trade(experiment, "A", "12.00", choose.of(*MOMENTS))
    known.append(experiment)
    if choose.of(True, False):
        answer(experiment, "B")
        close_trade(experiment, "B", "9.00", choose.of(*MOMENTS))


def happens_violation(choose: Choose, known: list[Experiment]) -> None:
    experiment, engine = choose.of(*known), choose.of("A", "B")
    if not experiment.violations.filter(engine=engine).exists():
        break_rule(experiment, engine)


def happens_amendment(choose: Choose, known: list[Experiment]) -> None:
    table: Any = choose.of(RealOutcome, ShadowOutcome)
    outcome = table.objects.filter(experiment__in=known).order_by("-revision", "trade_id").first()
    if outcome is None:
        return
    # As an accepted amendment stores it: one more revision, which may withdraw the result or move its exit.
    is_withdrawn = choose.of(True, False, False)
    outcome.pk, outcome.revision, outcome._state.adding = None, outcome.revision + 1, True
    outcome.exit_time = choose.of(*MOMENTS)
    outcome.withdrawn = is_withdrawn
    if is_withdrawn:
        outcome.price_provenance = "UNPRICED"
        outcome.pnl = outcome.gross_pnl = outcome.exit_price = outcome.compared_pnl = None
    elif outcome.gross_pnl is not None:
        outcome.fees -= 5
        outcome.pnl = outcome.compared_pnl = outcome.gross_pnl - outcome.fees
    outcome.save()


def happens_own_exit(choose: Choose, known: list[Experiment]) -> None:
    trade = ShadowTrade.objects.filter(experiment__in=known, own_exit=None).first()
    if trade is not None:
        leave_by_own_rules(trade.experiment, trade.engine, choose.of("3.00", None))


def happens_answer(choose: Choose, known: list[Experiment]) -> None:
    experiment = make_experiment(choose.of("A", None))
    answer(experiment, "B", **({"action": "DECLINE"} if choose.of(True, False) else {}))
    if choose.of(True, False, False):
        answer(experiment, "A")
        open_trade(experiment, "A", EXIT_TIME)


EVENTS: tuple[Callable[[Choose, list[Experiment]], None], ...] = (
    happens_close, happens_late, happens_violation, happens_amendment, happens_own_exit, happens_answer
)  # fmt: skip
FILTERS = (
    ANY,
    PerformanceFilters(symbol="SPY"),
    PerformanceFilters(currency="EUR", execution_mode="ENGINE_A_PRIMARY"),
    # From within a day to within another.
    PerformanceFilters(since=EXIT_TIME + timedelta(hours=1), until=EXIT_TIME + timedelta(hours=25), direction="LONG"),
    PerformanceFilters(since=datetime(2026, 3, 17, 4, tzinfo=UTC)),
    # Each level of slices.
    PerformanceFilters(provenance="UNPRICED"),
    PerformanceFilters(hour=10),
    PerformanceFilters(hour=10, direction="LONG", variant="A"),
    PerformanceFilters(hour=11, symbol="QQQ"),
    PerformanceFilters(provenance="SAME_SNAPSHOT_QUOTE", variant="A"),
)


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(3))
def test_the_report_says_what_the_rows_say_whatever_happens_and_whenever_sums_are_made(seed: int) -> None:
    choose = Choose(seed)
    known: list[Experiment] = []
    wrong: list[Any] = []
    happens_close(choose, known)

    for step in range(12):
        event = choose.of(*EVENTS)
        event(choose, known)
        if choose.of(True, False):
            rebuild_day(choose.of(*sorted(ReportMark.objects.values_list("day", flat=True))))
        elif choose.of(True, False):
            add_up()
            add_up_months()
        wrong += [(step, event.__name__, parts) for parts in differing(FILTERS[step % len(FILTERS)])]
    add_up()
    add_up_months()
    wrong += [("in the end", filters, parts) for filters in FILTERS for parts in differing(filters)]

    assert wrong == []


@pytest.mark.django_db
def test_a_change_that_marks_no_day_would_go_unseen() -> None:
    """Control: it is the marks that keep the report right."""
    close_pair("A", Closed(a="60.00", b="33.00"))
    add_up()
    ReportMark.objects.all().delete()

    close_pair("A", Closed(a="1.00", b="2.00"))
    ReportMark.objects.all().delete()

    assert performance_report(ANY)["engines"]["A"]["real"]["total_pnl"] == "60.00"
    assert "engines.A.real.total_pnl: 60.00 instead of 61.00" in differing(ANY)


@pytest.mark.django_db(transaction=True)
def test_a_trade_that_commits_while_its_day_is_made_anew_is_not_lost() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))
    late = make_experiment("A")
    answer(late, "A")

    with uncommitted(lambda: close_trade(late, "A", "5.00", EXIT_TIME)) as commit:
        # Neither the trade nor its mark can be seen.
        add_up()
        commit()
    read_from_the_rows = performance_report(ANY)["engines"]["A"]["real"]["total_pnl"]
    add_up()

    assert read_from_the_rows == performance_report(ANY)["engines"]["A"]["real"]["total_pnl"] == "65.00"


@pytest.mark.django_db(transaction=True)
def test_days_that_are_made_anew_twice_at_once_are_counted_once() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))

    with uncommitted(add_up) as commit, in_background(add_up) as other:
        wait_for_blocked_sessions()
        commit()
        other.result()

    assert differing(ANY) == []


@pytest.mark.django_db
def test_the_worker_makes_the_sums_of_a_day_a_minute_after_its_last_change() -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))

    rebuild_days()
    made_at_once = ReportCell.objects.count()
    ReportMark.objects.update(due_at=EXIT_TIME)
    last = ReportMark.objects.create(day=EXIT_TIME.date(), due_at=datetime.now(UTC) + timedelta(seconds=50))
    rebuild_days()
    made_while_it_changes = ReportCell.objects.count()
    last.delete()
    rebuild_days()

    assert (made_at_once, made_while_it_changes) == (0, 0)
    assert ReportCell.objects.filter(slice=None, kind="real").values_list("n", "total").get() == (1, 60)
    assert not ReportMark.objects.filter(due_at__lte=EXIT_TIME).exists()


@pytest.mark.django_db
def test_a_day_whose_sums_cannot_be_made_is_reported_and_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))
    ReportMark.objects.update(due_at=EXIT_TIME)
    bad = EXIT_TIME.date() - timedelta(days=1)
    ReportMark.objects.create(day=bad, due_at=EXIT_TIME - timedelta(days=1))
    execute(
        "CREATE FUNCTION refuse_day() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE 'No such day.' USING ERRCODE = 'data_exception'; END$$;"
        f"CREATE TRIGGER refuse_day BEFORE DELETE ON report_marks FOR EACH ROW WHEN (OLD.day = '{bad}')"
        " EXECUTE FUNCTION refuse_day()"
    )

    rebuild_days()

    assert "settling.failed" in caplog.text
    assert list(ReportMark.objects.filter(due_at__lte=EXIT_TIME).values_list("day", flat=True)) == [bad]
    assert ReportCell.objects.filter(slice=None, kind="real").exists()


@pytest.mark.django_db
def test_an_answer_whose_time_runs_out_is_never_opened_without_anybody_saying_so() -> None:
    experiment = make_experiment("A")
    answered = datetime.now(UTC)
    answer(experiment, "A", recommended_at=answered, permit_expires_at=answered + timedelta(minutes=5))
    add_up()

    waiting = ReportMark.objects.get()

    # The day is read from the rows until then, and made anew.
    assert waiting.due_at > answered + timedelta(minutes=5)
    assert performance_report(ANY)["engines"]["A"]["real"]["pending"] == 1


@pytest.mark.django_db
@pytest.mark.parametrize("filters", [ANY, PerformanceFilters(symbol="SPY")])
def test_many_trades_are_drawn_by_the_lowest_the_highest_and_the_last_point_of_each_day(
    filters: PerformanceFilters, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_pair("A", Closed(a="1000.00"), symbol="QQQ")
    for hours, pnl in ((0, "50.00"), (1, "-80.00"), (2, "10.00"), (24, "5.00")):
        close_pair("A", Closed(a=pnl, exit_time=EXIT_TIME + timedelta(hours=hours)), symbol="SPY")
        add_up()
    close_pair("A", Closed(a="-7.00", exit_time=EXIT_TIME + timedelta(hours=26)), symbol="SPY")
    drawn_singly = cumulative_series(filters)[0]["points"]
    monkeypatch.setattr(report, "DRAWN_SINGLY", 0)

    by_day = cumulative_series(filters)[0]["points"]

    amounts = [amount for _, amount in by_day]
    assert (min(amounts), max(amounts), amounts[-1]) == (
        min(amount for _, amount in drawn_singly),
        max(amount for _, amount in drawn_singly),
        drawn_singly[-1][1],
    )
    assert {moment for moment, _ in by_day} == {EXIT_TIME + timedelta(hours=2), EXIT_TIME + timedelta(hours=26)}
