"""`python -m benchmarks.growth`: list, why, report and claim over histories of several sizes, asked in turns.

Decides one day of signals through the real pipeline and trades some of them. A database of each size, on the server of
DATABASE_URL (as a superuser) or on one of its own, gets that day by COPY, again and again, each time a day earlier and
with ids of its own. One that is full is kept and asked again at once; a million signals take about 4 GB.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import django
import psycopg

from benchmarks import database
from benchmarks.__main__ import install
from benchmarks.alerts import copy_signals
from benchmarks.database import Connection, named, number
from benchmarks.history import DELIVERIES
from benchmarks.processes import python
from benchmarks.report import machine, say

RESULTS = Path(__file__).with_name("RESULTS.md")
BEGIN, END = "<!-- growth -->", "<!-- end of growth -->"
# How much longer each may take than at the smallest size.
BOUND = 1.5
A_DAY, OPEN, ROUNDS = 4_000, 1_000, 9
# What is copied into a table that was emptied in the same transaction needs no log: it is on the disk at the commit.
SERVER = {"wal_level": "minimal", "max_wal_senders": "0", "max_wal_size": "4GB"}
SUMS = ("report_cells", "report_answer_cells", "report_group_cells")
# Deliveries are all of the first partition's time; a table in partitions takes no rows frozen.
TABLES = (
    "signals", "webhook_deliveries_before", "market_contexts", "experiments", "execution_policy",
    "signal_distributions", "recommendations", "real_trades", "shadow_trades", "real_outcomes", "shadow_outcomes",
    *SUMS,
)  # fmt: skip
# The others are closed to answers, as signals are that nobody has answered in time.
TRADED = " WHERE e.bucket % {} = 0"


def exists(server: str, name: str) -> bool:
    """Whether a database is there and full."""
    with database.connect(server) as connection:
        return bool(
            number(
                connection,
                "SELECT count(*) FROM pg_database d JOIN pg_shdescription s ON s.objoid = d.oid"
                f" WHERE datname = '{name}' AND description = 'full'",
            )
        )


def create(server: str, name: str, template: str = "template1") -> str:
    """Create a database anew, as a copy of another one; return its URL."""
    with database.connect(server) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return named(server, name)


def make_the_day(url: str, one_in: int) -> None:
    """One day as the product decides, trades and sums it up; its tables keep the order in which rows came."""
    from benchmarks.report_speed import OUTCOMES, PNL, RECOMMENDATIONS, TRADES
    from experiments.worker.pipeline import drain

    with database.connect(url) as connection:
        with connection.transaction():
            ids = copy_signals(connection, A_DAY)
            connection.execute(DELIVERIES.encode(), (ids,))
        while drain():
            pass
        connection.execute("UPDATE signal_distributions SET answered_at = distributed_at")
        connection.execute((RECOMMENDATIONS + TRADED.format(one_in)).encode())
        for kind in ("real", "shadow"):
            connection.execute(TRADES.format(kind=kind, pnl=PNL).encode())
            connection.execute(OUTCOMES.format(kind=kind).encode())
    sum_up()


def sum_up() -> None:
    """The sums of every day that is marked, as the worker makes them."""
    from outcomes.models import ReportMark
    from outcomes.performance.scope import rebuild_day

    for day in set(ReportMark.objects.values_list("day", flat=True)):
        rebuild_day(day)


def fill(day: str, url: str, days: int) -> None:
    """Copy the day so many times, in one transaction: the database is full, or as it was."""
    with psycopg.connect(day) as source, psycopg.connect(url) as target:
        target.execute(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY CASCADE".encode())
        copy_tables(source, target, TABLES, days)
        target.execute(
            "UPDATE signal_distributions SET answered_at = NULL, lease_expires_at = NULL WHERE id IN ("
            f" SELECT id FROM signal_distributions WHERE engine = 'A' ORDER BY id DESC LIMIT {OPEN})".encode()
        )
        target.execute("ANALYZE")
        target.execute(f"COMMENT ON DATABASE {target.info.dbname} IS 'full'".encode())


def copy_tables(source: Connection, target: Connection, tables: Sequence[str], days: int) -> None:
    """Copy the day's rows of tables that were emptied in this transaction."""
    # Triggers, keys and CHECKs are asked nothing: all rows are as those of the day.
    target.execute("SET LOCAL session_replication_role = replica")
    target.execute("SET LOCAL maintenance_work_mem = '1GB'")
    for table in tables:
        begun = time.monotonic()
        of_table = (table,)
        target.execute("UPDATE pg_class SET relchecks = 0 WHERE oid = %s::regclass", of_table)
        # An index of all rows is made much faster at once than row by row.
        target.execute(
            "UPDATE pg_index SET indisready = false, indisvalid = false WHERE indrelid = %s::regclass", of_table
        )
        copy_days(source, target, table, days)
        target.execute(
            "UPDATE pg_class c SET relchecks = (SELECT count(*) FROM pg_constraint"
            " WHERE conrelid = c.oid AND contype = 'c') WHERE oid = %s::regclass",
            of_table,
        )
        target.execute(f"REINDEX TABLE {table}".encode())
        say(f"{days * A_DAY:,} signals: {table}, {time.monotonic() - begun:.0f} s")


