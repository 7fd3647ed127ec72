"""Fixtures and markers for all tests. Everything runs on a real PostgreSQL."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Generator, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from itertools import chain
from pathlib import Path
from types import NoneType

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.test import TransactionTestCase
from django.utils import timezone
from hypothesis import Phase, settings

from kernel.event_fields import FIELDS
from kernel.event_lines import Event
from orchestrator_site.database_roles import become_owner
from policies.services import ensure_first_version
from signals_app.webhook.store import clock
from tests.api_answers import _answers_are_as_documented  # noqa: F401 (a fixture)
from tests.databases import django_db_setup  # noqa: F401 (a fixture)
from tests.golden import VECTOR_KEY

# Tests make databases and look past the guards: they are the owner. The programs they start are the application
# (tests/processes/harness.py).
become_owner()
django_settings.PASSWORD_HASHERS = ["tests.hashing.QuickHasher"]
# A slow machine is no failure. Developers try other examples each time; continuous integration tries the same ones
# for the same code, so that a red run can be run again: what fifty of them do not show, it never sees.
settings.register_profile("developer", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=50)
# The loop of a developer: `make test-fast`.
settings.register_profile("fast", deadline=None, max_examples=20)
# A mutant has to die by what a test says, not by luck after a thousand examples; and nobody reads the example that
# it dies by, so none is made smaller.
settings.register_profile(
    "mutants", deadline=None, derandomize=True, max_examples=30, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("ci" if os.environ.get("CI") else "developer")

# Where every test carries a mark that `make test-fast` leaves out; single tests elsewhere carry their own. Pages,
# histories, races and whole requirements are slow by their number, and what they show is tested closer to the code as
# well.
MARKED = {
    "browser/": "browser",
    "processes/": "processes",
    "embedded_postgres/": "processes",
    "orchestrator_site/console/": "slow",
    "experiments/history/": "slow",
    "demo/": "slow",
    "orchestrator_site/test_invariants.py": "slow",
    "outcomes/engine_api/test_engine_api_access.py": "slow",
    "outcomes/engine_api/test_repetitions.py": "slow",
    "outcomes/evaluations/": "slow",
    "outcomes/feeder_api/": "slow",
    "outcomes/performance/test_scope.py": "slow",
    "outcomes/services/": "slow",
    "outcomes/test_standings.py": "slow",
    "outcomes/test_database_guards.py": "slow",
    "acceptance/": "slow",
    "test_layers.py": "slow",
}
# `migrate` fills these, and no test that commits changes them.
KEPT_TABLES = {"django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}
PURE_CORES = ("policies.core", "experiments.core", "outcomes.core", "signals_app.alerts")
REMEMBERING = lru_cache(len)
DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in a folder of slow tests, and begin with those that wait for others more than they work.

    Each of several processes gets a stretch of the list. Half of the files that wait stand at its beginning, half in
    its middle, so that two processes wait while the others keep the processors busy, and nothing long comes last.
    """
    for item in items:
        place = item.path.relative_to(Path(__file__).parent).as_posix()
        for prefix, mark in MARKED.items():
            if place.startswith(prefix):
                item.add_marker(mark)
    waiting: dict[Path, list[pytest.Item]] = {}
    working = []
    for item in items:
        if item.get_closest_marker("processes") or item.get_closest_marker("browser"):
            waiting.setdefault(item.path, []).append(item)
        else:
            working.append(item)
    files = list(waiting.values())
    first, second = (list(chain(*files[start::2])) for start in (0, 1))
    middle = max(len(items) // 2 - len(first), 0)
    items[:] = [*first, *working[:middle], *second, *working[middle:]]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the collector pass over what has come to stay, and look less often: a fourth of the processor's time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 10, 10)
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_remembered_of_the_unchanged_code() -> None:
    """A mutant is tested in a fork of a process that ran the tests before: what that remembers would hide it."""
    if "MUTANT_UNDER_TEST" not in os.environ:
        return
    gc.unfreeze()  # what was there before the fork is hidden from the collector
    for remembering in gc.get_objects():
        if type(remembering) is type(REMEMBERING) and str(remembering.__module__).startswith(PURE_CORES):
            remembering.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def _alerts_are_judged_by_the_clock_of_the_tests() -> Iterator[None]:
    """The database's clock does not travel in time with a test."""

    async def now(_: object) -> datetime:
        return timezone.now()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", now)
        yield


@pytest.fixture(scope="session", autouse=True)
def _what_makes_every_test_slower() -> Iterator[None]:
    """Do once what Django does again for each client and after each transactional test."""

    def empty_tables(_: TransactionTestCase) -> None:
        every_table = connection.introspection.django_table_names(only_existing=True, include_views=False)
        tables = [table for table in every_table if table not in KEPT_TABLES]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {', '.join(tables)}")
            cursor.execute("SELECT has_parameter_privilege('session_replication_role', 'SET')")
            if cursor.fetchone()[0]:
                # TRUNCATE makes some four hundred files anew; most tables are empty, and the others have few rows.
                deletions = "; ".join(f"DELETE FROM {table}" for table in tables)
                cursor.execute(f"SET LOCAL session_replication_role = replica; {deletions}")
            else:
                cursor.execute(f"TRUNCATE {', '.join(tables)}")

    with pytest.MonkeyPatch.context() as patch:
        # Django's own flush writes permissions, types and roles anew, a third of a second each time.
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_tables)
        # Every client builds the middleware, and WhiteNoise then reads all static files: a tenth of a second.
        patch.setattr(django_settings, "WHITENOISE_AUTOREFRESH", True, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _fields_of_the_log_are_as_documented() -> Iterator[None]:
    """Whatever a test has logged is held against the list of fields."""
    checked = Event._check

    def check(event: Event, values: Mapping[str, object]) -> None:
        checked(event, values)
        for name, value in values.items():
            assert json_type(value) in FIELDS[name].type.split(" or "), f"{event.name}: {name} is {value!r}"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Event, "_check", check)
        yield


JSON_TYPES = (("null", NoneType), ("boolean", bool), ("integer", int), ("string", str), ("object", dict))


def json_type(value: object) -> str:
    """What a value is in a line of the log."""
    document = json.loads(json.dumps(value, default=str))
    return next((name for name, kind in JSON_TYPES if isinstance(document, kind)), "other")


@pytest.fixture(scope="session", autouse=True)
def _signals_are_assigned_with_the_key_of_the_vectors() -> Iterator[None]:
    """With the checkout's own key, the variant of a signal would be another on every machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(django_settings, "ASSIGNMENT_KEY", VECTOR_KEY.secret.hex())
        patch.setenv("ASSIGNMENT_KEY", VECTOR_KEY.secret.hex())
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
