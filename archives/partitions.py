"""Partitions by month of the tables whose keys allow it, made ahead by the worker.

Its role owns nothing: a function of the owner makes them (migrations/keep_partitions.sql), and drops those that are
over and empty, which archiving leaves behind. What fits into none lies in the default partition, where nothing should
be.
"""

from __future__ import annotations

from django.db import DatabaseError, connection
from psycopg.sql import SQL, Identifier

from archives.models import UnfinishedWork
from archives.unfinished import failed, succeeded
from kernel.events import PARTITION_MISSING

PARTITIONED = ("quotes", "market_data", "audit_log", "webhook_deliveries")
MONTHS_AHEAD = 3


def keep_partitions() -> int:
    """Make the partitions of the next months, and drop the empty ones that are over; how many that were.

    What is wrong is logged and noted; it keeps no other table from its months.
    """
    changed, wrong = 0, []
    for table in PARTITIONED:
        with connection.cursor() as cursor:
            try:
                while _changes(table):
                    changed += 1
                cursor.execute(SQL("SELECT EXISTS (SELECT FROM {})").format(Identifier(f"{table}_default")))
                if cursor.fetchone()[0]:
                    wrong.append(f"{table}_default has rows")
            except DatabaseError as error:
                # Most of the time somebody holds a table for longer than it waits; a minute later it asks again.
                wrong.append(f"{table}: {str(error).splitlines()[0]}")
    for each in wrong:
        PARTITION_MISSING.log(error=each)
    if wrong:
        failed(UnfinishedWork.MONTHS, "; ".join(wrong))
    else:
        succeeded(UnfinishedWork.MONTHS)
    return changed


def _changes(table: str) -> bool:
    """Make or drop one month, in a transaction of its own; whether there was one to make or to drop."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT keep_partitions(%s, %s)", (table, MONTHS_AHEAD))
        (is_changed,) = cursor.fetchone()
    return bool(is_changed)
