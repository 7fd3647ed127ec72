"""Partitions by month of the tables whose keys allow it, made ahead by the worker.

Its role owns nothing: a function of the owner makes them (migrations/partitions.sql), and drops those that are over and
empty, which archiving leaves behind. What fits into none lies in the default partition, where nothing should be.
"""

from __future__ import annotations

from django.db import OperationalError, connection
from psycopg.sql import SQL, Identifier

from kernel.events import PARTITION_MISSING

PARTITIONED = ("quotes", "market_data", "audit_log")
MONTHS_AHEAD = 3


def keep_partitions() -> int:
    """Make the partitions of the next months, and drop the empty ones that are over; how many that were."""
    with connection.cursor() as cursor:
        try:
            cursor.execute("SELECT keep_partitions(%s)", (MONTHS_AHEAD,))
        except OperationalError as error:
            # Somebody holds a table for longer than it waits; a minute later it asks again.
            PARTITION_MISSING.log(error=str(error).splitlines()[0])
            return 0
        changed: int = cursor.fetchone()[0]
        for table in PARTITIONED:
            cursor.execute(SQL("SELECT EXISTS (SELECT FROM {})").format(Identifier(f"{table}_default")))
            if cursor.fetchone()[0]:
                PARTITION_MISSING.log(error=f"{table}_default has rows")
    return changed
