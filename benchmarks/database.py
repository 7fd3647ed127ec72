"""The database of a measurement: durable, of its own, emptied between measurements."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent
DATA_DIR = ROOT / ".data" / "benchmark"
NAME = "orchestrator_benchmark"

DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
# Latencies are read from the times of commits.
MEASURED = {"track_commit_timestamp": "on"}
# Without the append-only tables of policy: their first version stays.
EMPTY = """
TRUNCATE signals, webhook_deliveries, market_contexts, experiments, execution_policy, signal_distributions,
         waiting_signals, worker_batches, django_q_ormq CASCADE
"""

Connection = psycopg.Connection[tuple[Any, ...]]


def prepare() -> str:
    """Create an empty database on the server; return its URL."""
    where = server()
    with connect(where) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {NAME}".encode())
    url = named(where, NAME)
    with connect(url) as connection:
        _refuse_fast_and_loose(connection)
    return url


def server(folder: Path = DATA_DIR, settings: Mapping[str, str] = MEASURED) -> str:
    """The URL of DATABASE_URL's server, or of an embedded one in a folder of its own, started with these settings."""
    return os.environ.get("DATABASE_URL") or _embedded(folder, settings)


def named(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def duplicate(url: str) -> str:
    """Copy the database, which nobody may use now; return the copy's URL."""
    with connect(named(url, "postgres")) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {NAME}_peers WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {NAME}_peers TEMPLATE {NAME}".encode())
    return named(url, f"{NAME}_peers")


def connect(url: str) -> Connection:
    """A connection that commits each statement."""
    return psycopg.connect(url, autocommit=True)


def empty(connection: Connection) -> None:
    """Remove all rows and write everything out, so that each measurement starts alike."""
    connection.execute(EMPTY)
    connection.execute("CHECKPOINT")


def number(connection: Connection, query: str) -> float:
    """The one number that the query yields, 0 for NULL."""
    row = connection.execute(query.encode()).fetchone()
    return float(row[0] or 0) if row else 0.0


def wait_until_zero(connection: Connection, query: str, *, seconds: float, pause: float = 0.02) -> float:
    """Return when the query yields 0, on the monotonic clock; raise TimeoutError when it does not in time."""
    deadline = time.perf_counter() + seconds
    while number(connection, query):
        if time.perf_counter() > deadline:
            raise TimeoutError(f"not done within {seconds:.0f} s: {query}")
        time.sleep(pause)
    return time.perf_counter()


def _embedded(folder: Path, settings: Mapping[str, str]) -> str:
    from embedded_postgres import ensure_running, release

    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "postgres"
    url = ensure_running(place)
    with psycopg.connect(url, autocommit=True) as connection:
        if all(connection.execute(f"SHOW {name}".encode()).fetchone() == (value,) for name, value in settings.items()):
            return url
        for name, value in settings.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
    release(place)
    _wait_until_gone(url)
    return ensure_running(place)


def _wait_until_gone(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            psycopg.connect(url, connect_timeout=1).close()
        except psycopg.OperationalError:
            return
        time.sleep(0.1)
    raise TimeoutError("the embedded server did not stop")


def _refuse_fast_and_loose(connection: Connection) -> None:
    for name in DURABLE:
        if connection.execute(f"SHOW {name}".encode()).fetchone() == ("off",):
            raise SystemExit(f"PostgreSQL runs with {name}=off; figures without durability mean nothing. Set it on.")
