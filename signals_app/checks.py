"""Startup check: no replay feeds a process that trades real money."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection

from signals_app.models import WebhookSource


@register(Tags.database)
def check_no_replay_is_live(
    app_configs: Sequence[Any] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Report active replay sources in LIVE mode; their alerts would be refused one by one."""
    if settings.APP_MODE != "LIVE" or not databases or "default" not in databases:
        return []
    if "webhook_sources" not in connection.introspection.table_names():
        return []  # before the first migration
    replays = WebhookSource.objects.filter(replay=True, is_active=True).values_list("slug", flat=True)
    return [
        Error(
            f"APP_MODE is LIVE, but the webhook source {slug} is a replay.",
            hint=f"Disable it: `manage.py source disable {slug}`.",
            id="signals_app.E001",
        )
        for slug in replays
    ]
