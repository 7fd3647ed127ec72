"""`python -m benchmarks.report_speed`: the report over a million outcomes, beside pandas and DuckDB.

Fills the (empty, throw-away) database of DATABASE_URL, or one of its own, with whole chains, signals through the real
pipeline; half an hour for a million. A filled one is measured again at once. Every peer reads the same rows in the same
run, and where its definitions are the report's, its figures have to be the report's.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import django

from benchmarks import database
from benchmarks.page_speed import page_lines
from benchmarks.report import machine, say

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
RESULTS = Path(__file__).with_name("RESULTS.md")
BEGIN, END = "<!-- report -->", "<!-- end of report -->"
PAGES_BEGIN, PAGES_END = "<!-- pages -->", "<!-- end of pages -->"
START = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)

# A fixed sequence in place of chance: md5 of a key as a number from 0 to 1.
PNL = """
round(400 * (('x' || substr(md5(e.experiment_id::text || r.engine), 1, 7))::bit(28)::integer / 268435456.0) - 195, 2)
"""
# As if the signals had come when they say, and not all of them today.
SPREAD = """
ALTER TABLE experiments DISABLE TRIGGER USER;
UPDATE experiments e SET created_at = s.timestamp FROM signals s WHERE s.signal_id = e.signal_id;
ALTER TABLE experiments ENABLE TRIGGER USER
"""
RECOMMENDATIONS = """
INSERT INTO recommendations (experiment_id, engine, context_hash, action, strategy_version, rules_hash,
                             registered_rules_hash, recommendation, plan, request_hash, recommended_at, role,
                             role_reason, permit_expires_at)
SELECT e.experiment_id, d.engine, d.context_hash, 'OPEN', '1', repeat('a', 64), repeat('a', 64), '{}',
       '{"legs":[{"instrument":"SPY","ratio":1,"side":"LONG"}],"quantity":"1","multiplier":"100","currency":"USD",'
       '"risk_amount":"1000"}', repeat('a', 64), now(),
       CASE WHEN p.executed_engine = d.engine THEN 'REAL' ELSE 'SHADOW' END, p.reason,
       CASE WHEN p.executed_engine = d.engine THEN now() END
  FROM experiments e JOIN execution_policy p USING (experiment_id) JOIN signal_distributions d USING (experiment_id)
"""
TRADES = """
INSERT INTO {kind}_trades (trade_id, experiment_id, engine, legs, quantity, multiplier, currency, entry_quotes,
                           entry_price, risk_amount, entry_time, entry_fees, claimed_provenance, entry_provenance,
                           request_hash, opened_at, revision, flags, status, exit_price, exit_time, exit_fees,
                           exit_reason, exit_provenance, conditions_hash, closed_at)
SELECT gen_random_uuid(), e.experiment_id, r.engine, '[]', 1, 100, 'USD', '{{}}', 10, 1000, s.timestamp, 0,
       'OWN_FEED_QUOTE', 'OWN_FEED_QUOTE', repeat('a', 64), s.timestamp, 1, '[]', 'CLOSED', 10 + {pnl} / 100,
       s.timestamp + interval '1 hour', 0, 'TAKE_PROFIT', 'OWN_FEED_QUOTE', repeat('a', 64),
       s.timestamp + interval '1 hour'
  FROM experiments e JOIN signals s USING (signal_id) JOIN recommendations r USING (experiment_id)
 WHERE r.role = upper('{kind}')
"""
OUTCOMES = """
INSERT INTO {kind}_outcomes (trade_id, experiment_id, engine, revision, withdrawn, entry_price, exit_price,
                             gross_pnl, pnl, compared_pnl, fees, scheduled_fees, risk_amount, currency, exit_reason,
                             price_provenance, exit_time, conditions_hash, recorded_at)
SELECT trade_id, experiment_id, engine, 1, false, entry_price, exit_price, gross, gross, gross, 0, 0, risk_amount,
       currency, exit_reason, exit_provenance, exit_time, conditions_hash, now()
  FROM {kind}_trades CROSS JOIN LATERAL (SELECT (exit_price - entry_price) * quantity * multiplier AS gross) result
