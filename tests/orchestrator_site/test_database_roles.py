"""The role that web server and worker connect as: it reads and writes, and can take away no guard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection, connections
from psycopg import errors

from orchestrator_site.checks import check_database
from orchestrator_site.database_roles import as_owner, grant_to_application, may_migrate, owns_tables
from tests.processes.harness import application_url, database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

REFUSED = (
    "DROP TRIGGER audit_log_append_only ON audit_log",
    "ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only",
    "ALTER TABLE audit_log DISABLE TRIGGER ALL",
    "CREATE TRIGGER mine BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "SET session_replication_role = replica",
    "TRUNCATE audit_log",
    "TRUNCATE signals CASCADE",
    "DROP TABLE real_trades",
    "ALTER TABLE real_trades ADD COLUMN mine int",
    "ALTER TABLE policy_ramps DROP CONSTRAINT policy_ramps_approved_by_another",
    "ALTER TABLE audit_log OWNER TO CURRENT_USER",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "DROP FUNCTION refuse_change() CASCADE",
    "CREATE TABLE public.mine (id int)",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DROP INDEX audit_log_proofs",
    "DELETE FROM django_migrations",
    "INSERT INTO django_migrations (app, name, applied) VALUES ('kernel', '9999', now())",
    "COPY audit_log TO PROGRAM 'cat'",
    "SET ROLE postgres",
    "GRANT ALL ON audit_log TO PUBLIC",
)


@pytest.fixture
def application() -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(application_url(), autocommit=True) as session:
        yield session


@pytest.mark.parametrize("statement", REFUSED)
def test_the_application_cannot_take_a_guard_away(application: psycopg.Connection[Any], statement: str) -> None:
    # A GRANT without the right to it is a warning, and grants nothing.
    if statement.startswith("GRANT"):
        application.execute(statement.encode())
        granted = application.execute("SELECT has_table_privilege('audit_log', 'TRUNCATE')").fetchone()
        assert granted == (False,)
        return
    with pytest.raises(errors.InsufficientPrivilege):
        application.execute(statement.encode())


def test_what_the_guards_refuse_the_application_cannot_do_either(application: psycopg.Connection[Any]) -> None:
    application.execute(
        "INSERT INTO audit_log (at, actor, action, subject, reason, changes, address)"
        " VALUES (now(), 'ada', 'halt.engaged', 'real trading', '', '{}', '')"
    )

    for statement in ("UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log"):
        with pytest.raises(errors.IntegrityConstraintViolation, match="append-only"):
            application.execute(statement.encode())


def test_it_reads_and_writes_every_table_and_owns_none(application: psycopg.Connection[Any]) -> None:
    found = application.execute(
        "SELECT relname, pg_has_role(relowner, 'USAGE'),"
        "       has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')"
        "       AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')"
        "  FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    ).fetchall()

    assert len(found) > 50
    assert [name for name, owns, _ in found if owns] == []
    assert [name for name, _, may in found if not may] == ["django_migrations"]


def test_it_makes_the_months_that_only_the_owner_could(application: psycopg.Connection[Any]) -> None:
    application.execute("BEGIN")
    try:
        assert application.execute("SELECT keep_partitions('audit_log', 600)").fetchone() == (True,)
    finally:
        application.execute("ROLLBACK")


def test_what_the_owner_makes_later_is_the_applications_to_use(application: psycopg.Connection[Any]) -> None:
    with connection.cursor() as owner:
        owner.execute("CREATE TABLE later (id serial PRIMARY KEY, what text)")
        try:
            application.execute("INSERT INTO later (what) VALUES ('x')")
            assert application.execute("SELECT id FROM later").fetchall() == [(1,)]
            with pytest.raises(errors.InsufficientPrivilege):
                application.execute("DROP TABLE later")
        finally:
            owner.execute("DROP TABLE later")


def test_migrate_makes_the_role_migrates_as_the_owner_and_grants(settings: LazySettings) -> None:
    """The command as `up` calls it, between two roles; the connection afterwards is the application's again."""
    own = connection.settings_dict | {"OPTIONS": dict(connection.settings_dict["OPTIONS"])}
    role = "orchestrator_of_a_test"
    settings.OWNER_DATABASE = own
    settings.DATABASES["default"] = own | {"USER": role, "PASSWORD": "a-password"}
    before = connections["default"]
    try:
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("SELECT has_table_privilege(%s, 'signals', 'INSERT')", (role,))
            assert cursor.fetchone() == (True,)
            cursor.execute("SELECT has_table_privilege(%s, 'signals', 'TRUNCATE')", (role,))
            assert cursor.fetchone() == (False,)
    finally:
        settings.DATABASES["default"] = own
        with connection.cursor() as cursor:
            cursor.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert connections["default"] is before


def test_a_role_that_may_make_none_says_how_to_make_it() -> None:
    application_url()
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE orchestrator_app")
        try:
            with pytest.raises(CommandError, match="createuser --pwprompt orchestrator_missing"):
                grant_to_application(cursor, "orchestrator_missing", "x")
        finally:
            cursor.execute("RESET ROLE")


def test_as_owner_without_a_named_one_changes_nothing() -> None:
    before = connections["default"]
    with as_owner():
        assert connections["default"] is before


def test_w002_a_role_that_owns_the_tables_is_named_in_production(settings: LazySettings) -> None:
    settings.PRODUCTION = True

    assert "orchestrator.W002" in [one.id for one in check_database(None, ["default"])]
    application_url()
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE orchestrator_app")
        try:
            assert (owns_tables(), may_migrate()) == (False, False)
            assert "orchestrator.W002" not in [one.id for one in check_database(None, ["default"])]
        finally:
            cursor.execute("RESET ROLE")


def test_the_tests_are_the_owner() -> None:
    assert owns_tables()
    assert may_migrate()
    assert database_url() != application_url()
