"""Roles of the database that read the views of the schema `analyst` and nothing else."""

from __future__ import annotations

import re
import secrets

from django.db import connection, transaction
from psycopg.sql import SQL, Identifier

from kernel.actors import Actor
from kernel.audit import record
from kernel.errors import DomainError
from orchestrator_site.analyst.schema import ROLE_COMMENT, let_read, roles

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
# A query of a report tool may take long; one that nobody waits for any more must end, and not keep old rows alive.
_SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "5min",
    "idle_in_transaction_session_timeout": "5min",
    "search_path": "analyst",
    "timezone": "UTC",
}
# Temporary tables are written to the disk, too, and a function in one could look at rows on their way.
_NO_TEMPORARY_TABLES = "REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC"
# So are large objects; whether anybody may make them only a superuser decides.
_NO_LARGE_OBJECTS = (
    "REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC"
)
_CONNECTIONS = 10
_IS_OURS = """
SELECT EXISTS (SELECT FROM pg_roles r
                JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass
               WHERE r.rolname = %s AND d.description = %s)
"""


def create_role(actor: Actor, name: str) -> str:
    """Create a role that may sign in and read the views; return its password, which is stored nowhere in clear.

    Raises `database_role_invalid` and `database_role_exists`.
    """
    if _NAME.fullmatch(name) is None:
        raise DomainError("database_role_invalid", "Use lower-case letters, digits and _, 63 at most, no digit first.")
    password = secrets.token_urlsafe(24)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", (name,))
        if cursor.fetchone() == (True,):
            raise DomainError("database_role_exists", f"The database already has a role {name}.")
        role = Identifier(name)
        # The server sees a digest, so that no log of statements has the password.
        digest = connection.connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
        cursor.execute(
            SQL("CREATE ROLE {} LOGIN NOINHERIT CONNECTION LIMIT {} PASSWORD {}").format(
                role, _CONNECTIONS, digest.decode()
            )
        )
        cursor.execute(SQL("COMMENT ON ROLE {} IS {}").format(role, ROLE_COMMENT))
        for setting, value in _SETTINGS.items():
            cursor.execute(SQL("ALTER ROLE {} SET {} = {}").format(role, Identifier(setting), value))
        _let_in(name)
        record(actor, "database_role.created", f"database role {name}")
    return password


def grant_role(actor: Actor, name: str) -> None:
    """Let a role of ours read this database as well, such as one that was restored; raises `database_role_unknown`."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_IS_OURS, (name, ROLE_COMMENT))
        if cursor.fetchone() != (True,):
            raise _unknown(name)
        _let_in(name)
        record(actor, "database_role.granted", f"database role {name}")


def drop_role(actor: Actor, name: str) -> None:
    """Drop the role and end its sessions; raises `database_role_unknown` for any that is not ours."""
    with transaction.atomic(), connection.cursor() as cursor:
        if name not in roles():
            raise _unknown(name)
        cursor.execute(SQL("DROP OWNED BY {}").format(Identifier(name)))
        cursor.execute("SELECT oid FROM pg_roles WHERE rolname = %s", (name,))
        (oid,) = cursor.fetchone()
        cursor.execute(SQL("DROP ROLE {}").format(Identifier(name)))
        record(actor, "database_role.dropped", f"database role {name}")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = %s", (oid,))


def _unknown(name: str) -> DomainError:
    return DomainError("database_role_unknown", f"No role {name} was created by `manage.py analyst_role`.")


def _let_in(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        database = Identifier(cursor.fetchone()[0])
        cursor.execute(SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, Identifier(name)))
        cursor.execute(SQL(_NO_TEMPORARY_TABLES).format(database))
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone() == (True,):
            cursor.execute(_NO_LARGE_OBJECTS)
    let_read(name)
