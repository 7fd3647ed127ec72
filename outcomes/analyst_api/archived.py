"""Until when rows of a table may have left for archive files, which the app above these calls knows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

# By the name of the table: when the latest of its archived rows came; None where none has left.
Until = Callable[[], datetime | None]
_UNTIL: dict[str, Until] = {}


def tell_until(table: str, until: Until) -> None:
    """Let answers of a table say it; called once, when the apps are ready."""
    _UNTIL[table] = until


def archived_until(table: str) -> datetime | None:
    """When the latest of the table's archived rows came; None where it is whole."""
    return _UNTIL[table]()
