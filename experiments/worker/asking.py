"""Questions that a worker asks all the time: planned once a session, which is most of what they cost."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Connection, Cursor


def ask(database: BaseDatabaseWrapper, query: str) -> tuple[Any, ...]:
    """The one row of a query without parameters.

    Through psycopg's own cursor, because Django's binds in Python and leaves nothing to keep a plan of. Where poolers
    forbid it (`prepare_threshold=None`) none is kept.
    """
    # As Django's cursors begin: the session is tried first, where somebody has asked for that since it was last used.
    database.close_if_health_check_failed()
    database.ensure_connection()
    session: Connection[tuple[Any, ...]] = database.connection
    with database.wrap_database_errors, Cursor(session) as cursor:
        cursor.execute(query.encode(), prepare=True)
        (row,) = cursor.fetchall()
    return row
