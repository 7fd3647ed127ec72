"""Tables by month: rows find their partition, questions touch only what they need, and months are made ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from archives.partitions import MONTHS_AHEAD, PARTITIONED, keep_partitions
from kernel.models import AuditEntry
from outcomes.models import Quote
from signals_app.models import MarketData
from tests.database import execute, refusal_of, rows, value
from tests.threads import uncommitted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _only_the_first_partitions() -> Any:
    """As the migration leaves them, before and after."""
    drop_months()
    yield
    drop_months()


def months(table: str) -> list[str]:
    found = rows("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1", table)
    return [name for (name,) in found if not name.endswith(("_before", "_default"))]


def drop_months() -> None:
    for table in PARTITIONED:
        for month in months(table):
            execute(f"DROP TABLE {month}")


def in_months(count: int) -> datetime:
    """The fifteenth of a coming month."""
    first = timezone.now().replace(day=1)
    for _ in range(count):
        first = (first + timedelta(days=32)).replace(day=1)
    return first.replace(day=15)


def quote_at(moment: datetime) -> Quote:
    return Quote.objects.create(
        instrument="SPY", bid="1", ask="2", quote_time=moment, source="feeder", received_at=moment
    )


def touched(statement: str, *parameters: Any) -> set[str]:
    """The partitions that a plan looks into."""
    plan = "\n".join(line for (line,) in rows(f"EXPLAIN {statement}", *parameters))
    every = [f"{table}_{suffix}" for table in PARTITIONED for suffix in ("before", "default")]
    every += [month for table in PARTITIONED for month in months(table)]
    return {name for name in every if f" on {name} " in plan or f" on {name}\n" in plan}


def test_the_next_months_are_made_once_and_every_row_finds_its_own() -> None:
    assert keep_partitions() == MONTHS_AHEAD * len(PARTITIONED)
    assert keep_partitions() == 0

    for ahead in range(MONTHS_AHEAD + 1):
        quote_at(in_months(ahead))
    quote_at(datetime(2003, 9, 23, tzinfo=UTC))

    places = [name for (name,) in rows("SELECT tableoid::regclass::text FROM quotes ORDER BY quote_time")]
    assert places == ["quotes_before", "quotes_before", *months("quotes")]
    assert len(set(Quote.objects.values_list("id", flat=True))) == MONTHS_AHEAD + 2


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("SELECT * FROM quotes WHERE instrument = 'SPY' AND quote_time BETWEEN %s AND %s", "quotes"),
        ("SELECT * FROM market_data WHERE symbol = 'SPY' AND as_of BETWEEN %s AND %s", "market_data"),
        ("SELECT * FROM audit_log WHERE at BETWEEN %s AND %s ORDER BY id DESC LIMIT 50", "audit_log"),
    ],
)
def test_a_question_of_a_time_touches_its_months_only(statement: str, table: str) -> None:
    keep_partitions()
    soon = in_months(2)

    assert touched(statement, soon, soon + timedelta(days=2)) == {f"{table}_{soon:%Y_%m}"}
    two = {f"{table}_{soon:%Y_%m}", f"{table}_{in_months(3):%Y_%m}"}
    assert touched(statement, soon, soon + timedelta(days=31)) == two


def test_what_was_unique_and_guarded_still_is_in_every_month() -> None:
    keep_partitions()
    soon = in_months(1)
    quote_at(soon)
    MarketData.objects.create(symbol="SPY", as_of=soon, received_at=soon, source="feeder", data={"iv": "0.4"})
    AuditEntry.objects.create(at=soon, actor="ann", action="a", subject="b")

    again = (
        "INSERT INTO quotes (instrument, bid, ask, quote_time, source, received_at)"
        " VALUES ('SPY', 1, 2, %s, 'feeder', now())"
    )
    assert refusal_of(again, (soon,)).startswith("quotes_")
    assert execute(f"{again} ON CONFLICT DO NOTHING", soon) == 0
    crossed = again.replace("1, 2", "2, 1").replace("SPY", "QQQ")
    assert refusal_of(crossed, (soon,)) == "quotes_not_negative_or_crossed"
    for table in PARTITIONED:
        assert "append-only" in refusal_of(f"DELETE FROM {table}")


def test_a_month_that_is_over_and_empty_is_dropped_and_one_with_rows_stays() -> None:
    for month in ("2099-01", "2099-02"):
        name = f"quotes_{month.replace('-', '_')}"
        execute(f"CREATE TABLE {name} PARTITION OF quotes FOR VALUES FROM ('{month}-01Z') TO ('{month}-28Z')")
    # As if they had been made long ago.
    execute("ALTER TABLE quotes_2099_01 RENAME TO quotes_2001_01")
    execute("ALTER TABLE quotes_2099_02 RENAME TO quotes_2001_02")
    quote_at(datetime(2099, 2, 3, tzinfo=UTC))

    keep_partitions()

    assert "quotes_2001_01" not in months("quotes")
    assert "quotes_2001_02" in months("quotes")


def test_a_row_of_no_month_is_kept_and_told(caplog: pytest.LogCaptureFixture) -> None:
    quote_at(datetime(2999, 1, 1, tzinfo=UTC))

    keep_partitions()

    assert value("SELECT count(*) FROM quotes_default") == 1
    assert "quotes_default has rows" in caplog.text


def test_whoever_holds_a_table_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    with uncommitted(lambda: execute("LOCK TABLE quotes IN SHARE MODE")) as commit:
        assert keep_partitions() == 0
        commit()

    assert "partition.missing" in caplog.text
    assert keep_partitions() == MONTHS_AHEAD * len(PARTITIONED)
