"""`make upgrade-dump`: write the database that later versions have to take over; run it for a release alone.

One row of everything, made by the product itself on an embedded server of its own, as plain SQL.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from pathlib import Path

from embedded_postgres import ensure_running, release
from embedded_postgres.identity import find_bin_dir

ROOT = Path(__file__).parents[2]
DUMP = Path(__file__).with_name("0.2.0.sql.gz")
# What only psql understands, and what PostgreSQL 15 does not know.
FOREIGN = re.compile(r"^(\\.*|SET transaction_timeout = .*)\n", re.MULTILINE)


def main() -> None:
    """Fill an empty database and write it down."""
    folder = ROOT / ".data" / "upgrade"
    os.environ["DATABASE_URL"] = url = ensure_running(folder)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from outcomes.evaluations.judging import judge_due
    from outcomes.models import ReportMark
    from outcomes.performance.scope import rebuild_day
    from policies.services import ensure_first_version
    from tests.orchestrator_site.console.rows import make_everything
    from tests.outcomes.evaluations.hall import Hall, make_phase, started

    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    call_command("migrate", verbosity=0)
    ensure_first_version()
    make_everything()
    make_phase()
    hall = Hall()
    started()
    for day in range(3):
        hall.play(day, a="2.78")
    judge_due()
    for mark in ReportMark.objects.order_by("day").distinct("day"):
        rebuild_day(mark.day)
    options = ("--no-owner", "--no-privileges", "--rows-per-insert=100", "--schema=public", f"--dbname={url}")
    command = (str(find_bin_dir() / "pg_dump"), *options)
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    DUMP.write_bytes(gzip.compress(FOREIGN.sub("", text).encode(), mtime=0))
    connection.close()
    release(folder)


if __name__ == "__main__":
    main()
