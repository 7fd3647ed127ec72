"""What a worker asks all the time is planned once a session."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection

from experiments.worker.queue import ask
from tests.database import value

pytestmark = pytest.mark.django_db(transaction=True)

PLANS = "SELECT count(*) FROM pg_prepared_statements"


@pytest.fixture(autouse=True)
def _new_session() -> None:
    connection.close()
    connection.ensure_connection()


def test_a_question_asked_twice_is_planned_once() -> None:
    assert [ask(connection, "SELECT 1, 'two'") for _ in range(2)] == [(1, "two")] * 2

    assert value(f"{PLANS} WHERE statement = $$SELECT 1, 'two'$$ AND generic_plans = 2") == 1


def test_nothing_is_kept_where_a_pooler_forbids_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)

    assert ask(connection, "SELECT 1") == (1,)

    assert value(PLANS) == 0


def test_a_lost_session_is_djangos_error() -> None:
    assert ask(connection, "SELECT 1") == (1,)

    with pytest.raises(OperationalError):
        ask(connection, "SELECT pg_terminate_backend(pg_backend_pid())")

    connection.close()
    assert ask(connection, "SELECT 1") == (1,)
