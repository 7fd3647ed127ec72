"""`manage.py rebuild`: feed a stored history to this empty database and compare what comes of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from experiments.history import records as history_records
from experiments.history.rebuild import Rebuilder, refuse_unless_empty
from kernel.errors import DomainError
from kernel.progress import ProgressBar
from kernel.values import counted


class Command(BaseCommand):
    """Rebuild this database from another, or write the export that another is rebuilt from."""

    help = (
        "Feed the stored deliveries of another database, or of an export, to this empty one and compare ids, hashes,"
        " buckets and variants; exit code 1 on any difference. No worker may run on this database meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take where the history comes from, or where it goes."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--from", dest="origin", metavar="URL_OR_FILE", help="database URL, or file of an export")
        what.add_argument("--export", type=Path, metavar="FILE", help="write this database's history to a file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export, or rebuild and compare."""
        try:
            if options["export"] is not None:
                connection.ensure_connection()
                info = connection.connection.info
                own = psycopg.conninfo.make_conninfo(info.dsn, password=info.password or None)
                count = history_records.to_file(history_records.from_database(own), options["export"])
                self.stdout.write(f"{count} records written to {options['export']}.")
                return
            refuse_unless_empty()
            bar = ProgressBar(self.stderr, what="records", after_seconds=2.0)
            rebuilder = Rebuilder()
            origin = options["origin"]
            is_url = origin.startswith(("postgres://", "postgresql://"))
            records = history_records.from_database(origin) if is_url else history_records.from_file(Path(origin))
            rebuilder.run(records, bar.show)
            bar.clear()
            for one in rebuilder.differences:
                self.stdout.write(f"{one.field}: stored {one.stored}, rebuilt {one.recomputed}")
            verdict = counted(len(rebuilder.differences), "difference") if rebuilder.differences else "identical"
            self.stdout.write(
                f"{rebuilder.deliveries} deliveries received, {rebuilder.left_out} skipped (credentials, rate limit),"
                f" {rebuilder.decided} signals decided: {verdict}."
            )
            if rebuilder.differences:
                sys.exit(1)
        except DomainError as error:
            raise CommandError(error.detail) from None
        except (OSError, psycopg.OperationalError) as error:
            raise CommandError(f"Cannot read or write the history: {error}") from None
        except (KeyError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise CommandError(f"Not a valid history: {error!r}") from None
        except ValueError as error:
            raise CommandError(str(error)) from None
