"""A database that restarts loses no alert; while it is away, senders are asked to send again (R8.1)."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection

from signals_app.models import Signal, WebhookDelivery
from signals_app.webhook.store import on_live_connection
from tests.database import execute, value
from tests.factories import make_source
from tests.signals_app.webhook.webhook import TOKEN, send


def break_connection() -> None:
    """End our session from another one, as a restart of the server does."""
    pid = value("SELECT pg_backend_pid()")
    with psycopg.connect(connection.connection.info.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


@pytest.fixture
def database_away(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every new connection look for the server where there is none."""
    parameters = connection.get_connection_params()
    connection.close()
    with monkeypatch.context() as patch:
        patch.setattr(connection, "get_connection_params", lambda: parameters | {"host": "/nonexistent"})
        yield
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_after_a_restart_of_the_database_the_next_alert_is_taken() -> None:
    make_source()
    break_connection()

    assert send().json()["status"] == "accepted"
    assert Signal.objects.count() == WebhookDelivery.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_second_attempt_a_restart_would_show() -> None:
    break_connection()

    with pytest.raises((OperationalError, InterfaceError)):
        value("SELECT 1")
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_an_error_on_a_live_connection_is_not_tried_again() -> None:
    attempts = []

    def work() -> None:
        attempts.append(1)
        value("SET LOCAL statement_timeout = 1; SELECT pg_sleep(5)")

    with pytest.raises(OperationalError, match="statement timeout"):
        on_live_connection(work)

    assert len(attempts) == 1


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_read_only_is_one_that_is_away() -> None:
    make_source()
    execute("SET default_transaction_read_only = on")

    answer = send()

    execute("SET default_transaction_read_only = off")
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "database_unavailable", "5")
    assert send().json()["status"] == "accepted"


@pytest.mark.usefixtures("database_away")
def test_while_the_database_is_away_the_sender_is_asked_to_send_again() -> None:
    answer = send()

    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "database_unavailable"
    assert TOKEN not in answer.content.decode()
