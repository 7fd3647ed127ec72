"""`python -m benchmarks.growth`: list, why, report and claim while the history grows from one size to the next.

Decides one day of signals through the real pipeline and trades some of them. That day is then copied by COPY,
again and again, each time a day earlier and with ids of its own, until the (throw-away) database of DATABASE_URL, or
one of its own, holds as many signals as the first of `--rows`; then everything is asked for, and again at the next
size. A filled one goes on from what it holds. A million signals take about 4.5 GB.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import django
import psycopg

from benchmarks import database
from benchmarks.__main__ import install
from benchmarks.alerts import copy_signals
from benchmarks.database import Connection, number
from benchmarks.history import DELIVERIES
from benchmarks.report import machine, say
from benchmarks.report_speed import OUTCOMES, PNL, RECOMMENDATIONS, TRADES, median_seconds

RESULTS = Path(__file__).with_name("RESULTS.md")
BEGIN, END = "<!-- growth -->", "<!-- end of growth -->"
# How much longer each may take than at the smallest size.
BOUND = 1.5
A_DAY, OPEN, DAYS_AT_ONCE = 4_000, 1_000, 25
TABLES = (
    "signals", "webhook_deliveries", "market_contexts", "experiments", "execution_policy", "signal_distributions",
    "recommendations", "real_trades", "shadow_trades", "real_outcomes", "shadow_outcomes", "report_cells",
    "report_answer_cells", "report_group_cells",
)  # fmt: skip
# The others are closed to answers, as signals are that nobody has answered in time.
TRADED = " WHERE e.bucket % {} = 0"


def make_the_day(connection: Connection, one_in: int) -> None:
    """One day as the product decides, trades and sums it up, kept in tables of its own."""
    from experiments.worker.pipeline import drain
    from outcomes.models import ReportMark
    from outcomes.performance.scope import rebuild_day

    with connection.transaction():
        ids = copy_signals(connection, A_DAY)
        connection.execute(DELIVERIES.encode(), (ids,))
    logging.disable(logging.INFO)
    while drain():
        pass
    connection.execute("UPDATE signal_distributions SET answered_at = distributed_at")
    connection.execute((RECOMMENDATIONS + TRADED.format(one_in)).encode())
    for kind in ("real", "shadow"):
        connection.execute(TRADES.format(kind=kind, pnl=PNL).encode())
        connection.execute(OUTCOMES.format(kind=kind).encode())
    for day in set(ReportMark.objects.values_list("day", flat=True)):
        rebuild_day(day)
    for table in TABLES:
        connection.execute(f"CREATE TABLE day_{table} AS SELECT * FROM {table}".encode())


def copy_days(url: str, table: str, first: int, last: int) -> None:
    """Copy the day's rows of one table, so many days earlier each; its triggers and keys are asked nothing."""
    from archives.parquet import columns_of

    changed = {
        "uuid": "md5({0}::text || back)::uuid",
        "timestamp with time zone": "{0} - back * interval '1 day'",
        "date": "{0} - back",
    }
    # Serial ids are the table's own.
    columns = [one for one in columns_of(table) if not one.generated and one.name != "id"]
    names = ", ".join(f'"{one.name}"' for one in columns)
    # A slice has the same hash whatever the day.
    values = ", ".join(changed.get(one.type, "{0}").format(f'"{one.name}"') for one in columns)
    days = f"SELECT {values} FROM day_{table}, generate_series({first}, {last}) AS back"
    with psycopg.connect(url) as source, psycopg.connect(url) as target:
        target.execute("SET session_replication_role = replica")
        with (
            source.cursor().copy(f"COPY ({days}) TO STDOUT (FORMAT BINARY)".encode()) as reading,
            target.cursor().copy(f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)".encode()) as writing,
        ):
            for data in reading:
                writing.write(data)


