"""Fixtures for all tests. Everything runs on a real PostgreSQL."""

from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import settings

from policies.services import ensure_first_version

# A slow machine is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}


@pytest.fixture(autouse=True)
def _policy_and_engines_exist(request: pytest.FixtureRequest) -> None:
    """Put back what migrations made, which the flush after a transactional test has emptied."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None and not DATABASE_FIXTURES & set(request.fixturenames):
        return
    transactional = marker is not None and marker.kwargs.get("transaction")
    request.getfixturevalue("transactional_db" if transactional or "live_server" in request.fixturenames else "db")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO engines (name, enabled, disabled_reason, engine_version, rules_hash)"
            " VALUES ('A', true, '', '', ''), ('B', true, '', '', '') ON CONFLICT DO NOTHING"
        )
    ensure_first_version()
