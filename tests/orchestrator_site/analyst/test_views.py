"""The views of the schema `analyst`: documented, whole, cheap, and blind for whoever reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management import call_command

from kernel.actors import Actor
from orchestrator_site.analyst.schema import create_views, drop_views
from orchestrator_site.analyst.views import VIEWS
from outcomes.analyst_api.columns import TABLES, Kind
from outcomes.core.statistics import money_text
from outcomes.performance.report import performance_report
from outcomes.performance.scope import PerformanceFilters
from policies.models import ApiKey
from policies.services import create_api_key
from signals_app.models import WebhookDelivery, WebhookSource
from signals_app.webhook.sources import hash_of_secret
from tests.database import execute, forget_statistics, rows, value
from tests.factories import make_source
from tests.orchestrator_site.blind import open_signal
from tests.outcomes.closed_trades import EXIT_TIME, Closed, break_rule, close_pair, leave_by_own_rules
from tests.outcomes.desk import let_time_pass
from tests.signals_app.webhook.webhook import send

pytestmark = pytest.mark.django_db


def test_an_engine_that_never_answers_hides_a_signal_only_until_it_could_not_trade_it_for_real_any_more() -> None:
    open_signal("A", datetime.now(UTC))
    shown = "SELECT roles_shown, executed_engine, variant, assignment_hash FROM analyst.experiments"
    assert rows(shown) == [(False, None, None, None)]

    let_time_pass(seconds=10_000)

    assert rows(shown)[0][:3] == (True, "A", "A")


def test_pairs_and_outcomes_are_those_of_the_report() -> None:
    close_pair("A", Closed(a="10", b="1"), symbol="SPY")
    close_pair("B", Closed(a="-20.5", b="5"), symbol="QQQ", replayed=True)
    close_pair("A", Closed(a="7", b=None))
    broken = close_pair("A", Closed(a="8", b="900"))
    break_rule(broken, "B")
    leave_by_own_rules(broken, "B", "2")
    execute("UPDATE signal_distributions SET answered_at = now()")

    report = performance_report(PerformanceFilters())

    mean, count = rows("SELECT avg(pnl), count(pnl) FROM analyst.pairs WHERE kind = 'paired' AND NOT left_out")[0]
    assert (money_text(Decimal(mean)), count) == (report["pairs"]["mean_difference"], 2)
    assert value("SELECT sum(b_pnl) FROM analyst.pairs WHERE symbol = 'QQQ'") == 5
    assert rows("SELECT DISTINCT symbol FROM analyst.pairs WHERE replayed") == [("QQQ",)]
    kinds = dict(rows("SELECT kind, count(*) FROM analyst.outcomes GROUP BY kind"))
    assert kinds == {"real": 4, "shadow": 4, "own_exit": 1}
    assert value("SELECT count(*) FROM analyst.trades") == 8
    assert value("SELECT count(DISTINCT trade_id) FROM analyst.fills") == 8
    assert rows("SELECT engine, name FROM analyst.violations") == [("B", "LATE_ENTRY")]
    assert value("SELECT count(*) FROM analyst.recommendations WHERE role = 'SHADOW'") == 4


def test_no_view_shows_a_secret_or_what_one_is_stored_as() -> None:
    source = make_source(body_secret_hash=hash_of_secret("open sesame"))
    send(b'{"secret": "open sesame", "symbol": "SPY"}')
    _, key = create_api_key(Actor("tests"), owner="analyst", name="analyst")

    shown = str([rows(f"SELECT * FROM analyst.{view.name}") for view in VIEWS])

    stored = WebhookSource.objects.get(pk=source.pk)
    secrets = [
        "open sesame", key, ApiKey.objects.get().hashed_key, stored.token_hash, stored.body_secret_hash,
        WebhookDelivery.objects.get().body_sha256,
    ]  # fmt: skip
    assert "SPY" in shown
    assert [secret for secret in secrets if secret in shown] == []


def test_every_view_and_every_column_has_a_comment() -> None:
    without = """SELECT c.relname, a.attname
  FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relnamespace = 'analyst'::regnamespace
   AND (obj_description(c.oid, 'pg_class') IS NULL OR coalesce(col_description(c.oid, a.attnum), '') = '')"""

    assert rows(without) == []
    assert value("SELECT count(*) FROM pg_views WHERE schemaname = 'analyst'") == len(VIEWS)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_view_has_the_columns_of_the_call_of_its_name_in_the_same_types(table: str) -> None:
    types = {
        Kind.TEXT: {"text", "character varying"}, Kind.ID: {"uuid"}, Kind.INSTANT: {"timestamp with time zone"},
        Kind.AMOUNT: {"numeric"}, Kind.RATIO: {"numeric"}, Kind.WHOLE: {"integer", "smallint", "bigint"},
        Kind.FLAG: {"boolean"}, Kind.DOCUMENT: {"jsonb"},
    }  # fmt: skip
    stored = dict(
        rows(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'analyst' AND table_name = %s",
            table,
        )
    )

    missing = {column.name for column in TABLES[table]} - stored.keys()

    # Whose key it was is for replay.
    assert missing == ({"assignment_key_id"} if table == "experiments" else set())
    assert [one.name for one in TABLES[table] if one.name in stored and stored[one.name] not in types[one.kind]] == []


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("outcomes WHERE exit_time >= '2026-03-16Z' AND exit_time < '2026-03-17Z'", "realoutcome_exit_time"),
        ("outcomes WHERE exit_time >= '2026-03-16Z' AND exit_time < '2026-03-17Z'", "shadowoutcome_exit_time"),
        ("pairs WHERE exit_time >= '2026-03-16Z' AND exit_time < '2026-03-17Z'", "realoutcome_exit_time"),
        ("experiments WHERE experiment_id = '00000000-0000-0000-0000-000000000000'", "experiments_pkey"),
        ("experiments WHERE created_at >= '2026-03-16Z' AND created_at < '2026-03-17Z'", "experiments_created"),
        ("signals WHERE symbol = 'SPY' AND timestamp >= '2026-03-16Z'", "signals_symbol_timestamp"),
        ("trades WHERE engine = 'A' AND opened_at >= '2026-03-16Z'", "realtrade_of_engine"),
        (
            "deliveries WHERE received_at >= '2026-03-16Z' AND received_at < '2026-03-17Z'",
            "webhook_deliveries_received",
        ),
        ("audit WHERE at >= '2026-03-16Z' AND at < '2026-03-17Z'", "audit_log_at"),
    ],
)
def test_a_condition_reaches_the_index_of_the_table_below(query: str, index: str) -> None:
    # Tables of a test are too small for any index; how large what earlier tests rolled back has left each index
    # depends on these. A span has two ends: of a third of a table, which is what one end is taken for, the joins cost
    # so much that by which index its rows come makes no difference.
    tables = ("signals", "webhook_deliveries_before", "experiments", "real_trades", "real_outcomes", "shadow_outcomes")
    for table in tables:
        execute(f"REINDEX TABLE {table}")
    close_pair("A", Closed(a="1", b="2", exit_time=EXIT_TIME))
    forget_statistics()
    execute("SET LOCAL enable_seqscan = off")
    for way in ("bitmapscan", "hashjoin", "mergejoin"):
        execute(f"SET LOCAL enable_{way} = off")

    plan = "\n".join(line for (line,) in rows(f"EXPLAIN (COSTS OFF) SELECT * FROM analyst.{query}"))

    assert index in plan


def test_migrating_without_a_change_leaves_the_views_alone() -> None:
    oid = "SELECT 'analyst.pairs'::regclass::oid"
    before = value(oid)

    call_command("migrate", verbosity=0)

    assert value(oid) == before


def test_views_that_stand_in_the_way_of_a_migration_are_dropped_and_come_back() -> None:
    drop_views()
    assert value("SELECT to_regclass('analyst.pairs')") is None

    create_views()

    assert value("SELECT count(*) FROM pg_views WHERE schemaname = 'analyst'") == len(VIEWS)