def grow(url: str, rows: int, one_in: int) -> None:
    """Fill it up to so many signals, and let the statistics know."""
    with database.connect(url) as connection:
        if not number(connection, "SELECT count(*) FROM pg_tables WHERE tablename = 'day_signals'"):
            make_the_day(connection, one_in)
        held = int(number(connection, "SELECT count(*) FROM signals")) // A_DAY
        for first in range(held, rows // A_DAY, DAYS_AT_ONCE):
            last = min(first + DAYS_AT_ONCE, rows // A_DAY) - 1
            for table in TABLES:
                copy_days(url, table, first, last)
            say(f"{(last + 1) * A_DAY:,} signals")
        connection.execute(
            "UPDATE signal_distributions SET answered_at = NULL, lease_expires_at = NULL WHERE id IN ("
            f" SELECT id FROM signal_distributions WHERE engine = 'A' ORDER BY id LIMIT {OPEN})".encode()
        )
        connection.execute("VACUUM (ANALYZE)")


def questions() -> dict[str, Callable[[], object]]:
    """What is asked at every size: whole pages and answers."""
    from django.contrib.auth.models import User
    from django.db import transaction
    from django.test import Client
    from django.urls import reverse
    from django.utils import timezone

    from experiments.distribution import claim_assignments
    from experiments.models import Experiment
    from outcomes.models import RealTrade
    from outcomes.performance.report import performance_report
    from outcomes.performance.scope import PerformanceFilters

    user, _ = User.objects.get_or_create(username="page-speed", defaults={"is_superuser": True, "is_staff": True})
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    signals = reverse("admin:experiments_experiment_changelist")
    trades = RealTrade.objects.order_by("opened_at")
    middle = trades[trades.count() // 2].experiment_id
    why = reverse("admin:experiments_experiment_change", args=(middle,))
    midnight = timezone.now().replace(hour=5, minute=0, second=0, microsecond=0)

    def claim() -> None:
        with transaction.atomic():
            assert len(claim_assignments("A", limit=10, lease_seconds=60, wait_seconds=0)) == 10
            transaction.set_rollback(True)

    def page(address: str) -> Callable[[], None]:
        def ask() -> None:
            assert client.get(address).status_code == 200

        return ask

    assert Experiment.objects.filter(pk=middle).exists()
    return {
        "list of signals": page(signals),
        "list of one symbol, page 2": page(f"{signals}?signal__symbol=SYM7&p=2"),
        "why, a signal from the middle": page(why),
        "report over 90 days": lambda: performance_report(PerformanceFilters(since=midnight - timedelta(days=90))),
        "report over everything": lambda: performance_report(PerformanceFilters()),
        "claim of ten": claim,
    }


def main() -> None:
    """Grow, ask, print the table and keep it if told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="1000000,10000000", help="sizes, comma separated, the smallest first")
    parser.add_argument("--one-in", type=int, default=10, help="how many of its signals are traded: one in so many")
    parser.add_argument("--keep", action="store_true", help="put the table into benchmarks/RESULTS.md")
    options = parser.parse_args()
    sizes = [int(size) for size in options.rows.split(",")]
    if any(larger <= smaller for smaller, larger in pairwise(sizes)) or sizes[0] < A_DAY:
        parser.error(f"--rows: sizes of {A_DAY} or more, the smallest first")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    if "DATABASE_URL" not in os.environ:
        os.environ["DATABASE_URL"] = database.prepare()
        install()
    url = os.environ["DATABASE_URL"]
    django.setup()
    taken: dict[str, list[float]] = {}
    bytes_each = []
    for size in sizes:
        grow(url, size, options.one_in)
        with database.connect(url) as connection:
            every = " + ".join(f"pg_total_relation_size('{table}')" for table in TABLES)
            bytes_each.append(number(connection, f"SELECT {every}") / size)
        for name, ask in questions().items():
            taken.setdefault(name, []).append(median_seconds(ask))
            say(f"{size:,} signals, {name}: {taken[name][-1]:.3f} s")
    with database.connect(url) as connection:
        where = machine(connection)
    # More than the cores: something else ran meanwhile, and every time is too long.
    lines = [f"{where}, load average {os.getloadavg()[0]:.1f}", ""]
    lines += ["| | " + " | ".join(f"{size:,}" for size in sizes) + " | |", "|---|" + "--:|" * len(sizes) + "---|"]
    for name, times in taken.items():
        grown = times[-1] / times[0]
        verdict = f"{grown:.2f} x, {'met' if grown <= BOUND else 'missed'}" if len(sizes) > 1 else ""
        lines.append(f"| {name} | " + " | ".join(f"{one:.3f} s" for one in times) + f" | {verdict} |")
    lines.append("| bytes a signal | " + " | ".join(f"{one:,.0f}" for one in bytes_each) + " | |")
    text = "\n".join(lines)
    print(text)
    if options.keep:
        before, _, rest = RESULTS.read_text().partition(BEGIN)
        RESULTS.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
