"""Startup checks of the site: enough database connections, and a database that keeps what it acknowledges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 (Django's name)
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

# psql, backups and monitoring want to get in too; PostgreSQL itself keeps three for superusers.
RESERVED_CONNECTIONS = 10
# Of one cluster, beside its workers: pusher, monitor, sentinel and the supervisor.
CLUSTER_CONNECTIONS = 4
SECRET_KEY_CHARACTERS = 50
SECRET_KEY_HINT = (
    f"Give {SECRET_KEY_CHARACTERS} random characters or more, such as those of "
    "`python3 -c 'import secrets; print(secrets.token_urlsafe(50))'`."
)


@register()
def check_threads(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report thread and process counts that cannot work."""
    messages: list[CheckMessage] = []
    if not 1 <= settings.WEBHOOK_THREADS < settings.WEB_THREADS:
        messages.append(
            Error(
                f"WEBHOOK_THREADS is {settings.WEBHOOK_THREADS} and WEB_THREADS is {settings.WEB_THREADS}.",
                hint="Allowed: at least 1 thread for the webhook and at least 1 for everything else.",
                id="orchestrator.E001",
            )
        )
    if settings.WEB_PROCESSES < 1 or settings.WORKERS < 1:
        messages.append(
            Error(
                f"WEB_PROCESSES is {settings.WEB_PROCESSES} and WORKERS is {settings.WORKERS}.",
                hint="Allowed: 1 or more of each.",
                id="orchestrator.E002",
            )
        )
    return messages


@register()
def check_production(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report what PRODUCTION=true demands and is not there; without host names every alert would be refused."""
    if not settings.PRODUCTION:
        return []
    missing = [
        (len(_secret_key()) < SECRET_KEY_CHARACTERS, "SECRET_KEY is missing or short.", SECRET_KEY_HINT, "E005"),
        (not settings.ALLOWED_HOSTS, "ALLOWED_HOSTS is empty.", "Name the hosts the site answers to.", "E006"),
        (settings.DEBUG, "DEBUG is on.", "Leave DEBUG out: its pages show settings to everybody.", "E007"),
    ]
    return [
        Error(f"PRODUCTION is true, but {text}", hint=hint, id=f"orchestrator.{check_id}")
        for is_wrong, text, hint, check_id in missing
        if is_wrong
    ]


def _secret_key() -> str:
    """Return the key, "" when there is none: Django refuses to hand out an empty one."""
    try:
        return str(settings.SECRET_KEY)
    except ImproperlyConfigured:
        return ""


@register(Tags.database)
def check_database(
    app_configs: Sequence[Any] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Compare connections with `max_connections`, and say loudly when commits may be lost."""
    if not databases or "default" not in databases:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('max_connections')::int, current_setting('server_version_num')::int,"
            " current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')"
        )
        max_connections, version, fsync, full_page_writes, synchronous_commit = cursor.fetchone()
    messages: list[CheckMessage] = []
    if version < 150000:
        messages.append(
            Error(f"PostgreSQL {version // 10000} is too old.", hint="Allowed: 15 or newer.", id="orchestrator.E003")
        )
    if (needed := connections_needed()) > max_connections:
        messages.append(
            Error(
                f"Web and worker may need {needed} database connections, but max_connections is {max_connections}.",
                hint="Lower WEB_PROCESSES, WEB_THREADS or WORKERS, or raise max_connections.",
                id="orchestrator.E004",
            )
        )
    states = {"fsync": fsync, "full_page_writes": full_page_writes, "synchronous_commit": synchronous_commit}
    messages += [
        Warning(
            f"PostgreSQL runs with {name}=off: an acknowledged alert can be lost when the machine fails.",
            hint=f"Set {name}=on.",
            id="orchestrator.W001",
        )
        for name, state in states.items()
        if state == "off"
    ]
    return messages


def connections_needed() -> int:
    """Return how many connections one web server and one worker cluster may hold, with a reserve."""
    # One more per web process: the thread that wakes the workers.
    web = settings.WEB_PROCESSES * (settings.WEB_THREADS + 1)
    return web + settings.WORKERS + CLUSTER_CONNECTIONS + RESERVED_CONNECTIONS