"""


def fill(pairs: int, start: datetime = START) -> None:
    """Store that many signals from a moment on, decide them, and close a real and a shadow trade for each."""
    from django.core.management import call_command
    from django.db import connection

    from experiments.worker.pipeline import drain
    from policies.services import ensure_first_version

    call_command("migrate", verbosity=0)
    ensure_first_version()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE engines SET last_heartbeat_at = now() + interval '1 day'")
        copy_signals(pairs, start)
        logging.disable(logging.INFO)
        while drain():
            pass
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(SPREAD)
        cursor.execute(RECOMMENDATIONS)
        for kind in ("real", "shadow"):
            cursor.execute(TRADES.format(kind=kind, pnl=PNL))
            cursor.execute(OUTCOMES.format(kind=kind))
        cursor.execute("VACUUM ANALYZE")


def add_up() -> None:
    """Make the sums of every day, as the worker does a minute after its last change."""
    from django.db import connection

    from outcomes.models import ReportMark
    from outcomes.performance.scope import rebuild_day

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    days = sorted(set(ReportMark.objects.values_list("day", flat=True)))
    for number, day in enumerate(days):
        rebuild_day(day)
        if number % 200 == 0:
            say(f"sums of {number} of {len(days)} days")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE report_cells")


def copy_signals(pairs: int, start: datetime) -> None:
    """Store pending signals, seven minutes apart, in eight symbols."""
    from signals_app.alerts.documents import natural_key, signal_hash, signal_id
    from signals_app.models import Signal

    symbols = ("SPY", "QQQ", "IWM", "DIA", "AAPL", "MSFT", "TSLA", "NVDA")
    # As many sums a day as there are kinds of alerts: nearly as many as trades, which is the worst that can be.
    kinds = itertools.cycle(itertools.product(symbols, ("LONG", "SHORT"), ("5m", "1h"), ("breakout", "", "trend")))
    signals = []
    for number in range(pairs):
        moment, (symbol, direction, timeframe, strategy) = start + timedelta(minutes=7 * number), next(kinds)
        facts = {
            "source": "tv",
            "symbol": symbol,
            "direction": direction,
            "timeframe": timeframe,
            "strategy": strategy,
        }
        key = natural_key(**facts, timestamp=moment)
        payload = {"symbol": symbol, "direction": direction.lower(), "timeframe": timeframe}
        payload["timestamp"] = moment.isoformat()
        signals.append(
            Signal(
                **facts,
                signal_id=signal_id(key),
                timestamp=moment,
                signal_hash=signal_hash(key, payload),
                raw_payload=payload,
                consumed_fields=sorted(payload),
                received_at=moment,
            )
        )
    Signal.objects.bulk_create(signals, batch_size=5000)


def median_seconds(action: Callable[[], object], times: int = 5) -> float:
    """The middle of several measurements, after one that warms up."""
    action()
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


ROWS = """
SELECT 'real' AS kind, engine, experiment_id::text, exit_time, trade_id::text, pnl::float8, compared_pnl::float8
  FROM latest_real_outcomes
UNION ALL
SELECT 'shadow', engine, experiment_id::text, exit_time, trade_id::text, pnl::float8, compared_pnl::float8
  FROM latest_shadow_outcomes
