"""(g) What the engines' side of the API takes, beside FastAPI with asyncpg that writes the same rows."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from benchmarks.alerts import copy_signals
from benchmarks.database import ROOT, Connection, empty, number
from benchmarks.load import alternate, percentile, request, send
from benchmarks.peers import pure_sql
from benchmarks.processes import cpu_seconds, family, free_port, python, running, server_pids, wait_for
from benchmarks.report import Figure, say
from benchmarks.servers import WEBHOOK, Receiver

WEB, PEER = "engine API, web server alone", "FastAPI + asyncpg, the same rows"
CALLS = ("heartbeat", "claim", "recommend", "confirm", "trade", "fill", "exit")
# How many of each a signal leaves behind when both engines have done everything right.
ROWS = {
    "recommendations": 2,
    "permits": 1,
    "real_trades": 1,
    "shadow_trades": 1,
    "trade_fills": 6,
    "exit_directives": 2,
    "real_outcomes": 1,
    "shadow_outcomes": 1,
    "pair_violations": 0,
    "incidents": 0,
}


@dataclass(frozen=True)
class Taken:
    """What a round of the driver measured; seconds by call."""

    duration: float
    trips: int
    retries: int  # answers 429 or 503
    seconds: dict[str, list[float]]
    cpu: float = 0.0  # seconds of server and database

    @property
    def per_second(self) -> float:
        """Trips, each one engine through one signal, in a second."""
        return self.trips / self.duration

    @property
    def milliseconds(self) -> float:
        """The processor time of one trip, in milliseconds."""
        return self.cpu / self.trips * 1000


@dataclass(frozen=True)
class Engines:
    """Both engines' workers, as they call one server."""

    connection: Connection
    keys: tuple[str, str]
    port: int
    pid: int

    def command(self, **options: object) -> tuple[str, ...]:
        """The driver, as a process of its own: a sender that shares our interpreter would wait for it."""
        said = {"port": self.port, "key-a": self.keys[0], "key-b": self.keys[1]} | options
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in said.items()]
        return python("-m", "benchmarks.engine_driver", *flags)

    def take(self, signals: int, **options: object) -> Taken:
        """Distribute that many signals and let the engines work them off."""
        distribute(self.connection, signals)
        stored, before = self.stored(), self.cpu()
        done = subprocess.run(self.command(**options), cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
        spent = self.cpu() - before
        new = {table: rows - stored[table] for table, rows in self.stored().items()}
        assert new == {table: each * signals for table, each in ROWS.items()}, f"{new} after {signals} signals"
        return Taken(**json.loads(done.stdout), cpu=spent)

    def stored(self) -> dict[str, float]:
        """How many rows the tables have that engines fill."""
        return {table: number(self.connection, f"SELECT count(*) FROM {table}") for table in ROWS}

    def cpu(self) -> float:
        """The processor time of the server and of PostgreSQL so far; 0 for one that runs elsewhere."""
        return cpu_seconds(family(self.pid)) + cpu_seconds(server_pids(self.connection))


def measure(connection: Connection, url: str, *, rounds: int, signals: int, backlog: int) -> list[Figure]:
    """The figures of (g)."""
    with _servers(connection, url) as (web, peer):
        figures = []
        for workers in (1, 8):
            count = signals if workers == 1 else 3 * signals
            takers: dict[str, Callable[[], Taken]] = {
                WEB: partial(web.take, count, workers=workers),
                PEER: partial(peer.take, count, workers=workers),
            }
            found = alternate(rounds, takers)
            figures += _compared(workers, found)
        rate = _rate(found[WEB])
        figures += _half_load(web, rate / 2, signals)
        figures += _alerts_beside(web, rate)
        figures += _after_a_backlog(web, backlog)
    return figures


@contextmanager
def _servers(connection: Connection, url: str) -> Iterator[tuple[Engines, Engines]]:
    """The product's web server and the peer, on one database, without a worker."""
    empty(connection)
    keys = _keys()
    web_port, peer_port = free_port(), free_port()
    web = python("-m", "orchestrator_site.web.server", "--port", str(web_port))
    peer = python(
        *("-m", "uvicorn", "--workers", "2", "--loop", "uvloop", "--http", "httptools", "--no-access-log"),
        *("--port", str(peer_port), "benchmarks.peers.fastapi_engines:app"),
    )
    with ExitStack() as stack:
        ours = stack.enter_context(running("web", *web, DATABASE_URL=url))
        theirs = stack.enter_context(running("fastapi", *peer, DATABASE_URL=url, ENGINE_KEYS=",".join(keys)))
        engines = Engines(connection, keys, web_port, ours.pid), Engines(connection, keys, peer_port, theirs.pid)
        for one in engines:
            wait_for(partial(_answers, one), "an answer to a claim")
        # Warm, and with a history: plans that PostgreSQL keeps for empty tables read whole ones for as long as a
        # measurement takes. It plans a statement anew for its first five uses on each connection.
        for one in engines:
            one.take(150, workers=8)
        connection.execute("ANALYZE")
        for one in engines:
            one.take(100, workers=8)
        yield engines


def _keys() -> tuple[str, str]:
    from kernel.actors import Actor
    from policies.services import create_api_key

    made = [create_api_key(Actor("bench"), owner=f"engine-{name}", name="bench")[1] for name in "ab"]
    return made[0], made[1]


def _answers(engines: Engines) -> bool:
    return send(engines.port, [_claim(engines)], connections=1).statuses["200"] == 1


def _claim(engines: Engines, **body: object) -> bytes:
    said = json.dumps({"limit": 1} | body).encode()
    return request("/api/v1/assignments/claim", said, Authorization=f"Api-Key {engines.keys[0]}")


def distribute(connection: Connection, signals: int) -> None:
    """Distribute that many more signals to both engines."""
    with connection.transaction():
        copy_signals(connection, signals)
    assert pure_sql.process_all(connection)


def _rate(rounds: list[Taken]) -> float:
    return statistics.median(one.per_second for one in rounds)


def _compared(workers: int, found: dict[str, list[Taken]]) -> list[Figure]:
    """The trips of both, and how long half of the product's calls took."""
    name = f"g. {WEB}, {workers} worker{'s' * (workers > 1)} an engine"
    cpu = {who: statistics.median(one.milliseconds for one in rounds) for who, rounds in found.items()}
    figures = [
        Figure(f"{name}, trips", _rate(found[WEB]), "/s", PEER, _rate(found[PEER]), 0.6, 1.0),
        Figure("g. its processor time of a trip, database included", cpu[WEB], "ms", PEER, cpu[PEER]),
    ]
    waits = {
        who: {call: [s for one in rounds for s in one.seconds.get(call, ())] for call in CALLS}
        for who, rounds in found.items()
    }
    for call in CALLS:
        ours, theirs = (percentile(waits[who][call], 50) * 1000 for who in (WEB, PEER))
        figures.append(Figure(f"g. its {call}, p50", ours, "ms", PEER, theirs))
    say(
        f"(g) {workers} an engine: {figures[0].value:.0f} trips/s, the peer {figures[0].peer_value:.0f}; "
        f"{cpu[WEB]:.1f} and {cpu[PEER]:.1f} ms of processor time a trip"
    )
    return figures


def _half_load(web: Engines, per_second: float, signals: int) -> list[Figure]:
    taken = web.take(signals, workers=8, per_second=per_second)
    waited = [second for seconds in taken.seconds.values() for second in seconds]
    figure = Figure(
        f"g. all its calls at half load ({per_second:.0f} trips/s), p99",
        *(percentile(waited, 99) * 1000, "ms"),
        at_least=100.0,
        aim=50.0,
        at_most=True,
    )
    say(f"(g) half load: p99 {figure.value:.0f} ms")
    return [figure]


def _alerts_beside(web: Engines, rate: float, seconds: int = 10) -> list[Figure]:
    """How long an alert waits at 100 a second while eight workers call all the time."""
    # More than they can answer in the time.
    distribute(web.connection, int(rate * seconds))
    driver = subprocess.Popen(web.command(workers=4, seconds=seconds + 2), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    answers = Receiver(web.port, WEBHOOK, web.pid).send(100 * seconds, connections=4, per_second=100, keep_alive=False)
    taken = Taken(**json.loads(driver.communicate()[0]))
    assert answers.statuses == {"200": 100 * seconds}, dict(answers.statuses)
    name = f"g. an alert at 100/s beside eight engine workers ({taken.per_second:.0f} trips/s)"
    figures = [
        Figure(f"{name}, p50", answers.percentile(50), "ms", at_least=15.0, aim=8.0, at_most=True),
        Figure(f"{name}, p99", answers.percentile(99), "ms", at_least=60.0, aim=30.0, at_most=True),
    ]
    say(f"(g) alerts beside: p50 {figures[0].value:.1f}, p99 {figures[1].value:.1f} ms, {taken.per_second:.0f} trips/s")
    return figures


def _after_a_backlog(web: Engines, signals: int) -> list[Figure]:
    """How long a claim takes once a backlog is answered and before PostgreSQL has looked at the table again."""
    distribute(web.connection, signals)
    web.connection.execute("ANALYZE")
    # Nothing may look earlier than an unlucky engine would.
    web.connection.execute("ALTER TABLE signal_distributions SET (autovacuum_enabled = off)")
    web.connection.execute(
        "UPDATE signal_distributions SET answered_at = now() WHERE id NOT IN (SELECT id FROM signal_distributions"
        " WHERE engine = 'A' ORDER BY id DESC LIMIT 200)"
    )
    answers = send(web.port, [_claim(web)] * 100, connections=1)
    web.connection.execute("ALTER TABLE signal_distributions RESET (autovacuum_enabled)")
    assert answers.statuses == {"200": 100}, dict(answers.statuses)
    name = f"g. a claim after {2 * signals:,} answered distributions, p50"
    figure = Figure(name, answers.percentile(50), "ms", at_least=10.0, aim=5.0, at_most=True)
    say(f"(g) claim after a backlog: p50 {figure.value:.1f} ms, slowest {max(answers.seconds) * 1000:.0f} ms")
    return [figure]
