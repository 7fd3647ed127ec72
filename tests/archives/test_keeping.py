"""What is old and finished goes into files, whole; the rest stays, and no report changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection
from psycopg.sql import SQL, Identifier

from archives import keeping
from archives.holds import lift_hold, place_hold
from archives.keeping import archive, due
from archives.models import Archive, ArchivedRow, ArchiveFile
from archives.parquet import columns_of, read
from experiments.history.replay import Selection, run_replay
from experiments.models import Experiment
from orchestrator_site.invariants import verify
from outcomes.evaluations.documents import evaluation_document
from outcomes.evaluations.judging import judge_due
from outcomes.evaluations.lifecycle import finish_evaluation
from outcomes.evaluations.verification import verify as find_mismatches
from outcomes.models import Evaluation, EvaluationMark, ReportMark
from outcomes.performance.comparison import groups
from outcomes.performance.listing import KINDS as ROWS
from outcomes.performance.listing import Listing
from outcomes.performance.months import add_up_months
from outcomes.performance.report import cumulative_series, performance_report
from outcomes.performance.scope import PerformanceFilters, Scope, rebuild_day
from signals_app.inbox.searching import Asked, find, index_words
from signals_app.inbox_models import BLOCK
from signals_app.models import MarketData, WebhookDelivery
from tests.archives.shelf import (
    OPERATOR,
    SIGNALS,
    count,
    deliver,
    files_in,
    finished_signal,
    is_here,
    later_gain,
    let_days_pass,
    noted,
    redriven,
)
from tests.database import execute, execute_unguarded, rows, value
from tests.factories import make_signal
from tests.outcomes.closed_trades import Closed, close_pair
from tests.outcomes.evaluations.hall import Hall, make_phase, started

pytestmark = pytest.mark.django_db(transaction=True)


def restored(file: ArchiveFile, folder: Path) -> set[bytes]:
    """The digests of a file's rows, once they are back in a table of the same columns."""
    _, found = read(folder / file.path)
    columns = columns_of(file.table)
    with connection.cursor() as cursor:
        cursor.execute(SQL("CREATE TEMP TABLE back (LIKE {})").format(Identifier(file.table)))
        for row in found:
            statement = SQL("INSERT INTO back VALUES ({})").format(
                SQL(", ").join(SQL("%s::{}").format(SQL(one.type)) for one in columns)
            )
            cursor.execute(statement, [row[one.name] for one in columns])
        cursor.execute("SELECT row_digest(back) FROM back")
        digests_back = {bytes(digest) for (digest,) in cursor.fetchall()}
        cursor.execute("DROP TABLE back")
    return digests_back


def test_a_finished_signal_goes_whole_and_can_be_written_back_bit_for_bit(folder: Path) -> None:
    old = finished_signal()
    newer = later_gain()
    let_days_pass(40)
    stored = _digests_of(old)

    assert archive() == 1

    assert not is_here(old)
    assert is_here(newer)
    made = Archive.objects.get()
    assert (made.items, made.keys, made.given_up_at) == (1, [], None)
    assert made.removed_at is not None
    assert ArchivedRow.objects.count() == 0
    assert files_in(folder) == noted()
    kept = {file.table: restored(file, folder) for file in made.files.all()}
    assert kept == {table: found for table, found in stored.items() if found}
    assert len(kept) >= 18


def _digests_of(experiment: Experiment) -> dict[str, set[bytes]]:
    came = experiment.signal.received_at
    found = keeping.members_of(Archive(since=came, until=came), SIGNALS, [str(experiment.signal_id)])
    result = {}
    with connection.cursor() as cursor:
        for table, where in SIGNALS.tables:
            cursor.execute(f"SELECT row_digest(t) FROM {table} t WHERE {where}", found)
            result[table] = {bytes(digest) for (digest,) in cursor.fetchall()}
    return result


def everything_that_reports_say() -> list[Any]:
    """Of all time, of whole and of parted days, by each filter; summed, row by row and drawn."""
    noon = datetime(2014, 6, 5, 16, tzinfo=UTC)
    asked = [
        PerformanceFilters(),
        PerformanceFilters(symbol="SPY"),
        PerformanceFilters(symbol="SPY", hour=9, execution_mode="ENGINE_A_PRIMARY"),
        PerformanceFilters(since=noon),
        PerformanceFilters(until=noon + timedelta(hours=2), variant="A"),
        PerformanceFilters(since=noon, strategy=""),
    ]
    said: list[Any] = []
    for filters in asked:
        report = performance_report(filters)
        del report["as_of"]
        scope = Scope.of(filters)
        said += [report, cumulative_series(filters), groups(scope, in_r=False), groups(scope, in_r=True)]
        for kind in ROWS:
            listing = Listing(scope, kind)
            # Whether they were replayed, only the files of archived ones say.
            pages = [row | {"replayed": None} for order in ("newest", "worst") for row in listing.page(order, 10)]
            said += [kind, listing.count(), pages]
    return said


