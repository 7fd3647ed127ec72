"""Tables by month: rows find their partition, questions touch only what they need, and months are made ahead."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from archives.partitions import MONTHS_AHEAD, PARTITIONED, keep_partitions
from kernel.models import AuditEntry
from orchestrator_site.console.inbox_page import RESENDS
from outcomes.models import Quote
from signals_app.models import MarketData, WebhookDelivery
from signals_app.selectors import deliveries_of
from tests.archives.shelf import SIGNALS, deliver, redriven
from tests.database import execute, execute_unguarded, refusal_of, rows, value
from tests.factories import make_signal
from tests.threads import (
    LIMIT_SECONDS,
    blocked_sessions,
    in_background,
    uncommitted,
    wait_for_blocked_sessions,
    wait_until,
)

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
            drop(table, month)


def drop(table: str, month: str) -> None:
    execute(f"ALTER TABLE {table} DETACH PARTITION {month}")
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


def delivery_at(moment: datetime) -> WebhookDelivery:
    delivery = deliver("rejected")
    execute_unguarded("UPDATE webhook_deliveries SET received_at = %s WHERE id = %s", moment, delivery.pk)
    delivery.refresh_from_db()
    return delivery


def touched(statement: str, *parameters: Any) -> set[str]:
    """The partitions that a plan looks into; those are none of them that running it has left out."""
    plan = "\n".join(line for (line,) in rows(f"EXPLAIN {statement}", *parameters) if "never executed" not in line)
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
        ("SELECT * FROM webhook_deliveries WHERE received_at BETWEEN %s AND %s", "webhook_deliveries"),
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
    for table in PARTITIONED:
        row_in(table, soon)

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
    for table in PARTITIONED:
        an_old_month(table)
    quote_at(datetime(2099, 1, 3, tzinfo=UTC))

    keep_partitions()

    left = {name for table in PARTITIONED for name in months(table) if name.endswith("_2001_01")}
    assert left == {"quotes_2001_01"}


def test_a_row_of_no_month_is_kept_and_told(caplog: pytest.LogCaptureFixture) -> None:
    quote_at(datetime(2999, 1, 1, tzinfo=UTC))

    keep_partitions()

    assert value("SELECT count(*) FROM quotes_default") == 1
    assert "quotes_default has rows" in caplog.text


def test_whoever_holds_a_table_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    with uncommitted(lambda: execute("LOCK TABLE quotes IN SHARE MODE")) as commit:
        assert keep_partitions() == MONTHS_AHEAD * (len(PARTITIONED) - 1)
        commit()

    assert "partition.missing" in caplog.text
    assert keep_partitions() == MONTHS_AHEAD


def test_a_worker_that_may_make_no_months_says_so(caplog: pytest.LogCaptureFixture) -> None:
    execute("ALTER FUNCTION keep_partitions RENAME TO keep_partitions_of_others")
    try:
        assert keep_partitions() == 0
    finally:
        execute("ALTER FUNCTION keep_partitions_of_others RENAME TO keep_partitions")

    assert caplog.text.count("partition.missing") == len(PARTITIONED)


def test_no_alert_is_waited_for_where_a_month_is_made_nor_waits() -> None:
    make_a_month = "SELECT keep_partitions('webhook_deliveries', 3)"
    the_other_way = (
        "CREATE TABLE of_2999 PARTITION OF webhook_deliveries FOR VALUES FROM ('2999-01-01Z') TO ('2999-02-01Z')"
    )
    deliver("rejected")

    with uncommitted(lambda: deliver("rejected")) as commit:
        assert value(make_a_month) is True
        with pytest.raises(OperationalError, match="lock timeout"):
            at_once(lambda: execute(the_other_way))
        commit()

    with uncommitted(lambda: value(make_a_month)) as commit:
        at_once(lambda: deliver("rejected"))
        commit()
    with uncommitted(lambda: execute(the_other_way)) as commit:
        with pytest.raises(OperationalError, match="lock timeout"):
            at_once(lambda: deliver("rejected"))
        commit()
    drop("webhook_deliveries", "of_2999")
    assert len(months("webhook_deliveries")) == 2


def at_once(function: Callable[[], object]) -> None:
    """Run it, and wait for no lock."""
    with transaction.atomic():
        execute("SET LOCAL lock_timeout = '50ms'")
        function()


@pytest.mark.parametrize("patience", ["200ms", "30s"])
def test_alerts_wait_for_a_month_that_cannot_be_dropped_no_longer_than_it_waits_itself(patience: str) -> None:
    deliver("rejected")
    keep_partitions()
    an_old_month("webhook_deliveries")
    execute(f"ALTER FUNCTION keep_partitions SET lock_timeout = '{patience}'")
    try:
        with (
            uncommitted(lambda: execute("LOCK TABLE ONLY webhook_deliveries IN ACCESS SHARE MODE")) as read,
            in_background(keep_partitions) as kept,
        ):
            wait_until(lambda: blocked_sessions() or kept.done(), "the worker")
            with in_background(lambda: deliver("rejected")) as alert:
                if patience == "200ms":
                    alert.result(LIMIT_SECONDS)
                    assert kept.result(LIMIT_SECONDS) == 0
                else:
                    # A control: the alert waits behind the worker, for as long as somebody reads.
                    wait_for_blocked_sessions(2)
                    assert not alert.done()
                read()
        assert ("webhook_deliveries_2001_01" in months("webhook_deliveries")) is (patience == "200ms")
    finally:
        execute("ALTER FUNCTION keep_partitions SET lock_timeout = '200ms'")

    keep_partitions()

    assert "webhook_deliveries_2001_01" not in months("webhook_deliveries")


def an_old_month(table: str) -> str:
    """A month that is over, as if it had been made long ago."""
    execute(f"CREATE TABLE {table}_2001_01 PARTITION OF {table} FOR VALUES FROM ('2099-01-01Z') TO ('2099-02-01Z')")
    return f"{table}_2001_01"


def test_a_late_row_keeps_its_month() -> None:
    month = an_old_month("webhook_deliveries")
    late = delivery_at(datetime(2099, 1, 15, tzinfo=UTC))

    keep_partitions()

    assert value(f"SELECT id FROM {month}") == late.pk
    execute_unguarded(f"DELETE FROM {month}")


def test_rows_of_last_resort_keep_their_own_month_from_being_made_and_many_keep_every_one() -> None:
    quote_at(in_months(2))

    assert keep_partitions() == MONTHS_AHEAD * len(PARTITIONED) - 1
    assert f"quotes_{in_months(2):%Y_%m}" not in months("quotes")
    with pytest.raises(OperationalError, match="quotes_default has rows, more than 0 of them"):
        execute("SELECT keep_partitions('quotes', 4, 0)")
    assert value("SELECT keep_partitions('quotes', 4)") is True


@pytest.mark.parametrize("table", PARTITIONED)
def test_rows_of_last_resort_are_moved_as_the_manual_says(table: str) -> None:
    row_in(table, in_months(2))
    keep_partitions()
    assert f"{table}_{in_months(2):%Y_%m}" not in months(table)

    with transaction.atomic():
        for statement in moving(table):
            execute(statement)

        assert value(f"SELECT count(*) FROM {table}_{in_months(2):%Y_%m}") == 1
        assert value(f"SELECT count(*) FROM {table}_default") == 0
        assert keep_partitions() == 0
        assert "append-only" in refusal_of(f"DELETE FROM {table}")
        row_in(table, datetime(2999, 1, 1, tzinfo=UTC))
        assert value(f"SELECT count(*) FROM {table}_default") == 1
        # The new table's indexes bear other names.
        transaction.set_rollback(True)


def moving(table: str) -> list[str]:
    """The statements of docs/operating.md for a table, but for those that begin and end the transaction."""
    manual = Path("docs/operating.md").read_text(encoding="utf-8")
    (block,) = (str(text) for text in re.findall(r"```sql\n(.*?)```", manual, re.DOTALL) if "quotes_strays" in text)
    return block.replace("quotes", table).splitlines()[1:-1]


def row_in(table: str, moment: datetime) -> None:
    """Store a row of a moment."""
    if table == "quotes":
        quote_at(moment)
    elif table == "market_data":
        MarketData.objects.create(symbol="SPY", as_of=moment, received_at=moment, source="feeder", data={"iv": "0.4"})
    elif table == "audit_log":
        AuditEntry.objects.create(at=moment, actor="ann", action="a", subject="b")
    else:
        delivery_at(moment)


def test_what_refers_to_a_delivery_finds_it_and_keeps_it() -> None:
    first, second = deliver("rejected"), deliver("rejected")
    redriven(first, second)

    moved = "UPDATE redrives SET {} = {} + interval '1 second'"
    for column, key in (
        ("delivery_received_at", "redrives_of_a_delivery"),
        ("result_received_at", "redrives_result_in_a_delivery"),
    ):
        assert refusal_of(moved.format(column, column)) == key
    arrived = "INSERT INTO alert_arrivals (delivery_id, received_at, source_id, used) VALUES (%s, %s, %s, true)"
    assert execute(arrived, first.pk, first.received_at, first.source_id) == 1
    assert refusal_of(arrived, (second.pk, first.received_at, first.source_id)) == "alert_arrivals_of_a_delivery"
    with transaction.atomic():
        for guard in ("are_kept", "on_hold"):
            execute(f"ALTER TABLE webhook_deliveries DISABLE TRIGGER webhook_deliveries_{guard}")
        with pytest.raises(IntegrityError, match="alert_arrivals_of_a_delivery"), transaction.atomic():
            execute("DELETE FROM webhook_deliveries; SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


def test_months_from_before_a_signal_are_not_looked_into() -> None:
    keep_partitions()
    soon = in_months(2)
    later = {f"webhook_deliveries_{in_months(ahead):%Y_%m}" for ahead in (2, 3)} | {"webhook_deliveries_default"}
    signal = make_signal()
    execute_unguarded("UPDATE signals SET received_at = %s", soon)
    signal.refresh_from_db()

    with CaptureQueriesContext(connection) as asked:
        deliveries_of(signal)
    assert touched(asked[0]["sql"].replace("%", "%%")) == later
    assert touched(f"(ANALYZE) {RESENDS.replace('%(ids)s', '%s')}", [signal.pk], [signal.pk]) == later
    # The rows of an archive are looked up by both parts of their keys.
    (where,) = (where for table, where in SIGNALS.tables if table == "webhook_deliveries")
    deleted = f"DELETE FROM webhook_deliveries t WHERE {where % {'deliveries': '%s', 'delivered': '%s'}}"
    assert touched(deleted.replace("%s", "%s"), [1], [soon]) == {f"webhook_deliveries_{soon:%Y_%m}"}
