"""Alerts that wait together are committed together, and none of them pays for another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import OperationalError
from django.utils import timezone

from signals_app.models import Signal, WebhookDelivery
from signals_app.webhook import store, writer
from signals_app.webhook.store import DatabaseClock, Session, SourceBusyError, ThreadKeeper
from signals_app.webhook.writer import AlertWriter, Writer
from tests.factories import make_source
from tests.processes.harness import database_url
from tests.signals_app.webhook.door import open_door, post, take_all_the_time
from tests.signals_app.webhook.webhook import TOKEN, alert

# As they are before a test gives itself more time.
ANSWER, STATEMENT = store.ANSWER_SECONDS, writer.STATEMENT_SECONDS
SERVER, LOCK = writer.SERVER_SECONDS, writer.LOCK_SECONDS
OTHER_TOKEN = "other-token-0123456789abcdef0123456789"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _the_database_may_be_late(monkeypatch: pytest.MonkeyPatch) -> None:
    take_all_the_time(monkeypatch)


async def doubled(session: Session, numbers: Sequence[int]) -> Sequence[int]:
    """Double numbers in the database, which refuses zero; how many come together is told by `batches`."""
    batches.append(len(numbers))
    rows = await session.fetch(
        "SELECT n * 2 / (n / n) FROM unnest(%(numbers)s::int4[]) AS n", {"numbers": list(numbers)}
    )
    return [row[0] for row in rows]


async def slow(session: Session, numbers: Sequence[float]) -> Sequence[None]:
    await session.fetch("SELECT pg_sleep(%(seconds)s)", {"seconds": max(numbers)})
    return [None] * len(numbers)


batches: list[int] = []


def ask_all(*questions: tuple[Any, Any]) -> list[Any]:
    """Ask all at once; results and errors in order."""

    async def run() -> list[Any]:
        one = Writer(print)
        answers = await asyncio.gather(*(one.ask(*question) for question in questions), return_exceptions=True)
        await one.close()
        return answers

    batches.clear()
    return asyncio.run(run())


def test_what_waits_is_asked_together() -> None:
    assert ask_all(*((doubled, number) for number in range(1, 101))) == [2 * number for number in range(1, 101)]
    assert batches == [100]


def test_what_the_database_refuses_is_told_to_whoever_asked_it_alone() -> None:
    numbers = [1, 2, 0, 4, 5, 6, 0, 8]

    answers = ask_all(*((doubled, number) for number in numbers))

    for number, answer in zip(numbers, answers, strict=True):
        assert answer == 2 * number if number else isinstance(answer, psycopg.errors.DivisionByZero)


def test_a_statement_that_hangs_is_told_in_time_and_the_next_one_has_another_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> float:
        one = Writer(print)
        begun = asyncio.get_running_loop().time()
        with monkeypatch.context() as patch:
            patch.setattr(writer, "STATEMENT_SECONDS", 0.2)
            patch.setattr(writer, "PAUSE_SECONDS", 30.0)
            with pytest.raises(OperationalError):
                await one.ask(slow, 20.0)
        told = asyncio.get_running_loop().time() - begun
        with pytest.raises(OperationalError, match="has just failed"):
            await one.ask(slow, 0.0)
        one._paused_until = 0.0
        await one.ask(slow, 0.0)
        monkeypatch.setattr(writer, "ANSWER_SECONDS", 0.0)
        await one.close()
        return told

    assert asyncio.run(run()) < 15


def test_the_limits_leave_an_answer_within_900_ms_and_a_return_within_two_seconds() -> None:
    # The patrol that comes next tells whoever waits in vain.
    assert ANSWER + store.BUSY_SECONDS <= 0.9
    # What was asked just before the database came back, and the pause after it.
    assert STATEMENT + writer.PAUSE_SECONDS < 2
    assert LOCK < SERVER < STATEMENT < ANSWER


async def limits_of(session: Session, names: Sequence[str]) -> Sequence[str]:
    rows = await session.fetch(
        "SELECT current_setting(name) FROM unnest(%(names)s::text[]) AS name", {"names": list(names)}
    )
    return [row[0] for row in rows]


def test_the_server_knows_the_limits_and_a_lost_one_is_noticed() -> None:
    async def run() -> tuple[list[str], dict[str, str]]:
        one = Writer(print)
        told = await asyncio.gather(*(one.ask(limits_of, name) for name in ("lock_timeout", "statement_timeout")))
        assert one._session
        parameters = one._session.connection.info.get_parameters()
        await one.close()
        return told, parameters

    told, parameters = asyncio.run(run())

    assert told == ["30s", "30s"]  # all the time that this test has
    assert parameters["tcp_user_timeout"] == "5000"


def test_a_database_that_is_read_only_is_one_that_is_away() -> None:
    async def run() -> None:
        one = Writer(print)
        one._parameters["options"] += " -c default_transaction_read_only=on"
        with pytest.raises(OperationalError, match="read-only"):
            await one.ask(store.count_strangers, (None, timezone.now()))
        await one.close()

    asyncio.run(run())


def test_a_session_that_was_ended_is_replaced_at_once() -> None:
    async def run() -> None:
        one = Writer(print)
        await one.ask(slow, 0.0)
        assert one._session
        pid = one._session.connection.info.backend_pid
        async with await psycopg.AsyncConnection.connect(**one._parameters, autocommit=True) as other:
            await other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        await one.ask(slow, 0.0)
        await one.close()

    asyncio.run(run())


def test_of_a_hundred_at_once_exactly_as_many_pass_as_may() -> None:
    make_source(rate_limit_per_minute=10)
    with open_door() as port, ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(lambda number: send(port, number), range(100)))

    assert (statuses.count(200), statuses.count(429)) == (10, 90)
    assert WebhookDelivery.objects.exclude(outcome="rejected").count() == Signal.objects.count() == 10


def test_without_the_lock_two_servers_would_let_more_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    make_source(rate_limit_per_minute=10)
    monkeypatch.setattr(store, "LOCK_SOURCES", "SELECT 1 WHERE %(ids)s::int8[] IS NULL")
    store_counted = store._store

    async def store_later(session: Session, rows: Sequence[store.Row]) -> Sequence[bool | Exception]:
        await asyncio.sleep(0.3)
        return await store_counted(session, rows)

    monkeypatch.setattr(store, "_store", store_later)
    with open_door() as one, open_door() as two, ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(lambda number: send((one, two)[number % 2], number), range(100)))

    assert statuses.count(200) > 10


def test_two_servers_together_let_exactly_as_many_pass_as_may() -> None:
    make_source(rate_limit_per_minute=10)
    with open_door() as one, open_door() as two, ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(lambda number: send((one, two)[number % 2], number), range(100)))

    assert statuses.count(200) == 10


def send(port: int, number: int, token: str = TOKEN, **fields: str) -> int:
    body = alert(symbol=f"S{number}", **fields)
    return post(port, f"/webhooks/tradingview/{token}/", str(body).replace("'", '"').encode(), "text/plain").status_code


def test_an_alert_whose_time_is_up_asks_nothing_more() -> None:
    async def run() -> None:
        one = Writer(print)
        late = AlertWriter(one, asyncio.get_running_loop().time() - 1)
        with pytest.raises(OperationalError, match="in time"):
            await late.ask(doubled, 1)
        await one.close()

    batches.clear()
    asyncio.run(run())
    assert batches == []


def test_whatever_an_alert_asks_has_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    make_source(max_age_seconds=0)
    deadlines = []
    ask = AlertWriter.ask

    async def ask_and_note(self: AlertWriter, operation: Any, argument: Any) -> Any:
        deadlines.append(self.until)
        return await ask(self, operation, argument)

    monkeypatch.setattr(AlertWriter, "ask", ask_and_note)
    with open_door() as port:
        fired = "2026-03-16T14:30:00Z"
        send(port, 1, timestamp=fired)
        deadlines.clear()
        assert send(port, 1, timestamp=fired) == 200

    # A duplicate: it is not stored, compared with the first, and its delivery is stored.
    assert len(deadlines) == 3
    assert len(set(deadlines)) == 1


@pytest.mark.parametrize("limit", [None, 10])
def test_a_source_that_somebody_holds_is_waited_for_by_its_own_alerts_alone(
    limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = make_source(rate_limit_per_minute=limit)
    make_source(slug="other", token=OTHER_TOKEN)
    with (
        open_door() as port,
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(database_url(), autocommit=True) as other,
    ):
        with other.transaction():
            other.execute("SELECT FROM webhook_sources WHERE id = %s FOR UPDATE", (held.pk,))
            with monkeypatch.context() as patch:
                patch.setattr(writer, "ANSWER_SECONDS", 0.1)
                assert send(port, 3) == 503
            waiting = pool.submit(send, port, 1)
            assert send(port, 2, OTHER_TOKEN) == 200
            assert not waiting.done()

        assert waiting.result() == 200


def test_a_thread_waits_for_a_source_that_somebody_holds_until_its_alert_must_be_answered() -> None:
    keeper = ThreadKeeper()
    busy: list[bool | Exception] = [SourceBusyError(), SourceBusyError(), True]

    async def store_in_vain(session: Session, rows: Sequence[object]) -> Sequence[bool | Exception]:
        return [busy.pop(0) if busy else SourceBusyError()]

    keeper._until = float("inf")
    assert store.run_now(keeper.ask(store_in_vain, None))

    keeper._until = 0.0
    with pytest.raises(OperationalError):
        store.run_now(keeper.ask(store_in_vain, None))


def test_the_database_tells_the_time() -> None:
    clock = DatabaseClock()
    ahead = timedelta(hours=1)

    clock.set(datetime.now(UTC) + ahead)

    now = store.run_now(clock.now(ThreadKeeper()))
    assert abs(now - timezone.now() - ahead) < timedelta(seconds=1)
