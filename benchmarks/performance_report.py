"""Time the performance report over many outcomes.

Fills the (empty, throw-away) database of DATABASE_URL with whole chains, signals through the real
pipeline, then asks for the report several times:

    DATABASE_URL=postgresql://.../scratch python benchmarks/performance_report.py --pairs 50000
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
START = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)

# A fixed sequence in place of chance: md5 of a key as a number from 0 to 1.
PNL = """
round(400 * (('x' || substr(md5(e.experiment_id::text || r.engine), 1, 7))::bit(28)::integer / 268435456.0) - 195, 2)
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


def fill(pairs: int) -> None:
    """Store that many signals, decide them, and close a real and a shadow trade for each."""
    from django.core.management import call_command
    from django.db import connection

    from experiments.worker.pipeline import drain
    from policies.services import ensure_first_version

    call_command("migrate", verbosity=0)
    ensure_first_version()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE engines SET last_heartbeat_at = now() + interval '1 day'")
        copy_signals(pairs)
        logging.disable(logging.INFO)
        while drain():
            pass
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(RECOMMENDATIONS)
        for kind in ("real", "shadow"):
            cursor.execute(TRADES.format(kind=kind, pnl=PNL))
            cursor.execute(OUTCOMES.format(kind=kind))
        cursor.execute("VACUUM ANALYZE")


def copy_signals(pairs: int) -> None:
    """Store pending signals, seven minutes apart, in four symbols."""
    from signals_app.alerts.documents import natural_key, signal_hash, signal_id
    from signals_app.models import Signal

    symbols = itertools.cycle(("SPY", "QQQ", "IWM", "DIA"))
    signals = []
    for number in range(pairs):
        moment, symbol = START + timedelta(minutes=7 * number), next(symbols)
        facts = {"source": "tv", "symbol": symbol, "direction": "LONG", "timeframe": "5m", "strategy": ""}
        key = natural_key(**facts, timestamp=moment)
        payload = {"symbol": symbol, "direction": "long", "timeframe": "5m", "timestamp": moment.isoformat()}
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


def median_seconds(action: Callable[[], object], times: int = 7) -> float:
    """The middle of several measurements, after one that warms up."""
    action()
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def main() -> None:
    """Fill the database unless it is filled, and print how long each question takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=50_000, help="each has a real and a shadow outcome")
    pairs = parser.parse_args().pairs
    django.setup()
    from django.db import connection

    from outcomes.models import RealOutcome
    from outcomes.performance.report import PerformanceFilters, cumulative_series, performance_report

    if "real_outcomes" not in connection.introspection.table_names() or not RealOutcome.objects.exists():
        fill(pairs)
    questions = {
        "everything": PerformanceFilters(),
        "one symbol": PerformanceFilters(symbol="SPY"),
        "one mode": PerformanceFilters(execution_mode="ENGINE_A_PRIMARY"),
        "30 days": PerformanceFilters(since=START + timedelta(days=60), until=START + timedelta(days=90)),
    }
    print(f"{2 * RealOutcome.objects.count()} outcomes")
    for name, filters in questions.items():
        print(f"report, {name}: {median_seconds(partial(performance_report, filters)):.3f} s")
    print(f"curve, everything: {median_seconds(partial(cumulative_series, PerformanceFilters())):.3f} s")


if __name__ == "__main__":
    main()