def test_reports_over_any_period_stay_as_they_were() -> None:
    finished_signal()
    close_pair(None, Closed(a="-30", b="20"), replayed=True)
    later_gain()
    let_days_pass(40)
    before = everything_that_reports_say()
    for mark in ReportMark.objects.order_by("day").distinct("day"):
        rebuild_day(mark.day)
    assert add_up_months() > 0
    assert everything_that_reports_say() == before

    archive()

    assert count("archived_experiments") == 2
    assert ReportMark.objects.count() == 0
    assert everything_that_reports_say() == before
    for (day,) in rows("SELECT DISTINCT day FROM report_cells UNION SELECT DISTINCT day FROM report_answer_cells"):
        rebuild_day(day)
    assert everything_that_reports_say() == before
    execute("INSERT INTO report_marks (day, due_at) SELECT DISTINCT day, now() FROM report_cells")
    assert everything_that_reports_say() == before


def test_every_invariant_holds_and_both_halves_replay_afterwards() -> None:
    finished_signal()
    later_gain()
    let_days_pass(40)
    # The gain's chain was made by hand, and is not whole.
    before = {finding.invariant.name for finding in verify("") if finding.rows}

    archive()

    assert {finding.invariant.name for finding in verify("") if finding.rows} <= before
    assert "report_sums_are_those_of_the_trades" not in before
    assert run_replay(Selection(), run_by="tests").verified == 1


def _close_yesterday(experiment: Experiment) -> None:
    execute_unguarded(
        "UPDATE shadow_trades SET closed_at = now() - interval '1 day' WHERE experiment_id = %s", experiment.pk
    )


def _begin_an_evaluation(_: Experiment) -> None:
    started()
    execute_unguarded("UPDATE evaluation_runs SET begins_at = now() - interval '50 days'")


def _forget_the_later_gain(experiment: Experiment) -> None:
    execute_unguarded("DELETE FROM real_outcomes WHERE experiment_id <> %s", experiment.pk)


def _open_the_incident_again(_: Experiment) -> None:
    execute_unguarded("DELETE FROM incident_acknowledgements")


def _hold(**covers: Any) -> Callable[[Experiment], object]:
    def place(experiment: Experiment) -> object:
        return place_hold(OPERATOR, reason="Matter 7.", **{name: of(experiment) for name, of in covers.items()})

    return place


@pytest.mark.parametrize(
    "what_keeps_it",
    [
        pytest.param(_begin_an_evaluation, id="an evaluation"),
        pytest.param(_close_yesterday, id="what was told of it yesterday"),
        pytest.param(_forget_the_later_gain, id="that its result is the last"),
        pytest.param(_open_the_incident_again, id="an open incident"),
        pytest.param(_hold(), id="a hold on everything"),
        pytest.param(_hold(symbol=lambda one: one.signal.symbol.lower()), id="a hold on its symbol"),
        pytest.param(_hold(experiment_id=lambda one: one.pk), id="a hold on itself"),
        pytest.param(_hold(ends_on=lambda _: datetime.now(UTC).date()), id="a hold on its day"),
    ],
)
def test_what_may_still_count_stays(what_keeps_it: Callable[[Experiment], object]) -> None:
    old = finished_signal()
    later_gain()
    let_days_pass(40)
    assert due(SIGNALS).items == 1

    what_keeps_it(old)

    assert archive() == 0
    assert is_here(old)


def test_a_hold_on_something_else_keeps_nothing_and_a_lifted_one_neither() -> None:
    finished_signal()
    later = later_gain()
    let_days_pass(40)
    place_hold(OPERATOR, reason="Matter 7.", symbol="QQQ")
    place_hold(OPERATOR, reason="Matter 7.", experiment_id=later.pk)
    place_hold(OPERATOR, reason="Matter 7.", starts_on=datetime.now(UTC).date())
    lift_hold(OPERATOR, place_hold(OPERATOR, reason="Matter 8.").pk, reason="Settled.")

    assert archive() == 1


