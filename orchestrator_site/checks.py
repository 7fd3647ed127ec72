"""Startup checks of the site: enough database connections, and a database that keeps what it acknowledges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 (Django's name)
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from kernel.checks import SETTINGS
from orchestrator_site.database_roles import owns_tables

# psql, backups and monitoring want to get in too; PostgreSQL itself keeps three for superusers.
RESERVED_CONNECTIONS = 10
# Of one cluster, beside its workers: pusher, monitor, sentinel and the supervisor.
CLUSTER_CONNECTIONS = 4
# Of the alert process: its own, and the next one while a statement hangs.
ALERT_CONNECTIONS = 2
SECRET_KEY_CHARACTERS = 50
SECRET_KEY_HINT = (
    f"Use at least {SECRET_KEY_CHARACTERS} random characters, for example from "
    "`python3 -c 'import secrets; print(secrets.token_urlsafe(50))'`."
)


@register(SETTINGS)
def check_threads(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report counts and times that cannot work."""
    messages: list[CheckMessage] = []
    if settings.WEB_THREADS < 1:
        messages.append(
            Error(
                f"WEB_THREADS is {settings.WEB_THREADS}.",
                hint="Use 1 or more: threads answer everything but alerts.",
                id="orchestrator.E001",
            )
        )
    if settings.SESSION_COOKIE_AGE < 60:
        messages.append(
            Error(
                "SESSION_IDLE_MINUTES is 0.",
                hint="Use 1 or more: nobody could stay signed in.",
                id="orchestrator.E009",
            )
        )
    if settings.FRESH_LOGIN_MINUTES < 1:
        messages.append(
            Error("FRESH_LOGIN_MINUTES is 0.", hint="Use 1 or more: no answer would count.", id="orchestrator.E011")
        )
    if settings.AXES_FAILURE_LIMIT < 1:
        messages.append(
            Error("SIGN_IN_ATTEMPTS is 0.", hint="Use 1 or more: nobody could sign in.", id="orchestrator.E010")
        )
    numbers = {name: getattr(settings, name) for name in ("ALERT_PROCESSES", "WEB_PROCESSES", "WORKERS")}
    if min(numbers.values()) < 1:
        messages.append(
            Error(
                f"{', '.join(f'{name} is {number}' for name, number in numbers.items())}.",
                hint="Use 1 or more of each.",
                id="orchestrator.E002",
            )
        )
    return messages


@register(SETTINGS)
def check_identity_provider(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report a provider that nobody could sign in by, or that anybody on the way could speak for."""
    if not settings.OIDC_ISSUER:
        return []
    parts = urlsplit(settings.OIDC_ISSUER)
    is_safe = parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1"}
    pairs = [pair.rpartition("=") for pair in settings.OIDC_ROLES]
    wrong = [
        (not is_safe, "OIDC_ISSUER is no https:// URL.", "Nobody on the way may change what it says.", "E012"),
        (
            not (settings.OIDC_CLIENT_ID and settings.OIDC_CLIENT_SECRET),
            "OIDC_ISSUER is set, but OIDC_CLIENT_ID or OIDC_CLIENT_SECRET is not.",
            "Register this site with the provider and set both.",
            "E013",
        ),
        (
            not all(value and group for value, _, group in pairs),
            "OIDC_ROLES is not a list of value=group.",
            "Write it as in OIDC_ROLES=trading-desk=operator,risk=viewer.",
            "E014",
        ),
    ]
    return [
        Error(text, hint=hint, id=f"orchestrator.{check_id}") for is_wrong, text, hint, check_id in wrong if is_wrong
    ]


@register(SETTINGS)
def check_production(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report what PRODUCTION=true requires and is missing; without host names every alert would be rejected."""
    if not settings.PRODUCTION:
        return []
    try:
        secret_key = str(settings.SECRET_KEY)
    except ImproperlyConfigured:  # Django hands out no empty one
        secret_key = ""
    missing = [
        (len(secret_key) < SECRET_KEY_CHARACTERS, "SECRET_KEY is missing or too short.", SECRET_KEY_HINT, "E005"),
        (not settings.ALLOWED_HOSTS, "ALLOWED_HOSTS is empty.", "List the host names the site serves.", "E006"),
        (
            settings.SECURE_SSL_REDIRECT and not settings.TRUSTED_PROXIES,
            "TRUSTED_PROXIES is 0.",
            "Set it to the number of proxies in front: without one nothing is known to have come over HTTPS.",
            "E008",
        ),
        (settings.DEBUG, "DEBUG is on.", "Turn DEBUG off: its error pages show settings to anyone.", "E007"),
    ]
    return [
        Error(f"PRODUCTION is true, but {text}", hint=hint, id=f"orchestrator.{check_id}")
        for is_wrong, text, hint, check_id in missing
        if is_wrong
    ]


# Django leaves checks with this tag out unless a database is named, as `up` does; so `help` works without one.
@register(Tags.database)
def check_database(
    app_configs: Sequence[Any] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Compare connections with `max_connections`, and warn when commits may be lost."""
    if not databases or "default" not in databases:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('max_connections')::int, current_setting('server_version_num')::int,"
            " current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')"
        )
        max_connections, version, fsync, full_page_writes, synchronous_commit = cursor.fetchone()
    messages: list[CheckMessage] = []
    # NULLS NOT DISTINCT, on which the one open halt rests, came with 15.
    if version < 150000:
        messages.append(
            Error(
                f"PostgreSQL {version // 10000} is too old.", hint="Use PostgreSQL 15 or newer.", id="orchestrator.E003"
            )
        )
    if (needed := connections_needed()) > max_connections:
        messages.append(
            Error(
                f"Web and worker may need {needed} database connections, but max_connections is {max_connections}.",
                hint="Lower ALERT_PROCESSES, WEB_PROCESSES, WEB_THREADS or WORKERS, or raise max_connections.",
                id="orchestrator.E004",
            )
        )
    states = {"fsync": fsync, "full_page_writes": full_page_writes, "synchronous_commit": synchronous_commit}
    messages += [
        Warning(
            f"PostgreSQL runs with {name}=off: acknowledged alerts can be lost in a crash.",
            hint=f"Set {name}=on.",
            id="orchestrator.W001",
        )
        for name, state in states.items()
        if state == "off"
    ]
    if settings.PRODUCTION and owns_tables():
        messages.append(
            Warning(
                "DATABASE_URL's role owns the tables: who gets at it can drop the guards of history.",
                hint="Migrate as another role (MIGRATION_DATABASE_URL, docs/deployment.md).",
                id="orchestrator.W002",
            )
        )
    return messages


def connections_needed() -> int:
    """How many connections one web server and one worker cluster may hold, with a reserve."""
    web = settings.WEB_PROCESSES * settings.WEB_THREADS + settings.ALERT_PROCESSES * ALERT_CONNECTIONS
    return web + settings.WORKERS + CLUSTER_CONNECTIONS + RESERVED_CONNECTIONS
