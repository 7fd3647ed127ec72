"""`python -m benchmarks`: measure everything, print table and JSON."""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks import burst, database, engines, footprint, history, latency, throughput, webhook
from benchmarks.alerts import SOURCE, TOKEN
from benchmarks.report import Figure, say, write

PARTS = ("a", "b", "c", "d", "e", "f", "g", "h")


def main() -> None:
    """Measure the chosen parts on a database of their own."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and signals: about eight minutes")
    parser.add_argument("--only", default="".join(PARTS), help="parts to measure, such as ac (default all)")
    parser.add_argument("--rounds", type=int, help="rounds of each comparison (default 5, quick 3)")
    parser.add_argument("--keep", action="store_true", help="put the table into benchmarks/RESULTS.md")
    options = parser.parse_args()
    rounds = options.rounds or (3 if options.quick else 5)
    say("prepares the database")
    os.environ["DATABASE_URL"] = url = database.prepare()
    install()
    # Peers write what no worker of ours may see, on a copy.
    peers_url = database.duplicate(url)
    figures: list[Figure] = []
    with database.connect(url) as connection:
        if "a" in options.only:
            count, peer_count = (10_000, 400) if options.quick else (20_000, 1_000)
            figures += throughput.measure(connection, rounds=rounds, signals=count, peer_signals=peer_count)
        if "b" in options.only:
            figures += latency.measure(connection, seconds=10 if options.quick else 30)
        if "c" in options.only:
            figures += webhook.measure(connection, peers_url, rounds=rounds, requests=2_000 if options.quick else 6_000)
        if "d" in options.only:
            figures += burst.measure(connection, peers_url, rounds=2 if options.quick else 3)
        if "e" in options.only or "f" in options.only:
            idle, count = (15, 30_000) if options.quick else (30, 100_000)
            figures += footprint.measure(connection, idle_seconds=idle, signals=count)
        if "g" in options.only:
            counts = {"signals": 60, "backlog": 20_000} if options.quick else {"signals": 150, "backlog": 50_000}
            figures += engines.measure(connection, url, rounds=rounds, **counts)
        if "h" in options.only:
            signals, more = (100_000, 5_000) if options.quick else (1_000_000, 20_000)
            figures += history.measure(connection, signals=signals, more=more)
        write(figures, connection, f'make bench ARGS="{" ".join(sys.argv[1:])}"', keep=options.keep)


def install() -> None:
    """Create tables, policy and source; both engines are available throughout."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from signals_app.webhook.sources import create_source

    call_command("migrate", verbosity=0)
    create_source(slug=SOURCE, token=TOKEN, max_age_seconds=0)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE engines SET last_heartbeat_at = now() + interval '1 day'")
    connection.close()


if __name__ == "__main__":
    main()
