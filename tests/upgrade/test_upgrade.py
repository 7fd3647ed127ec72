"""What version 0.2.0 has stored is taken over: its tables become those of a new database, and no row is lost.

The dump stays as it is for as long as that version may be in use; `make upgrade-dump` writes one for a release.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.processes.harness import MANAGE, database_url
from tests.upgrade.__main__ import DUMP

pytestmark = [pytest.mark.django_db, pytest.mark.processes]
# What a schema consists of; not the order of columns, which a later column never has in both.
PARTS = {
    "columns": """SELECT table_name, column_name, data_type, is_nullable, column_default, character_maximum_length,
 numeric_precision, numeric_scale FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraints": """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": """SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
 WHERE NOT tgisinternal""",
    "functions": """SELECT proname, pg_get_functiondef(oid) FROM pg_proc
 WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'""",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname IN ('public', 'analyst')",
}
# Expressions that were read back from a dump have their casts and brackets elsewhere.
LOOSE = re.compile(r"::(character varying|text)(\[\])?|[()\s]")
# A month's partition, as workers of earlier tests have made it.
MONTH = re.compile(r"_\d{4}_\d{2}$")
Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def old_url() -> Iterator[str]:
    """A database as version 0.2.0 left it."""
    parts = urlsplit(database_url())
    name = f"{parts.path.strip('/')}_old"
    url = urlunsplit(parts._replace(path=f"/{name}"))
    with psycopg.connect(database_url(), autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            with psycopg.connect(url, autocommit=True) as old:
                old.execute("DROP SCHEMA public")
                old.execute(gzip.decompress(DUMP.read_bytes()))
            yield url
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def schema_of(connection: Connection) -> dict[str, set[tuple[str, ...]]]:
    return {
        part: {
            tuple(LOOSE.sub("", str(value)) for value in row)
            for row in connection.execute(query.encode())
            if not MONTH.search(str(row[0]))
        }
        for part, query in PARTS.items()
    }


def rows_of(connection: Connection) -> dict[str, int]:
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    count = SQL("SELECT count(*) FROM {}")
    return {
        name: row[0] for (name,) in tables if (row := connection.execute(count.format(Identifier(name))).fetchone())
    }


def manage(url: str, *arguments: str) -> str:
    command = [sys.executable, MANAGE, *arguments]
    environment = {**os.environ, "DATABASE_URL": url}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def test_a_database_of_version_0_2_0_is_taken_over_with_all_its_rows(old_url: str) -> None:
    with psycopg.connect(old_url, autocommit=True) as old, psycopg.connect(database_url(), autocommit=True) as new:
        before = rows_of(old)
        old.execute("UPDATE signals SET status = 'PENDING', attempts = 0, last_error = '' WHERE symbol = 'FAIL'")

        manage(old_url, "migrate", "--verbosity", "0")

        upgraded, fresh = schema_of(old), schema_of(new)
        for part in PARTS:
            assert upgraded[part] == fresh[part], part
        after = rows_of(old)
    assert after["waiting_signals"] == 1
    # What Django keeps of the tables themselves grows with them, roles are set anew, and what follows from other rows
    # the worker makes anew, as the marks say.
    derived = {"report_slices", "report_cells", "report_answer_cells", "report_marks"}
    grown = {"django_migrations", "django_content_type", "auth_permission", "auth_group_permissions"}
    kept = set(before) - derived - grown - {"alert_watches"}
    assert {table: after[table] for table in kept} == {table: before[table] for table in kept}
    assert after["report_marks"] > before["report_marks"]
    # Every source is watched that is no replay.
    assert (before["alert_watches"], after["alert_watches"]) == (0, 1)
    assert sum(1 for rows in before.values() if rows) >= 50
    # Read by the models, too: every field of every row.
    read = json.loads(manage(old_url, "dumpdata", "--exclude", "sessions"))
    assert len({row["model"] for row in read}) >= 45