"""


def read_rows() -> Any:
    """All closed trades as a data frame, as an analyst would read them."""
    import pandas as pd
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(ROWS)
        frame = pd.DataFrame(
            cursor.fetchall(), columns=["kind", "engine", "experiment", "exit_time", "trade", "pnl", "compared"]
        )
    frame["day"] = frame["exit_time"].dt.tz_convert("America/New_York").dt.date
    return frame


def by_pandas(frame: Any) -> dict[tuple[str, str], dict[str, float]]:
    """The main figures of each engine and kind; those of days by empyrical."""
    import empyrical

    found = {}
    for group, trades in frame.sort_values(["exit_time", "trade"]).groupby(["kind", "engine"]):
        pnl = trades["pnl"]
        level = pnl.cumsum()
        losses = pnl[pnl < 0]
        found[group] = {
            "n": len(pnl),
            "wins": (pnl > 0).sum(),
            "total_pnl": pnl.sum(),
            "average_pnl": pnl.mean(),
            "average_win": pnl[pnl > 0].mean(),
            "average_loss": losses.mean(),
            "sharpe_per_trade": pnl.mean() / pnl.std(),
            "sortino_per_trade": pnl.mean() / ((losses**2).sum() / len(pnl)) ** 0.5,
            "max_drawdown": (level.cummax().clip(lower=0) - level).max(),
            "profit_factor": pnl[pnl > 0].sum() / -losses.sum(),
            "sharpe_daily": empyrical.sharpe_ratio(trades.groupby("day")["pnl"].sum()),
        }
    pairs = frame.pivot(index="experiment", columns="engine", values="compared").dropna()
    found["pairs", ""] = {"n": len(pairs), "mean_difference": (pairs["A"] - pairs["B"]).mean()}
    return found


DUCKDB = """
WITH levels AS (
    SELECT kind, engine, day, exit_time, trade, pnl, sum(pnl) OVER so_far AS level FROM trades
    WINDOW so_far AS (PARTITION BY kind, engine ORDER BY exit_time, trade ROWS UNBOUNDED PRECEDING)
), falls AS (
    SELECT *, greatest(0, max(level) OVER so_far) - level AS fall FROM levels
    WINDOW so_far AS (PARTITION BY kind, engine ORDER BY exit_time, trade ROWS UNBOUNDED PRECEDING)
), days AS (SELECT kind, engine, sum(pnl) AS pnl FROM trades GROUP BY kind, engine, day),
daily AS (SELECT kind, engine, avg(pnl) / stddev_samp(pnl) * sqrt(252) AS sharpe_daily FROM days GROUP BY 1, 2)
SELECT kind, engine, count(*), count(*) FILTER (pnl > 0), sum(pnl), avg(pnl), avg(pnl) FILTER (pnl > 0),
       avg(pnl) FILTER (pnl < 0), avg(pnl) / stddev_samp(pnl),
       avg(pnl) / sqrt(sum(pnl * pnl) FILTER (pnl < 0) / count(*)), max(fall),
       sum(pnl) FILTER (pnl > 0) / -sum(pnl) FILTER (pnl < 0), skewness(pnl), kurtosis(pnl), any_value(sharpe_daily)
  FROM falls JOIN daily USING (kind, engine) GROUP BY kind, engine
"""
DUCKDB_PAIRS = """
SELECT count(*), avg(a.compared - b.compared), stddev_samp(a.compared - b.compared)
  FROM trades a JOIN trades b USING (experiment) WHERE a.engine = 'A' AND b.engine = 'B'
"""


def differing(report: dict[str, Any], peer: dict[tuple[str, str], dict[str, float]]) -> list[str]:
    """The figures of a peer that are not the report's, to nine digits."""
    shown = {(kind, engine): report["engines"][engine][kind] for engine in "AB" for kind in ("real", "shadow")}
    shown["pairs", ""] = report["pairs"]
    return [
        f"{' '.join(group)} {name}: {value} instead of {shown[group][name]}"
        for group, figures in peer.items()
        for name, value in figures.items()
        if abs(float(shown[group][name]) - value) > 1e-9 * max(abs(value), 1e-9)
    ]


# What changes results and answers of today: an amendment of its last trade, which leaves its amounts as they are.
AMEND = """
INSERT INTO real_outcomes (trade_id, experiment_id, engine, revision, withdrawn, entry_price, exit_price, gross_pnl,
                           pnl, compared_pnl, fees, scheduled_fees, risk_amount, currency, exit_reason,
                           price_provenance, exit_time, conditions_hash, recorded_at)
SELECT trade_id, experiment_id, engine, revision + 1, false, entry_price, exit_price, gross_pnl, pnl, compared_pnl,
       fees, scheduled_fees, risk_amount, currency, exit_reason, price_provenance, exit_time, conditions_hash, now()
  FROM latest_real_outcomes ORDER BY exit_time DESC LIMIT 1;
UPDATE real_trades SET status = status
 WHERE trade_id = (SELECT trade_id FROM latest_real_outcomes ORDER BY exit_time DESC LIMIT 1)
"""


