"""`GET outcomes`, `pairs`, `experiments`, `deliveries` and `audit`: whole by pages, whole as files, and refusals."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.db import connection
from psycopg.sql import SQL
from rest_framework.test import APIClient

from experiments.models import Experiment
from kernel.actors import Actor
from kernel.audit import record
from kernel.models import AuditEntry
from kernel.values import decimal_text, format_timestamp
from outcomes.analyst_api import rows as rows_module
from outcomes.analyst_api.columns import TABLES, Column, Kind
from outcomes.analyst_api.files import Part, parquet_file
from outcomes.core.statistics import money_text
from outcomes.models import RealOutcome
from outcomes.performance.report import performance_report
from outcomes.performance.scope import PerformanceFilters
from policies.models import ApiKey
from signals_app.models import WebhookDelivery
from signals_app.webhook.sources import hash_of_secret
from tests.factories import api_client, make_experiment, make_source
from tests.outcomes.closed_trades import EXIT_TIME, Closed, add_up, break_rule, close_pair, leave_by_own_rules
from tests.signals_app.webhook.webhook import send

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def analyst() -> APIClient:
    return api_client("analyst")


def given_pairs() -> None:
    """Close seven pairs on six days; one is unpriced, one broke a rule."""
    for number, (a, b) in enumerate([("10", "1"), ("-20.5", "5"), ("30", "30"), ("-40", "0"), ("50", "-3")]):
        close_pair("AB"[number % 2], Closed(a=a, b=b, exit_time=EXIT_TIME - number * DAY), symbol="SPY")
    close_pair("A", Closed(a="7", b=None), symbol="QQQ", strategy="=1+1")
    break_rule(close_pair("A", Closed(a="8", b="900"), symbol="QQQ"), "B")


def read(analyst: APIClient, table: str, **query: Any) -> list[dict[str, Any]]:
    """All pages, one after another."""
    found: list[dict[str, Any]] = []
    answer = analyst.get(f"/api/v1/{table}", query).json()
    while True:
        found += answer["results"]
        if answer["next"] is None:
            return found
        answer = analyst.get(answer["next"]).json()


@pytest.mark.parametrize(("amount", "read"), [("1e30", None), ("-1e25", None), ("-99999.5", Decimal("-99999.5"))])
def test_an_absurd_amount_ends_no_file(amount: str, read: Decimal | None) -> None:
    """A real trade is kept whatever it says, and Parquet's decimals end at 38 digits."""
    part: Part = (SQL("SELECT 'x' AS symbol, {}::numeric AS pnl").format(amount), {})
    columns = [Column("symbol", Kind.TEXT, "Symbol"), Column("pnl", Kind.AMOUNT, "P&L")]

    file = b"".join(parquet_file([part], columns))

    assert pq.read_table(io.BytesIO(file)).to_pylist() == [{"symbol": "x", "pnl": read}]


def csv_rows(analyst: APIClient, table: str, **query: Any) -> list[dict[str, str]]:
    answer = analyst.get(f"/api/v1/{table}", query, HTTP_ACCEPT="text/csv")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.DictReader(io.StringIO(b"".join(answer).decode())))


