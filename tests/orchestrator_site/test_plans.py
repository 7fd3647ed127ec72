"""What is asked all day touches only what it needs, however long the history is: plans of the hot statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, LiteralString
from uuid import uuid4

import pytest
from django.db import connection
from psycopg.sql import Composed

from experiments.distribution import CLAIM
from experiments.worker.queue import CLAIM_DUE, CLAIM_FRESH
from orchestrator_site.console.attention import READ
from orchestrator_site.health import QUERY
from outcomes.performance.scope import pairs_of, results_in, results_of
from outcomes.services.due import IN_TURN
from tests.database import execute, forget_statistics, rows, value
from tests.factories import make_experiment
from tests.outcomes.closed_trades import EXIT_TIME

pytestmark = pytest.mark.django_db
# Those that grow with the signals, and the partitions of those that are divided by month.
LARGE = (
    "signals", "webhook_deliveries", "market_contexts", "experiments", "execution_policy", "signal_distributions",
    "recommendations", "real_trades", "shadow_trades", "real_outcomes", "shadow_outcomes", "trade_fills", "permits",
    "exit_directives", "own_exits", "trade_amendments", "missing_alerts", "quotes", "market_data", "audit_log",
)  # fmt: skip
STATEMENTS: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "the next signals to decide": (CLAIM_FRESH, {"token": uuid4(), "limit": 500}, {"waiting_signals_pkey"}),
    "a failed signal to try again": (CLAIM_DUE, {"token": uuid4()}, {"waiting_signals_pkey"}),
    "an engine's claim": (
        CLAIM, {"engine": "A", "limit": 10, "token": uuid4(), "lease": 60}, {"signal_distributions_open"},
    ),
    "what the worker settles": (
        IN_TURN, {}, {"exit_directives_pending", "own_exits_pending", "shadowtrade_open", "real_trades_unchecked"},
    ),
    "what asks for attention": (
        READ, {}, {"waiting_signals_pkey", "signals_tried", "exit_directives_pending", "webhook_deliveries_outcome"},
    ),
    "a scrape of the metrics": (QUERY, {}, {"waiting_signals_pkey", "signals_tried", "exit_directives_pending"}),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _as_of_tables_that_have_grown() -> None:
    """Tables of a test are too small for any index; how large earlier tests have left them depends on these."""
    execute("SET LOCAL session_replication_role = replica")
    execute(f"TRUNCATE {', '.join(LARGE)} CASCADE")
    execute("SET LOCAL session_replication_role = DEFAULT")
    forget_statistics()
    execute("SET LOCAL enable_seqscan = off")


def nodes(statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The nodes of its plan."""

    def below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield node
        for each in node.get("Plans", ()):
            yield from below(each)

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters or None)
        (plan,) = cursor.fetchone()
    return list(below(plan[0]["Plan"]))


def read_whole(plan: list[dict[str, Any]]) -> list[str]:
    """What of the large tables a plan reads from end to end: neither by a condition nor by an index of a few rows."""
    partial = {name for (name,) in rows("SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL")}
    found = []
    for node in plan:
        index, kind = node.get("Index Name"), node["Node Type"]
        table = node.get("Relation Name") or (
            index and value("SELECT indrelid::regclass::text FROM pg_index WHERE indexrelid = %s::regclass", index)
        )
        if not table or not table.startswith(LARGE) or kind in {"ModifyTable", "Bitmap Heap Scan"}:
            continue
        if "Index Cond" not in node and index not in partial:
            found.append(f"{kind} of {table} by {index}")
    return found


@pytest.mark.parametrize("name", STATEMENTS)
def test_nothing_that_grows_is_read_whole(name: str) -> None:
    statement, parameters, indexes = STATEMENTS[name]

    plan = nodes(statement, parameters)

    assert read_whole(plan) == []
    used = {node.get("Index Name") for node in plan}
    # Of what lies in partitions, that of the first one.
    assert {index for index in indexes if not used & {index, f"{index}_before"}} == set()


# Of what a claim has taken, both say the same.
BY_ARRAY, BY_JOIN = "= ANY (ARRAY(SELECT id FROM open))", "IN (SELECT id FROM open)"


@pytest.mark.parametrize("form", [BY_ARRAY, BY_JOIN])
def test_a_claim_planned_for_any_limit_expects_few(form: str) -> None:
    """As page processes plan it; the control expects a tenth of all, for which it would read large tables whole."""
    # As if all of a great many were open; of fewer rows PostgreSQL does not believe that they know two engines only.
    for number in range(12):
        make_experiment("A", symbol=f"S{number}")
    execute("ANALYZE signal_distributions")
    execute("UPDATE pg_class SET reltuples = 100000, relpages = 1 WHERE relname = ANY(%s)", list(LARGE))
    execute("SET LOCAL plan_cache_mode = force_generic_plan")
    claim = CLAIM.replace(BY_ARRAY, form) % {"engine": "$1", "token": "$2", "lease": "$3", "limit": "$4"}
    execute(f"PREPARE claim (text, uuid, int, int) AS {claim}")

    plan = nodes("EXECUTE claim ('A', gen_random_uuid(), 60, 10)", {})
    execute("DEALLOCATE claim")

    assert (plan[0]["Plan Rows"] <= 10) == (form == BY_ARRAY)


@pytest.mark.parametrize(
    ("kind", "index"),
    [("real", "realoutcome_exit_time"), ("shadow", "shadowoutcome_exit_time"), ("own_exit", "own_exits_exit_time")],
)
def test_what_has_another_result_is_not_read_to_find_the_worst_of_some_days(kind: str, index: str) -> None:
    days = [(start, start + timedelta(days=1)) for start in (EXIT_TIME, EXIT_TIME - timedelta(days=7))]
    closed = f"SELECT * FROM ({results_in(days).as_string()}) closed"

    plan = nodes(f"{closed} WHERE kind = %(kind)s AND pnl BETWEEN -50 AND -20", {"kind": kind})

    # The index of the exits holds each P&L as well, and is asked for it.
    assert [node["Index Cond"] for node in plan if node.get("Index Name") == index and "pnl" in node["Index Cond"]]
    assert read_whole(plan) == []


@pytest.mark.parametrize("of", [results_of, pairs_of])
def test_a_page_by_result_looks_up_its_own_trades_and_pairs(of: Callable[[LiteralString], Composed]) -> None:
    plan = nodes(of("experiment_id = ANY(%(ids)s::uuid[])").as_string(), {"ids": [uuid4()]})

    assert read_whole(plan) == []
    # Nor is anything found by the day of its exit.
    assert [node for node in plan if node.get("Index Name", "").endswith("_exit_time")] == []


@pytest.mark.parametrize("statement", ["SELECT count(*) FROM signals", "SELECT max(last_error) FROM signals"])
def test_a_table_that_is_read_whole_is_noticed(statement: str) -> None:
    assert len(read_whole(nodes(statement, {}))) == 1
