"""Partitions by month of the tables whose keys allow it, made ahead by the worker.

Its role owns nothing: a function of the owner makes them (migrations/partitions.sql), and drops those that are over and
empty, which archiving leaves behind. What fits into none lies in the default partition, where nothing should be.
"""

from __future__ import annotations

from django.db import OperationalError, connection
from psycopg.sql import SQL, Identifier

from archives.models import UnfinishedWork
from archives.unfinished import failed, succeeded
from kernel.events import PARTITION_MISSING

PARTITIONED = ("quotes", "market_data", "audit_log")
MONTHS_AHEAD = 3


def keep_partitions() -> int:
    """Make the partitions of the next months, and drop the empty ones that are over; how many that were.

    What is wrong is logged and noted.
    """
    changed, wrong = 0, []
    with connection.cursor() as cursor:
        try:
            cursor.execute("SELECT keep_partitions(%s)", (MONTHS_AHEAD,))
            changed = cursor.fetchone()[0]
        except OperationalError as error:
            # Somebody holds a table for longer than it waits; a minute later it asks again.
            wrong.append(str(error).splitlines()[0])
        for table in PARTITIONED:
            cursor.execute(SQL("SELECT EXISTS (SELECT FROM {})").format(Identifier(f"{table}_default")))
            if cursor.fetchone()[0]:
                wrong.append(f"{table}_default has rows")
    for each in wrong:
        PARTITION_MISSING.log(error=each)
    if wrong:
        failed(UnfinishedWork.MONTHS, "; ".join(wrong))
    else:
        succeeded(UnfinishedWork.MONTHS)
    return changed
