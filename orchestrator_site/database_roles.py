"""Two roles of the database: the owner migrates, the application owns nothing (ADR 16).

Who owns a table may drop its triggers, and the guards of history are triggers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection, connections
from django.db.backends.utils import CursorWrapper
from django.db.utils import load_backend
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import SQL, Composed, Identifier, Literal

# The owner's tables, by what may be done to them: whoever has his rights may do all else as well.
OWNED = """
SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v') AND pg_has_role(c.relowner, 'USAGE')),
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'public' AND c.relname = 'django_migrations')
"""
# What the application needs, said anew after each migration.
GRANTS: tuple[LiteralString, ...] = (
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC, {role}",
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
    # Everybody's, but for those that run with the owner's rights.
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role}",
    # What the owner makes between two migrations, such as the partitions of a function of his.
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role}",
    # Who writes here could keep the next migration from running.
    "REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {role}",
)


def owns_tables() -> bool:
    """Whether this connection's role may do to the tables what only their owner may."""
    with connection.cursor() as cursor:
        cursor.execute(OWNED)
        return bool(cursor.fetchone()[0])


def may_migrate() -> bool:
    """Whether `migrate` can change tables: as the owner, as a role that owns them, or because there are none."""
    with connection.cursor() as cursor:
        cursor.execute(OWNED)
        owns, has_tables = cursor.fetchone()
    return settings.OWNER_DATABASE is not None or owns or not has_tables


@contextmanager
def as_owner() -> Iterator[None]:
    """Let the default connection be the owner's for as long as this lasts; where none is named, it stays as it is."""
    if settings.OWNER_DATABASE is None:
        yield
        return
    before = connections["default"]
    described = connections.configure_settings({"default": dict(settings.OWNER_DATABASE)})["default"]
    connections["default"] = load_backend(described["ENGINE"]).DatabaseWrapper(described, "default")
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = before


def become_owner() -> None:
    """Let this process be the owner to its end, where one is named: for tests and benchmarks, which make databases."""
    if settings.OWNER_DATABASE is None:
        return
    owner = connections.configure_settings({"default": dict(settings.OWNER_DATABASE)})["default"]
    # In place: what has read the settings already holds the same object.
    held = connections.settings["default"]
    held.clear()
    held.update(owner)
    settings.OWNER_DATABASE = None


def grant_to_application(cursor: CursorWrapper, role: str, password: str = "") -> None:
    """Give the application's role what it needs of the tables that there are, and make it where it is missing.

    Raises CommandError where this connection's role may not make another.
    """
    cursor.execute("SELECT current_user = %s, EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", (role, role))
    is_owner, exists = cursor.fetchone()
    if is_owner:
        return
    if not exists:
        try:
            cursor.execute(_of(SQL("CREATE ROLE {role} LOGIN PASSWORD {password}"), role, password))
        except Exception as error:
            if isinstance(error.__cause__, InsufficientPrivilege):
                raise CommandError(
                    f"The role {role} of DATABASE_URL does not exist and this one may not make it: "
                    f"createuser --pwprompt {role}"
                ) from error
            raise
    for statement in GRANTS:
        cursor.execute(_of(SQL(statement), role))


def _of(statement: SQL, role: str, password: str = "") -> Composed:
    return statement.format(role=Identifier(role), password=Literal(password or None))
