"""Kept database connections: work that survives the loss of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

T = TypeVar("T")


def on_live_connection(work: Callable[[], T]) -> T:
    """Run work that may be repeated; once more on a new connection when the kept one turns out to be dead.

    The server has been restarted, say. A database that cannot be reached now raises OperationalError.
    """
    kept = connection.connection is not None
    # The check before reuse would cost every alert a round trip; here a dead connection is noticed anyway.
    connection.health_check_done = True  # type: ignore[attr-defined] # missing in the stubs
    try:
        return work()
    except (OperationalError, InterfaceError):
        is_dead = connection.connection is None or bool(connection.connection.closed)
        if not (kept and is_dead):
            raise
        connection.close()
        return work()
