"""Startup checks: how long rows stay, and where their files go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from archives.kinds import KINDS
from kernel.checks import SETTINGS

# Resent alerts, late reports of engines and busts of brokers have come by then.
LEAST_DAYS = 30


@register(SETTINGS)
def check_retention(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report days that are too few: an alert that is sent again would be a new signal, and trade again."""
    return [
        Error(
            f"{kind.setting} is {days}.",
            hint=f"Use {LEAST_DAYS} or more, or 0 to keep them for ever.",
            id="archives.E001",
        )
        for kind in KINDS
        if 0 < (days := getattr(settings, kind.setting)) < LEAST_DAYS
    ]
