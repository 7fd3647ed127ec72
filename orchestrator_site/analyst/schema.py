"""Keeps the schema `analyst` as `views.py` says it; migrations of the tables below find none of it in their way.

The views follow from the code and hold no rows: every migration drops them before it begins and creates them after it,
so that a table may be changed or replaced without a thought of them.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from psycopg.sql import SQL, Identifier

from kernel.canonical import sha256_hex
from orchestrator_site.analyst.views import VIEWS

SCHEMA = "analyst"
# What marks a database role as one of ours.
ROLE_COMMENT = "Reads the analyst views of a Trading Orchestrator."
_STATEMENTS = tuple(statement for view in VIEWS for statement in view.statements())
_COMMENT = f"Read-only views for BI tools and notebooks; see docs/data.md. {sha256_hex(''.join(_STATEMENTS).encode())}"
# One at a time: two hosts may migrate at the same moment.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('analyst views'))"
_STORED_COMMENT = "SELECT obj_description(to_regnamespace('analyst'), 'pg_namespace')"
# Those that were let into this database; a cluster may have others.
_ROLES = """
SELECT DISTINCT r.rolname
  FROM pg_database b CROSS JOIN aclexplode(b.datacl) acl
  JOIN pg_roles r ON r.oid = acl.grantee
  JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass AND d.description = %s
 WHERE b.datname = current_database() ORDER BY r.rolname
"""


def drop_views() -> None:
    """Drop the views ahead of migrations that are to be applied."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK)
        _drop(cursor)


def create_views() -> None:
    """Create the views where they are not as the code says, and let every role of this database read them."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_STORED_COMMENT)
        if cursor.fetchone() == (_COMMENT,):
            return
        cursor.execute(_LOCK)
        cursor.execute("CREATE SCHEMA IF NOT EXISTS analyst")
        _drop(cursor)
        for statement in _STATEMENTS:
            cursor.execute(statement)
        cursor.execute(SQL("COMMENT ON SCHEMA analyst IS {}").format(_COMMENT))
        for role in roles():
            let_read(role)


def roles() -> list[str]:
    """The roles of ours that may connect to this database, by name."""
    with connection.cursor() as cursor:
        cursor.execute(_ROLES, (ROLE_COMMENT,))
        return [name for (name,) in cursor.fetchall()]


def let_read(role: str) -> None:
    """Let a role read the views, and nothing else."""
    with connection.cursor() as cursor:
        cursor.execute(SQL("GRANT USAGE ON SCHEMA analyst TO {}").format(Identifier(role)))
        cursor.execute(SQL("GRANT SELECT ON ALL TABLES IN SCHEMA analyst TO {}").format(Identifier(role)))


def _drop(cursor: Any) -> None:
    cursor.execute("SELECT viewname FROM pg_views WHERE schemaname = 'analyst'")
    names = [name for (name,) in cursor.fetchall()]
    if names:
        cursor.execute(SQL("DROP VIEW {}").format(SQL(", ").join(Identifier(SCHEMA, name) for name in names)))
        # What is not there is not as the code says.
        cursor.execute("COMMENT ON SCHEMA analyst IS NULL")