def bring_up_to_date(day: str, url: str, days: int) -> None:
    """Migrate what an earlier version has filled; copy the day's sums where a migration has marked them.

    Summing up thousands of days takes hours, and they are copies of one another.
    """
    migrate(url)
    with psycopg.connect(day) as source, psycopg.connect(url) as target:
        if number(target, "SELECT count(*) FROM report_marks"):
            target.execute(f"TRUNCATE {', '.join(SUMS)}, report_months, report_marks RESTART IDENTITY".encode())
            copy_tables(source, target, SUMS, days)
            target.execute(f"ANALYZE {', '.join(SUMS)}".encode())


def migrate(url: str) -> None:
    """Bring a database's tables up to date, in a process of its own."""
    command = python("manage.py", "migrate", "--verbosity", "0")
    subprocess.run(command, cwd=database.ROOT, env=os.environ | {"DATABASE_URL": url}, check=True)


def copy_days(source: Connection, target: Connection, table: str, days: int) -> None:
    """Copy the day's rows of one table, the earliest day first."""
    from archives.parquet import columns_of

    changed = {
        "uuid": "md5({0}::text || back)::uuid",
        "uuid[]": "(SELECT array_agg(md5(id::text || back)::uuid ORDER BY place)"
        " FROM unnest({0}) WITH ORDINALITY AS each (id, place))",
        "timestamp with time zone": "{0} - back * interval '1 day'",
        "date": "{0} - back",
    }
    # Serial ids are the table's own.
    columns = [one for one in columns_of(table) if not one.generated and one.name != "id"]
    names = ", ".join(f'"{one.name}"' for one in columns)
    # A slice has the same hash whatever the day.
    values = ", ".join(changed.get(one.type, "{0}").format(f'"{one.name}"') for one in columns)
    # Of each day in turn, which a join is not bound to.
    rows = (
        f"FROM generate_series({days - 1}, 0, -1) AS nth, LATERAL (SELECT *, nth AS back FROM {table} OFFSET 0) AS one"
    )
    with (
        source.cursor().copy(f"COPY (SELECT {values} {rows}) TO STDOUT (FORMAT BINARY)".encode()) as reading,
        # Frozen: what a vacuum does to rows after a while is done.
        target.cursor().copy(f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY, FREEZE)".encode()) as writing,
    ):
        for data in reading:
            writing.write(data)


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


def answer(url: str, pipe: Pipe) -> None:
    """A process over one database: say what may be asked, then answer with the seconds that each question takes."""
    os.environ["DATABASE_URL"] = url
    django.setup()
    from benchmarks.report_speed import median_seconds
    from outcomes.performance.months import add_up_months

    # As the worker does once they are over.
    add_up_months()
    asked = questions()
    pipe.send(tuple(asked))
    while name := pipe.recv():
        pipe.send(median_seconds(asked[name], times=3))


