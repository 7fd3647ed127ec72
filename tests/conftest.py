"""Fixtures and markers for all tests. Everything runs on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from hypothesis import settings

from policies.services import ensure_first_version
from signals_app.webhook.wake import waker

# A slow machine is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Whole folders that `make test-fast` leaves out; single tests elsewhere carry their own mark.
MARKED_FOLDERS = {"browser": "browser", "processes": "processes", "embedded_postgres": "processes"}
DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in a folder of slow tests."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder in MARKED_FOLDERS:
            item.add_marker(MARKED_FOLDERS[folder])


@pytest.fixture(scope="session", autouse=True)
def _no_hint_is_sent_to_workers() -> Iterator[None]:
    """The waker's thread would keep a session open after the last test, and the test database could not be dropped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waker, "wake", lambda: None)
        yield


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
