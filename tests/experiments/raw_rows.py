"""Reach past the guards, to set up what must be noticed and to show what the guards refuse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from tests.database import execute


@contextmanager
def without_triggers() -> Iterator[None]:
    """Run statements with triggers and foreign keys off, as a superuser with bad intentions could."""
    execute("SET session_replication_role = replica")
    try:
        yield
    finally:
        execute("SET session_replication_role = DEFAULT")


def corrupt_payload(signal_id: UUID) -> None:
    """Change a stored payload behind the back of its hash."""
    with without_triggers():
        execute("""UPDATE signals SET raw_payload = raw_payload || '{"close": 1}' WHERE signal_id = %s""", signal_id)


def repair_payload(signal_id: UUID) -> None:
    """Put back the close of `make_signal`."""
    with without_triggers():
        execute(
            """UPDATE signals SET raw_payload = raw_payload || '{"close": 568.25}' WHERE signal_id = %s""", signal_id
        )
