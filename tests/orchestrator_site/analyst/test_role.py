"""A role for analysts: it reads the views of this database, and nothing else can be done with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction

from kernel.actors import Actor
from kernel.errors import DomainError
from kernel.models import AuditEntry
from orchestrator_site.analyst.role import create_role, drop_role, grant_role
from orchestrator_site.analyst.schema import create_views, drop_views, roles
from orchestrator_site.analyst.views import VIEWS
from tests.database import execute, rows, value

OPERATOR = Actor("olga")


def role_name() -> str:
    """A name that no other database of this cluster uses."""
    return f"analyst_{value('SELECT current_database()')}"


@pytest.fixture
def role(db: None) -> str:
    """A role that is taken back with the test."""
    name = role_name()
    create_role(OPERATOR, name)
    return name


@contextmanager
def acting_as(role: str) -> Iterator[None]:
    """Run with the rights of the role alone."""
    execute(f'SET LOCAL ROLE "{role}"')
    try:
        yield
    finally:
        execute("RESET ROLE")


def refused(role: str, statement: str) -> None:
    """The statement fails for want of a right."""
    with acting_as(role), pytest.raises(Exception) as caught, transaction.atomic():  # noqa: PT011 (its cause is what counts)
        execute(statement)
    assert isinstance(caught.value.__cause__, InsufficientPrivilege), statement


def test_it_reads_every_view(role: str) -> None:
    with acting_as(role):
        for view in VIEWS:
            rows(f"SELECT * FROM analyst.{view.name}")


def test_it_reads_no_table_no_other_view_and_no_sequence(role: str) -> None:
    relations = rows(
        "SELECT relname, relkind FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'S', 'p')"
    )

    assert len(relations) > 60
    for name, kind in relations:
        refused(role, f"SELECT nextval('\"{name}\"')" if kind == "S" else f'SELECT * FROM public."{name}" LIMIT 1')


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO analyst.signals (symbol) VALUES ('X')",
        "UPDATE analyst.market_contexts SET context_hash = ''",
        "DELETE FROM analyst.policy_versions",
        "TRUNCATE halts",
        "CREATE TABLE public.mine (a int)",
        "CREATE VIEW analyst.mine AS SELECT 1",
        "CREATE TEMPORARY TABLE mine (a int)",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA mine",
        "SELECT public.keep_partitions('webhook_deliveries', 12)",
        "CREATE ROLE mine",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "SET session_replication_role = replica",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_ls_dir('/')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_create(0)",
        "SELECT lo_creat(-1)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_reload_conf()",
        "SELECT rolpassword FROM pg_authid",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY (SELECT 1) TO '/tmp/mine'",
    ],
)
def test_it_can_neither_write_nor_make_nor_run_anything(role: str, statement: str) -> None:
    refused(role, statement)


def test_it_runs_no_function_with_the_rights_of_another(role: str) -> None:
    found = rows(
        "SELECT oid::regprocedure::text, has_function_privilege(%s, oid, 'EXECUTE') FROM pg_proc"
        " WHERE prosecdef AND pronamespace = 'public'::regnamespace",
        role,
    )

    assert found == [("keep_partitions(text,integer,integer)", False)]


def test_it_is_readonly_and_bounded_from_its_first_statement_on(role: str) -> None:
    (told,) = rows(
        "SELECT rolconfig, rolconnlimit, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = %s", role
    )

    assert "default_transaction_read_only=on" in told[0]
    assert "statement_timeout=5min" in told[0]
    assert told[1:] == (10, False, False, False)
    assert (AuditEntry.objects.latest("pk").action, AuditEntry.objects.latest("pk").actor) == (
        "database_role.created",
        "olga",
    )


def test_it_reads_views_that_a_migration_makes_anew(role: str) -> None:
    drop_views()
    create_views()

    test_it_reads_every_view(role)
    assert roles() == [role]


@pytest.mark.parametrize("name", ["", "Olga", "1st", 'x"; DROP ROLE y', "a" * 64, "ümlaut"])
def test_a_name_that_needs_quotes_is_refused(db: None, name: str) -> None:
    with pytest.raises(DomainError, match="database_role_invalid"):
        create_role(OPERATOR, name)


def test_a_role_that_is_not_ours_is_neither_replaced_nor_dropped(role: str) -> None:
    with pytest.raises(DomainError, match="database_role_exists"):
        create_role(OPERATOR, role)
    foreign = value("SELECT current_user")
    for change in (drop_role, grant_role):
        with pytest.raises(DomainError, match="database_role_unknown"):
            change(OPERATOR, foreign)


def test_a_restored_database_lets_it_in_again(role: str) -> None:
    execute(f'DROP OWNED BY "{role}"')
    refused(role, "SELECT 1 FROM analyst.pairs")

    grant_role(OPERATOR, role)

    test_it_reads_every_view(role)


@pytest.mark.django_db(transaction=True)
def test_the_command_prints_a_url_that_signs_in_and_drop_ends_its_sessions() -> None:
    output = StringIO()
    name = role_name()
    call_command("analyst_role", "create", name, stdout=output)
    url = output.getvalue().strip()
    try:
        assert urlsplit(url).username == name
        assert len(urlsplit(url).password or "") >= 32
        with psycopg.connect(url) as session:
            assert session.execute("SELECT count(*) FROM pairs").fetchone() == (0,)
            with pytest.raises(ReadOnlySqlTransaction):
                session.execute("CREATE TABLE mine (a int)")
            session.rollback()
            listed = StringIO()
            call_command("analyst_role", "list", stdout=listed)
            assert listed.getvalue() == f"{name}\n"
            call_command("analyst_role", "drop", name, stdout=StringIO())
            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT 1")
            call_command("analyst_role", "list", stdout=listed)
            assert listed.getvalue() == f"{name}\nNo role reads the views of this database yet.\n"
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'DROP ROLE IF EXISTS "{name}"')
    with pytest.raises(CommandError, match="was created"):
        call_command("analyst_role", "drop", name)
