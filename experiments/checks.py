"""Startup checks of the assignment keys: text that is no key stops the process; no message ever shows one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 (Django's name)
from django.db import connection

from experiments.core.decision import AssignmentKey
from experiments.keys import known_keys
from kernel.checks import SETTINGS

KEY_HINT = (
    "Write it as 64 hexadecimal digits, for example from `python3 -c 'import secrets; print(secrets.token_hex(32))'`."
)


@register(SETTINGS)
def check_assignment_keys(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report keys that cannot be read."""
    keys = [("ASSIGNMENT_KEY", settings.ASSIGNMENT_KEY, "experiments.E001")]
    for number, text in enumerate(settings.ASSIGNMENT_KEYS, start=1):
        keys.append((f"Key {number} of ASSIGNMENT_KEYS", text, "experiments.E002"))
    return [
        Error(f"{name} is not a key.", hint=KEY_HINT, id=check_id) for name, text, check_id in keys if not _is_key(text)
    ]


@register(SETTINGS)
def check_key_is_shared(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Warn in production when this host made its own key: another host would assign otherwise."""
    if not settings.PRODUCTION or os.environ.get("ASSIGNMENT_KEY"):
        return []
    return [
        Warning(
            "PRODUCTION is true, but ASSIGNMENT_KEY is not set: this host uses the key that it created.",
            hint="Set ASSIGNMENT_KEY to the content of .data/assignment_key on every host, and keep a copy of it.",
            id="experiments.W002",
        )
    ]


@register(Tags.database)
def check_stored_keys(
    app_configs: Sequence[Any] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn when stored experiments were assigned with a key that is not here: two hosts may assign differently."""
    if not databases or "default" not in databases or check_assignment_keys(None):
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('experiments') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return []
        cursor.execute("SELECT DISTINCT assignment_key_id FROM experiments")
        missing = sorted({row[0] for row in cursor.fetchall()} - known_keys().keys())
    return [
        Warning(
            f"Experiments were assigned with the key {key_id}, which this installation does not have.",
            hint="Add it to ASSIGNMENT_KEYS, so that replay can verify them; all hosts need the same ASSIGNMENT_KEY.",
            id="experiments.W001",
        )
        for key_id in missing
    ]


def _is_key(text: str) -> bool:
    try:
        AssignmentKey.read(text)
    except ValueError:
        return False
    return True
