"""`manage.py` while the database is away or empty: one sentence that says what to do, no traceback."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.db import connection

from tests.database import execute
from tests.manage_process import run_command
from tests.processes.harness import database_url

pytestmark = pytest.mark.processes

AWAY = "postgresql://nobody@127.0.0.1:1/nothing"


def test_a_database_that_cannot_be_reached_is_named_without_a_traceback() -> None:
    ended = run_command("source", "list", DATABASE_URL=AWAY)

    assert ended.returncode == 1
    assert ended.stderr.startswith("Cannot connect to the database; start it or fix DATABASE_URL.")
    assert "Traceback" not in ended.stderr


@pytest.mark.django_db
def test_a_database_without_tables_is_told_to_be_migrated() -> None:
    parameters = connection.get_connection_params()
    names = [name for name in ("host", "port", "user", "password") if parameters.get(name)]
    address = urlencode({name: parameters[name] for name in names})

    # template1 is in every PostgreSQL and holds no tables of ours.
    ended = run_command("source", "list", DATABASE_URL=f"postgresql:///template1?{address}")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "tables are missing or out of date; run `manage.py migrate`" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.django_db(transaction=True)
def test_a_database_of_an_older_version_is_told_to_be_migrated() -> None:
    execute("ALTER TABLE webhook_sources RENAME COLUMN slug TO older_slug")
    try:
        ended = run_command("source", "list", DATABASE_URL=database_url())
    finally:
        execute("ALTER TABLE webhook_sources RENAME COLUMN older_slug TO slug")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "run `manage.py migrate`" in ended.stderr
    assert "Traceback" not in ended.stderr