def parquet_rows(analyst: APIClient, table: str, **query: Any) -> list[dict[str, Any]]:
    answer = analyst.get(f"/api/v1/{table}", query | {"format": "parquet"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/vnd.apache.parquet")
    found: list[dict[str, Any]] = pq.read_table(io.BytesIO(b"".join(answer))).to_pylist()
    return found


@pytest.mark.parametrize("added_up", [False, True], ids=["from the rows", "from the sums of days"])
def test_pages_of_pairs_hold_each_once_in_every_order(analyst: APIClient, added_up: bool) -> None:
    given_pairs()
    if added_up:
        add_up()

    for order in ("newest", "oldest", "best", "worst"):
        found = read(analyst, "pairs", order=order, page_size=2)

        by_time = order in {"newest", "oldest"}
        assert len({row["experiment_id"] for row in found}) == len(found) == (7 if by_time else 5)
        keys = [row["exit_time"] if by_time else Decimal(row["pnl"]) for row in found]
        assert keys == sorted(keys, reverse=order in {"newest", "best"})


def test_a_pair_adds_up_to_what_the_report_says(analyst: APIClient) -> None:
    given_pairs()

    counted = [row for row in read(analyst, "pairs") if row["pnl"] is not None and not row["left_out"]]

    report = performance_report(PerformanceFilters())
    mean = sum((Decimal(row["pnl"]) for row in counted), Decimal(0)) / len(counted)
    assert money_text(mean) == report["pairs"]["mean_difference"]
    assert all(Decimal(row["a_pnl"]) - Decimal(row["b_pnl"]) == Decimal(row["pnl"]) for row in counted)


def test_each_kind_of_outcome_is_a_list_of_its_own_and_narrowed_like_the_report(analyst: APIClient) -> None:
    given_pairs()
    leave_by_own_rules(Experiment.objects.filter(signal__symbol="SPY", decision__executed_engine="A")[0], "B", "2")

    assert {row["kind"] for row in read(analyst, "outcomes")} == {"real"}
    assert [row["engine"] for row in read(analyst, "outcomes", kind="shadow", engine="A")] == ["A", "A"]
    assert [row["pnl"] for row in read(analyst, "outcomes", kind="own_exit")] == ["2.00"]
    assert {row["symbol"] for row in read(analyst, "outcomes", symbol="qqq")} == {"QQQ"}
    since = format_timestamp(EXIT_TIME - DAY)
    assert len(read(analyst, "outcomes", since=since, until=format_timestamp(EXIT_TIME))) == 1


def test_rows_that_come_meanwhile_disturb_no_page(analyst: APIClient) -> None:
    given_pairs()
    before = read(analyst, "pairs")

    first = analyst.get("/api/v1/pairs", {"page_size": 3}).json()
    close_pair("A", Closed(a="1", b="1", exit_time=EXIT_TIME + DAY))
    close_pair("A", Closed(a="1", b="1", exit_time=EXIT_TIME - 9 * DAY))
    rest = analyst.get(first["next"]).json()["results"]

    assert [*first["results"], *rest][: len(before)] == before[: 3 + len(rest)]
    assert rest == before[3:6]


def test_files_hold_what_the_pages_hold_oldest_first(analyst: APIClient) -> None:
    given_pairs()

    pages = read(analyst, "pairs", order="oldest")
    text, columns = csv_rows(analyst, "pairs"), parquet_rows(analyst, "pairs")

    assert [row["experiment_id"] for row in text] == [row["experiment_id"] for row in pages]
    assert [row["experiment_id"] for row in columns] == [row["experiment_id"] for row in pages]
    assert [row["pnl"] or None for row in text] == [row["pnl"] for row in pages]
    assert [None if row["pnl"] is None else decimal_text(row["pnl"]) for row in columns] == [
        row["pnl"] for row in pages
    ]
    assert [row["exit_time"] for row in text] == [row["exit_time"] for row in pages]
    assert [format_timestamp(row["exit_time"]) for row in columns] == [row["exit_time"] for row in pages]


@pytest.mark.parametrize("table", ["outcomes", "pairs"])
def test_rows_of_replayed_signals_say_so_in_every_form(analyst: APIClient, table: str) -> None:
    close_pair("A", Closed(a="1", b="2"), replayed=True)
    close_pair("A", Closed(a="1", b="2", exit_time=EXIT_TIME + DAY))

    assert [row["replayed"] for row in read(analyst, table, order="oldest")] == [True, False]
    assert [row["replayed"] for row in csv_rows(analyst, table)] == ["true", "false"]
    assert [row["replayed"] for row in parquet_rows(analyst, table)] == [True, False]


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("table", ["outcomes", "pairs", "experiments", "deliveries", "audit"])
def test_a_file_has_a_url_of_its_own(analyst: APIClient, table: str, form: str) -> None:
    given_pairs()

    by_name, by_parameter = analyst.get(f"/api/v1/{table}.{form}"), analyst.get(f"/api/v1/{table}", {"format": form})

    assert by_name["Content-Type"] == by_parameter["Content-Type"]
    assert b"".join(by_name) == b"".join(by_parameter)


def test_the_same_value_reads_the_same_in_every_form(analyst: APIClient) -> None:
    close_pair("A", Closed(a="0.125", b="100.50"))

    (page,), (text,) = read(analyst, "outcomes"), csv_rows(analyst, "outcomes")
    (columns,) = parquet_rows(analyst, "outcomes")

    outcome = RealOutcome.objects.get()
    assert page["pnl"] == text["pnl"] == decimal_text(columns["pnl"]) == "0.125"
    assert page["trade_id"] == text["trade_id"] == columns["trade_id"] == str(outcome.trade_id)
    assert float(page["r"]) == float(text["r"]) == columns["r"] == float(outcome.pnl or 0) / float(outcome.risk_amount)
    assert (page["unpriced"], text["unpriced"], columns["unpriced"]) == (False, "false", False)


def test_experiments_are_a_flat_table_in_files(analyst: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outcomes.analyst_api.views.EXPERIMENTS_AT_ONCE", 2)
    made = [
        make_experiment(executed, symbol=symbol) for executed, symbol in (("A", "SPY"), ("B", "SPY"), (None, "QQQ"))
    ]

    text, columns = csv_rows(analyst, "experiments"), parquet_rows(analyst, "experiments")

    # In one transaction, so of one time: the ID orders them.
    by_id = sorted(made, key=lambda one: str(one.pk))
    assert [row["experiment_id"] for row in text] == [str(one.pk) for one in by_id]
    assert [row["executed_engine"] for row in columns] == [one.decision.executed_engine for one in by_id]
    pages = {row["experiment_id"]: row for row in read(analyst, "experiments")}
    for row in text:
        page = pages[row["experiment_id"]]
        flat = page | page["signal"]
        assert {name: row[name] for name in ("symbol", "reason", "signal_hash", "decided_at", "timestamp")} == {
            name: flat[name] for name in ("symbol", "reason", "signal_hash", "decided_at", "timestamp")
        }
    assert [row["symbol"] for row in csv_rows(analyst, "experiments", executed_engine="B")] == ["SPY"]


@pytest.mark.parametrize("lot", [1, 2, 3, 100])
def test_a_file_is_whole_however_many_rows_a_statement_reads_and_share_a_time(
    analyst: APIClient, lot: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "ENTRIES_AT_ONCE", lot)
    for number in range(4):
        record(Actor("somebody"), "policy.activated", f"policy version {number}")  # in one transaction, so at one time

    subjects = [row["subject"] for row in csv_rows(analyst, "audit", actor="somebody")]

    assert subjects == [f"policy version {number}" for number in range(4)]
    assert [row["subject"] for row in read(analyst, "audit", actor="somebody", page_size=lot)] == subjects[::-1]


def test_the_audit_log_says_what_was_changed(analyst: APIClient) -> None:
    record(Actor("olga"), "source.changed", "tv", reason="-2+3\n=cmd()", changes={"name": ("a", "b")})

    (page,), (text,) = (
        read(analyst, "audit", action="source.changed"),
        csv_rows(analyst, "audit", action="source.changed"),
    )
    (columns,) = parquet_rows(analyst, "audit", action="source.changed")

    assert page["changes"] == {"name": ["a", "b"]}
    assert columns["changes"] == text["changes"] == '{"name": ["a", "b"]}'
    assert (text["reason"], columns["reason"]) == ("'-2+3\n=cmd()", "-2+3\n=cmd()")


@pytest.mark.parametrize(
    ("strategy", "cell"), [("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("\t1", "'\t1"), ("-2.5", "-2.5")]
)
def test_text_in_a_csv_runs_nothing(analyst: APIClient, strategy: str, cell: str) -> None:
    close_pair("A", Closed(a="-1", b="2"), strategy=strategy)

    for table in ("pairs", "outcomes", "experiments"):
        (row,), (same,) = csv_rows(analyst, table), parquet_rows(analyst, table)
        assert (row["strategy"], same["strategy"]) == (cell, strategy)


def test_bodies_of_deliveries_have_their_secrets_masked_and_are_text_whatever_was_sent(analyst: APIClient) -> None:
    source = make_source(body_secret_hash=hash_of_secret("open sesame"))
    send(b'{"secret": "open sesame", "note": "caf\xc3\xa9"}')
    WebhookDelivery.objects.create(
        received_at=datetime.now(UTC), source=source, body=b"\xff\x00broken", body_sha256="0" * 64, outcome="rejected",
        duration_ms=1,
    )  # fmt: skip

    found = [row["body"] for row in read(analyst, "deliveries")]

    assert found[0] == "\\377\\000broken"
    assert "café" in found[1]
    assert "open sesame" not in found[1]
    assert [row["body"] for row in csv_rows(analyst, "deliveries")] == found[::-1]
    assert [row["body"] for row in parquet_rows(analyst, "deliveries")] == found[::-1]
    assert len(read(analyst, "deliveries", outcome="rejected", source="tv")) == 2


@pytest.mark.parametrize("table", sorted(TABLES))
def test_no_table_has_a_column_of_secrets(analyst: APIClient, table: str) -> None:
    names = " ".join(column.name for column in TABLES[table])

    for word in ("token", "secret", "password", "hashed_key", "body_sha256", "prefix", "remembered"):
        assert word not in names
    # What keys are stored as stands in no answer either.
    assert ApiKey.objects.get().hashed_key not in analyst.get(f"/api/v1/{table}").content.decode()


@pytest.mark.parametrize("table", sorted(TABLES))
@pytest.mark.parametrize("owner", ["engine-a", "feeder"])
def test_only_an_analysts_key_reads_a_table(table: str, owner: str) -> None:
    assert api_client(owner).get(f"/api/v1/{table}").status_code == 403
    assert api_client(owner).get(f"/api/v1/{table}", {"format": "csv"}).status_code == 403
    assert APIClient().get(f"/api/v1/{table}").status_code == 401


@pytest.mark.parametrize("table", sorted(TABLES))
@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("page_size=0", "/page_size"), ("page_size=501", "/page_size"), ("page_size=many", "/page_size"),
        ("cursor=zz", "/cursor"), ("cursor=bmV3ZXN0IHggeSAt", "/cursor"), ("cursor=%00", "/cursor"),
        ("unknown=1", "/unknown"), ("since=yesterday", "/since"), ("since=2026-03-16T14:30:00", "/since"),
        ("since=2026-01-01T00:00:00Z&since=2026-01-02T00:00:00Z", "/since"),
        ("format=xlsx", "/format"), ("format=csv&page_size=0", "/page_size"), ("format=parquet&cursor=a", "/cursor"),
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_followed_is_refused_by_name(
    analyst: APIClient, table: str, query: str, pointer: str
) -> None:
    answer = analyst.get(f"/api/v1/{table}?{query}")

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_cursor_is_a_place_in_every_order(analyst: APIClient) -> None:
    given_pairs()
    page = analyst.get("/api/v1/pairs", {"page_size": "2", "order": "worst"}).json()
    last = page["results"][-1]["exit_time"]

    answer = analyst.get(page["next"].replace("order=worst", "order=newest").replace("page_size=2", "page_size=500"))

    newest = read(analyst, "pairs", order="newest")
    older = [row for row in newest if row["exit_time"] < last]
    assert older
    assert [row for row in answer.json()["results"] if row["exit_time"] != last] == older


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_file_is_whole_whatever_page_is_asked_for(analyst: APIClient, table: str) -> None:
    given_pairs()
    whole = b"".join(analyst.get(f"/api/v1/{table}", {"format": "csv"}))
    next_page = analyst.get(f"/api/v1/{table}", {"page_size": "1"}).json()["next"]

    assert whole.count(b"\n") > 2 or table in ("audit", "deliveries")
    if next_page is not None:
        assert b"".join(analyst.get(f"{next_page}&format=csv")) == whole


@pytest.mark.parametrize("table", sorted(TABLES))
@pytest.mark.parametrize("form", ["csv", "parquet", "json"])
def test_what_the_call_can_do_is_told_as_json(analyst: APIClient, table: str, form: str) -> None:
    answer = analyst.options(f"/api/v1/{table}?format={form}")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("table", sorted({*TABLES, "performance"}))
def test_a_period_that_ends_before_it_begins_is_not_found(analyst: APIClient, table: str) -> None:
    period = {"since": "2026-03-17T00:00:00Z", "until": "2026-03-16T00:00:00Z"}

    answer = analyst.get(f"/api/v1/{table}", period)

    assert (answer.status_code, answer.json()["code"]) == (404, "period_empty")
    assert answer.json()["errors"][0]["pointer"] == "/until"
    assert analyst.get(f"/api/v1/{table}", period | {"until": period["since"]}).status_code == 200


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10, 19, 20, 21])
@pytest.mark.parametrize("seconds", [1, 3, 30], ids=["no ties", "three of a time", "one time"])
def test_pages_hold_each_row_once_forwards_and_back(analyst: APIClient, size: int, seconds: int) -> None:
    """However many rows share their time, as the experiments of a batch do."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_log (at, actor, action, subject, reason, changes, address)"
            " SELECT '2026-01-01Z'::timestamptz + n / %s * interval '1 s', 'x', 'x', n::text, '', '{}', ''"
            " FROM generate_series(1, 20) n",
            (seconds,),
        )

    def walk(url: str | None, way: str) -> list[list[str]]:
        pages = []
        while url is not None:
            page = analyst.get(url).json()
            pages.append([row["subject"] for row in page["results"]])
            last, url = url, page[way]
        pages.append([last])
        return pages

    *forwards, (last,) = walk(f"/api/v1/audit?actor=x&page_size={size}", "next")
    *back, _ = walk(last, "previous")

    newest = [str(number) for number in range(20, 0, -1)]
    assert [subject for page in forwards for subject in page] == newest
    assert [subject for page in reversed(back) for subject in page] == newest
    assert len(forwards) == -(-20 // size)


def given_entries(number: int) -> None:
    """Store entries of the audit log and deliveries, one each second."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_log (at, actor, action, subject, reason, changes, address)"
            " SELECT '2026-01-01Z'::timestamptz + n * interval '1 s', 'x', 'x', 'x', '', '{}', ''"
            " FROM generate_series(1, %s) n",
            (number,),
        )
        cursor.execute("ANALYZE audit_log")


def test_a_page_however_deep_reads_its_own_rows_by_an_index(analyst: APIClient) -> None:
    given_entries(3000)
    first = analyst.get("/api/v1/audit", {"actor": "x"}).json()
    deep = first
    for _ in range(20):
        deep = analyst.get(deep["next"]).json()
    at = deep["results"][-1]["at"]
    page = AuditEntry.objects.filter(at__lt=at).order_by("-at", "-id")[:50]

    plan = page.explain(analyze=True, costs=False, timing=False, summary=False)

    assert "audit_log_at" in plan
    assert "Sort" not in plan
    assert "actual rows=50" in plan.replace(".00", "")
    assert len({row["entry_id"] for row in (*first["results"], *deep["results"])}) == 100


def test_deliveries_are_paged_by_the_index_on_their_time() -> None:
    plan = WebhookDelivery.objects.order_by("-received_at", "-id")[:50]
    with connection.cursor() as cursor:
        # A table of a test is too small for any index.
        cursor.execute("SET LOCAL enable_seqscan = off")

    assert "webhook_deliveries_received" in plan.explain()
