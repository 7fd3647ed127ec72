"""A server whose processes all stand still, as under SIGSTOP or on a host that swaps, keeps no alert waiting."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from django.db import OperationalError
from psycopg.conninfo import conninfo_to_dict

from embedded_postgres.data_folder import server_processes
from signals_app.webhook.store import Session
from signals_app.webhook.writer import Writer
from tests.embedded_postgres.harness import HoldingProcess, kill_all

# Each is told after 0.9 s at most; the rest is a busy machine's.
IN_TIME = 10.0


async def count(session: Session, asking: Sequence[None]) -> Sequence[int]:
    ((one,),) = await session.fetch("SELECT 1", {})
    return [one] * len(asking)


async def wait_until_taken(writer: Writer) -> None:
    """A busy machine may be late as well."""
    begun = monotonic()
    while True:
        writer._paused_until = 0.0
        try:
            assert await writer.ask(count, None) == 1
        except OperationalError:
            assert monotonic() - begun < 60
        else:
            return


@pytest.mark.django_db
def test_whoever_asks_is_told_in_time_and_taken_once_it_goes_on(data_dir: Path) -> None:
    async def run(url: str) -> tuple[list[Any], float]:
        writer = Writer(print)
        writer._parameters = conninfo_to_dict(url)
        await wait_until_taken(writer)
        frozen = server_processes(data_dir)
        assert len(frozen) > 1
        kill_all(frozen, signal.SIGSTOP)
        begun = monotonic()
        try:
            # The second time on a new connection, which the kernel accepts and nobody greets.
            for _ in range(2):
                writer._paused_until = 0.0
                told = await asyncio.gather(*(writer.ask(count, None) for _ in range(8)), return_exceptions=True)
            seconds = monotonic() - begun
        finally:
            kill_all(frozen, signal.SIGCONT)
        await wait_until_taken(writer)
        await writer.close()
        return told, seconds

    with HoldingProcess(data_dir) as holder:
        told, seconds = asyncio.run(run(holder.url))
        holder.leave()

    assert {type(answer) for answer in told} == {OperationalError}
    assert seconds < IN_TIME
