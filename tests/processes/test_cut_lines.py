"""The line to the database breaks between two messages: nothing acknowledged is lost, and nothing half kept."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import close_old_connections, connection, connections

from tests.database import rows
from tests.outcomes.desk import C72_5_JULY, Answer, Desk, make_desk, quote, recommendation

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

QUOTED = {"quotes": {C72_5_JULY: quote()}}


class Scissors:
    """Forwards to the database; cuts the line before the nth message that one end sends from now on."""

    def __init__(self) -> None:
        own = connection.get_connection_params()
        self._server = f"{own['host']}/.s.PGSQL.{own.get('port') or 5432}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._left = {"client": 0, "server": 0}
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_before(self, end: str, number: int) -> None:
        """Both ends are idle now."""
        self._left[end] = number

    def has_cut(self) -> bool:
        """Whether it came to that; if not it does not any more."""
        waits = any(self._left.values())
        self._left = dict.fromkeys(self._left, 0)
        return not waits

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._listener.accept()[:1], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._server)
            back = threading.Thread(target=self._forward, args=("server", server, client), daemon=True)
            back.start()
            self._forward("client", client, server)
            back.join()

    def _forward(self, end: str, source: socket.socket, target: socket.socket) -> None:
        unsent = b""
        with suppress(OSError):
            while data := source.recv(1 << 20):
                if not self._left[end]:
                    target.sendall(unsent + data)
                    unsent = b""
                    continue
                unsent += data
                # A message is its kind and its length with itself.
                while len(unsent) >= 5 and len(unsent) > (length := int.from_bytes(unsent[1:5], "big")):
                    self._left[end] -= 1
                    if not self._left[end]:
                        unsent = b""
                        raise OSError
                    target.sendall(unsent[: length + 1])
                    unsent = unsent[length + 1 :]
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def scissors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scissors]:
    scissors = Scissors()
    straight = connection.get_connection_params
    connection.close()
    monkeypatch.setattr(
        connections["default"],
        "get_connection_params",
        lambda: straight() | {"host": "127.0.0.1", "port": scissors.port},
    )
    yield scissors
    connection.close()
    scissors.close()


def stored() -> list[tuple[Any, ...]]:
    """What the tables hold of the youngest experiment."""
    return rows("""
        WITH e AS (SELECT experiment_id FROM experiments ORDER BY created_at DESC LIMIT 1)
        SELECT 'recommendation', engine, role FROM recommendations JOIN e USING (experiment_id)
        UNION ALL SELECT 'answered', engine, (answered_at IS NOT NULL)::text FROM signal_distributions
                    JOIN e USING (experiment_id)
        UNION ALL SELECT 'permit', engine, (confirmed_at IS NOT NULL)::text FROM permits JOIN e USING (experiment_id)
        UNION ALL SELECT 'real', status, exit_price::text FROM real_trades JOIN e USING (experiment_id)
        UNION ALL SELECT 'shadow', status, exit_price::text FROM shadow_trades JOIN e USING (experiment_id)
        UNION ALL SELECT 'fill', fill_ref, legs::text FROM trade_fills JOIN e USING (experiment_id)
        UNION ALL SELECT 'directive', state, number::text FROM exit_directives JOIN e USING (experiment_id)
        UNION ALL SELECT 'outcome', engine, pnl::text FROM real_outcomes JOIN e USING (experiment_id)
        UNION ALL SELECT 'outcome', engine, pnl::text FROM shadow_outcomes JOIN e USING (experiment_id)
        UNION ALL SELECT 'violation', engine, name FROM pair_violations JOIN e USING (experiment_id)
        ORDER BY 1, 2, 3
    """)


def opened() -> tuple[Desk, str]:
    desk = make_desk()
    real = desk.open_real()
    desk.open_shadow()
    return desk, real


def answering() -> Callable[[], Answer]:
    desk = make_desk(recommended=False)
    body = recommendation(desk.experiment)
    return lambda: desk.a.post("recommendations", body)


def confirming() -> Callable[[], Answer]:
    desk = make_desk()
    return lambda: desk.a.confirm(desk.experiment)


def opening() -> Callable[[], Answer]:
    desk = make_desk()
    desk.a.confirm(desk.experiment)
    return lambda: desk.a.open(desk.experiment)


def closing() -> Callable[[], Answer]:
    desk, real = opened()
    return lambda: desk.a.close(real, market_conditions=QUOTED)


@pytest.mark.parametrize("end", ["client", "server"])
@pytest.mark.parametrize("prepare", [answering, confirming, opening, closing])
def test_a_call_whose_line_breaks_is_kept_whole_or_not_at_all_and_can_be_repeated(
    prepare: Callable[[], Callable[[], Answer]], end: str, scissors: Scissors
) -> None:
    call = prepare()
    nothing = stored()
    call()
    everything = stored()
    call = prepare()
    number = cuts = kept = 0
    while True:
        number += 1
        scissors.cut_before(end, number)
        answer = call()
        # As the server does at the end of each request.
        close_old_connections()
        if not scissors.has_cut():
            break
        cuts += 1
        found = stored()
        assert found in (nothing, everything), number
        assert answer.status == 503 or found == everything, number
        if found == everything:
            kept += 1
            assert call().status == 200
            assert stored() == everything
            call = prepare()
    assert answer.status in (200, 201)
    assert stored() == everything
    assert cuts > 20