def ask_in_turns(urls: list[str]) -> dict[str, list[list[float]]]:
    """The seconds of each question, round by round and database by database: whatever else runs slows all of them."""
    spawn = get_context("spawn")
    pipes = []
    for url in urls:
        pipe, theirs = spawn.Pipe()
        spawn.Process(target=answer, args=(url, theirs), daemon=True).start()
        pipes.append(pipe)
    (names, *_) = [pipe.recv() for pipe in pipes]
    taken: dict[str, list[list[float]]] = {name: [] for name in names}
    for turn in range(ROUNDS):
        for name in names:
            seconds = {}
            # Nobody is always the first.
            for pipe in pipes if turn % 2 == 0 else reversed(pipes):
                pipe.send(name)
                seconds[pipe] = pipe.recv()
            taken[name].append([seconds[pipe] for pipe in pipes])
    for pipe in pipes:
        pipe.send(None)
    return taken


def table(sizes: list[int], taken: dict[str, list[list[float]]], bytes_each: list[float]) -> list[str]:
    """Lines of the table: medians over the rounds, and the median of the ratios that each round has."""
    lines = ["| | " + " | ".join(f"{size:,}" for size in sizes) + " | |", "|---|" + "--:|" * len(sizes) + "---|"]
    for name, rounds in taken.items():
        times = [statistics.median(of_size) for of_size in zip(*rounds, strict=True)]
        grown = statistics.median(of_round[-1] / of_round[0] for of_round in rounds)
        said = "met" if grown <= BOUND else "missed"
        verdict = f"{grown:.2f} x, {said}" if len(sizes) > 1 else ""
        lines.append(f"| {name} | " + " | ".join(f"{one:.3f} s" for one in times) + f" | {verdict} |")
    lines.append("| bytes a signal | " + " | ".join(f"{one:,.0f}" for one in bytes_each) + " | |")
    return lines


def main() -> None:
    """Fill what is not full, ask, print the table and keep it if told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="1000000,10000000", help="sizes, comma separated, the smallest first")
    parser.add_argument("--one-in", type=int, default=10, help="how many of its signals are traded: one in so many")
    parser.add_argument("--keep", action="store_true", help="put the table into benchmarks/RESULTS.md")
    options = parser.parse_args()
    sizes = [int(size) for size in options.rows.split(",")]
    if any(larger <= smaller for smaller, larger in pairwise(sizes)) or sizes[0] < A_DAY:
        parser.error(f"--rows: sizes of {A_DAY} or more, the smallest first")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    server = named(database.server(database.ROOT / ".data" / "growth", SERVER), "postgres")
    day = f"growth_day_{options.one_in}"
    os.environ["DATABASE_URL"] = named(server, day)
    os.environ["LOG_LEVEL"] = "WARNING"
    if not exists(server, day):
        create(server, day)
        install()
        make_the_day(named(server, day), options.one_in)
        with database.connect(server) as connection:
            connection.execute(f"COMMENT ON DATABASE {day} IS 'full'".encode())
    migrate(named(server, day))
    django.setup()
    from django.db import connections

    sum_up()
    urls = []
    for size in sizes:
        name = f"growth_{size}_{options.one_in}"
        urls.append(named(server, name))
        # A database that somebody uses cannot be copied.
        connections.close_all()
        if exists(server, name):
            bring_up_to_date(named(server, day), urls[-1], size // A_DAY)
        else:
            fill(named(server, day), create(server, name, day), size // A_DAY)
    every = " + ".join(f"pg_total_relation_size('{one}')" for one in TABLES)
    bytes_each = []
    for size, url in zip(sizes, urls, strict=True):
        with database.connect(url) as connection:
            bytes_each.append(number(connection, f"SELECT {every}") / size)
            where = machine(connection)
        say(f"{size:,} signals are in {url}")
    lines = table(sizes, ask_in_turns(urls), bytes_each)
    # More than the cores: something else ran meanwhile, and every time is too long.
    text = "\n".join([f"{where}, load average {os.getloadavg()[0]:.1f}", "", *lines])
    print(text)
    if options.keep:
        before, _, rest = RESULTS.read_text().partition(BEGIN)
        RESULTS.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