def measure() -> list[str]:
    """The lines of the table: each question, how long it took, and its bound or its peer."""
    import duckdb
    from django.db import connection

    from outcomes.models import RealOutcome
    from outcomes.performance.report import cumulative_series, performance_report
    from outcomes.performance.scope import PerformanceFilters

    last = RealOutcome.objects.order_by("-exit_time").values_list("exit_time", flat=True)[0]
    today = PerformanceFilters(since=last - timedelta(hours=last.hour))
    # It begins and ends within a day.
    period: dict[str, Any] = {"since": START, "until": START + timedelta(days=90)}
    in_one_mode = PerformanceFilters(symbol="SPY", execution_mode="ENGINE_A_PRIMARY", **period)
    asked = {
        "everything": (PerformanceFilters(), 0.3),
        "one symbol of eight": (PerformanceFilters(symbol="SPY"), 3),
        "one direction of two": (PerformanceFilters(direction="LONG"), 3),
        "one symbol in one mode, 90 days": (in_one_mode, 3),
    }
    lines = []
    for name, (filters, bound) in asked.items():
        say(f"report, {name}")
        taken = median_seconds(partial(performance_report, filters))
        verdict = "met" if taken <= bound else "missed"
        lines.append(f"| report, {name} | {taken:.3f} s | at most {bound} s | {verdict} |")
    own = median_seconds(partial(performance_report, PerformanceFilters()))
    drawn = median_seconds(partial(cumulative_series, PerformanceFilters()))
    lines.append(f"| the curve on the page beside it | {drawn:.3f} s | | |")
    for name, filters in (("today's", today), ("everything", PerformanceFilters())):
        say(f"report, {name}, while trades flow")
        times = []
        for _ in range(6):
            with connection.cursor() as cursor:
                cursor.execute(AMEND)
            begun = time.perf_counter()
            performance_report(filters)
            times.append(time.perf_counter() - begun)
        taken = statistics.median(times)
        verdict = "met" if taken <= 0.3 else "missed"
        lines.append(f"| report, {name}, a trade stored before each | {taken:.3f} s | at most 0.3 s | {verdict} |")
    say("pandas")
    begun = time.perf_counter()
    frame = read_rows()
    reading = time.perf_counter() - begun
    begun = time.perf_counter()
    figures = by_pandas(frame)
    computing = time.perf_counter() - begun
    wrong = differing(performance_report(PerformanceFilters()), figures)
    assert not wrong, wrong
    total = reading + computing
    lines.append(
        f"| pandas and empyrical: reads the rows in {reading:.1f} s, computes in {computing:.1f} s | {total:.1f} s "
        f"| at least 20 x as long | {total / own:.0f} x, {'met' if total >= 20 * own else 'missed'} |"
    )
    say("DuckDB")
    engine = duckdb.connect()
    engine.execute("CREATE TABLE trades AS SELECT * FROM frame")
    by_duckdb = median_seconds(lambda: (engine.execute(DUCKDB).fetchall(), engine.execute(DUCKDB_PAIRS).fetchall()))
    lines.append(
        f"| DuckDB, the rows in its memory already | {by_duckdb:.3f} s | ours at most 2 x "
        f"| {own / by_duckdb:.2f} x, {'met' if own <= 2 * by_duckdb else 'missed'} |"
    )
    return lines


def main() -> None:
    """Fill the database unless it is filled, measure, print the table and keep it if told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=500_000, help="each has a real and a shadow outcome")
    parser.add_argument("--pages", action="store_true", help="the analysts' pages in place of the report")
    parser.add_argument("--keep", action="store_true", help="put the table into benchmarks/RESULTS.md")
    options = parser.parse_args()
    if "DATABASE_URL" not in os.environ:
        os.environ["DATABASE_URL"] = database.prepare()
    django.setup()
    from django.db import connection

    from outcomes.models import RealOutcome

    if "real_outcomes" not in connection.introspection.table_names() or not RealOutcome.objects.exists():
        fill(options.pairs)
        add_up()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM latest_real_outcomes UNION ALL SELECT count(*) FROM latest_shadow_outcomes"
        )
        outcomes = sum(count for (count,) in cursor.fetchall())
        cursor.execute("SELECT count(*), pg_size_pretty(pg_total_relation_size('report_cells')) FROM report_cells")
        cells, size = cursor.fetchone()
    lines = page_lines() if options.pages else measure()
    with database.connect(os.environ["DATABASE_URL"]) as peer:
        where = machine(peer)
    # More than the cores: something else ran meanwhile, and every time is too long.
    load = f"load average {os.getloadavg()[0]:.1f}"
    head = [f"{outcomes:,} outcomes, {cells:,} sums in {size}; {where}, {load}", "", "| question | time | bound | |"]
    text = "\n".join([*head, "|---|--:|---|---|", *lines])
    print(text)
    if options.keep:
        begin, end = (PAGES_BEGIN, PAGES_END) if options.pages else (BEGIN, END)
        before, _, rest = RESULTS.read_text().partition(begin)
        RESULTS.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}")


if __name__ == "__main__":
    main()