def test_what_is_younger_or_kept_for_ever_stays(settings: LazySettings) -> None:
    old = finished_signal()
    later_gain()
    let_days_pass(20)
    assert archive() == 0
    let_days_pass(20)
    settings.KEEP_SIGNALS_DAYS = 0

    assert archive() == 0
    assert is_here(old)


def test_deliveries_without_a_signal_go_with_what_was_judged_again(settings: LazySettings, folder: Path) -> None:
    settings.KEEP_DELIVERIES_DAYS = 30
    first, second, third = (deliver("rejected", code="stale") for _ in range(3))
    redriven(first, second)
    let_days_pass(40)
    fresh = deliver("rejected", code="stale")

    archive()

    assert set(WebhookDelivery.objects.values_list("id", flat=True)) == {fresh.pk}
    assert count("redrives") == 0
    kept = [read(folder / path)[1] for path in sorted(noted())]
    assert [len(found) for found in kept] == [1, 3]
    assert {row["id"] for row in kept[1]} == {first.pk, second.pk, third.pk}


def test_no_word_of_what_has_gone_is_found_any_more(settings: LazySettings) -> None:
    settings.KEEP_DELIVERIES_DAYS = 30
    deliver("rejected", detail="mango")
    let_days_pass(40)
    for _ in range(2 * BLOCK):
        deliver("rejected", detail="papaya")
    execute_unguarded("UPDATE webhook_deliveries SET received_at = received_at - interval '1 hour'")
    index_words()
    words = "SELECT count(*) FROM delivery_words WHERE words @@ 'mango'"
    assert value(words) == 1

    archive()

    assert value(words) == 0
    assert value(words.replace("mango", "papaya")) >= 1
    assert not find(Asked(text="mango")).rows


def test_quotes_go_that_came_before_the_oldest_signal_and_market_data_and_audit_by_their_age(
    settings: LazySettings, folder: Path
) -> None:
    settings.KEEP_QUOTES_DAYS = settings.KEEP_MARKET_DATA_DAYS = settings.KEEP_AUDIT_DAYS = 30
    settings.KEEP_SIGNALS_DAYS = 0
    signal = make_signal()
    for days in (400, 0):
        execute(
            "INSERT INTO quotes (instrument, bid, ask, quote_time, source, received_at)"
            " VALUES ('SPY', 1, 2, %s::timestamptz - make_interval(days => %s), 'feeder', now())",
            signal.timestamp, days,
        )  # fmt: skip
    MarketData.objects.create(
        symbol="SPY", as_of=signal.timestamp, received_at=signal.received_at, source="feeder", data={"iv": "0.4"}
    )
    place_hold(OPERATOR, reason="Audited.", ends_on=date(2020, 1, 1))
    let_days_pass(40)
    entries = count("audit_log")

    archive()

    assert rows("SELECT quote_time FROM quotes") == [(signal.timestamp,)]
    assert count("market_data") == 0
    assert count("audit_log") == 0
    moved = {made.kind: made.items for made in Archive.objects.all()}
    assert moved == {"quotes": 1, "market_data": 1, "audit": entries}


def test_an_evaluation_keeps_what_it_said_of_signals_that_are_archived() -> None:
    make_phase()
    hall = Hall()
    started()
    for day, price in enumerate(("2.78", "1.50", "1.60")):
        hall.play(day, a=price, b="1.20")
    finish_evaluation(OPERATOR, "spring", reason="The replay is over.")
    hall.settle()
    judge_due()
    evaluation = Evaluation.objects.get()
    before = evaluation_document(evaluation)
    assert find_mismatches(evaluation) == []
    later_gain()
    execute_unguarded(
        "UPDATE evaluation_runs SET started_at = started_at - interval '40 days',"
        " begins_at = begins_at - interval '40 days', ended_at = ended_at - interval '40 days',"
        " concluded_at = concluded_at - interval '40 days'"
    )
    let_days_pass(40)

    assert archive() == 1

    assert count("experiments") == 1
    assert EvaluationMark.objects.count() == 0
    assert evaluation_document(Evaluation.objects.get()).keys() == before.keys()
    assert evaluation_document(Evaluation.objects.get())["blocks"] == before["blocks"]
    assert find_mismatches(evaluation) == []
    out = StringIO()
    call_command("evaluation", "verify", "spring", stdout=out)
    assert out.getvalue() == (
        "3 judged blocks of spring recomputed from its stored blocks, because signals of it are archived:"
        " no difference.\n"
    )
    execute_unguarded("UPDATE evaluation_blocks SET x_low = x_low - 1")
    assert {one.field for one in find_mismatches(evaluation)} >= {"e_a"}
