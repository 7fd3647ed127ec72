"""A database for each process of a run: the first one that needs it migrates one, and all work on copies of that."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

# Each process that pytest-xdist starts has a name; a run without it is one process.
PROCESS = os.environ.get("PYTEST_XDIST_WORKER")


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """In place of pytest-django's, by which each process migrates: seven seconds of a processor for each."""
    creation, outside = connection.creation, str(connection.settings_dict["NAME"])
    with django_db_blocker.unblock():
        if PROCESS is None:
            creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        else:
            users = tmp_path_factory.getbasetemp().parent / "users-of-the-migrated-database"
            migrated = f"test_{outside}_migrated"
            with _whoever_uses_it(users) as names:
                if names:
                    _use(migrated)
                else:
                    connection.settings_dict["TEST"]["NAME"] = migrated
                    creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
                creation.clone_test_db(PROCESS, verbosity=0)
                names.add(PROCESS)
            _use(creation.get_test_db_clone_settings(PROCESS)["NAME"])
        _commit_without_waiting_for_the_disk()
    yield
    with django_db_blocker.unblock():
        _end_sessions()
        creation.destroy_test_db(outside, verbosity=0)
        if PROCESS is not None:
            with _whoever_uses_it(users) as names:
                names.remove(PROCESS)
                if not names:
                    _use(migrated)
                    creation.destroy_test_db(outside, verbosity=0)


def _use(name: str) -> None:
    connection.close()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


def _end_sessions() -> None:
    """End those of programs that tests have killed: PostgreSQL may not have noticed yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _commit_without_waiting_for_the_disk() -> None:
    """Let what the tests commit be lost in a crash of PostgreSQL, which is none of them: 4 ms a commit."""
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{connection.settings_dict["NAME"]}" SET synchronous_commit = off')
    connection.close()


@contextmanager
def _whoever_uses_it(path: Path) -> Iterator[set[str]]:
    """Let one process at a time read and change the names in a file."""
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        names = set(file.read().split())
        yield names
        file.truncate(0)
        file.write(" ".join(names))
