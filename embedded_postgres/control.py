"""Reach the supervisor of a place, by way of the launcher when there is none."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.places import Place, runtime_dir_exists

# Crash recovery of a large database takes its time; it goes on when we stop waiting.
READY_SECONDS = 180.0
ATTEMPTS = 5
LONGEST_PROBE_SECONDS = 0.5


def connect(place: Place, max_connections: int, *, may_create: bool) -> socket.socket:
    """Return a connection to the supervisor, started if need be, after its server has answered a query.

    Raise EmbeddedPostgresError when there can be no server.
    """
    for _ in range(ATTEMPTS):
        connection = _open(place)
        if connection is None:
            _launch(place, max_connections, may_create=may_create)
        elif _is_served(connection, place):
            return connection
    raise EmbeddedPostgresError(
        "supervisor_ended",
        "The supervisor of the embedded PostgreSQL ends without a word.",
        f"Read {place.log_file}, or set DATABASE_URL to a PostgreSQL server.",
    )


def _open(place: Place) -> socket.socket | None:
    if not runtime_dir_exists(place):
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(READY_SECONDS)
    try:
        connection.connect(os.fspath(place.control_socket))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise EmbeddedPostgresError(
            "not_reachable",
            f"The supervisor of the embedded PostgreSQL cannot be reached: {error}.",
            "End the programs of this checkout and start again.",
        ) from error
    return connection


def _is_served(connection: socket.socket, place: Place) -> bool:
    """Wait for the supervisor's answer; close the connection and return False when it was about to leave."""
    served = False
    try:
        answer = _read_line(connection, place)
        if answer:
            if "ready" not in json.loads(answer):
                raise EmbeddedPostgresError.from_json(answer.decode())
            _wait_for_query(place)
            served = True
    finally:
        if not served:
            connection.close()
    return served


def _read_line(connection: socket.socket, place: Place) -> bytes:
    """Return the supervisor's answer; empty when it closed the connection instead."""
    received = b""
    try:
        while not received.endswith(b"\n"):
            part = connection.recv(65536)
            if not part:
                return b""
            received += part
    except TimeoutError:
        raise EmbeddedPostgresError(
            "not_ready",
            f"The embedded PostgreSQL was not ready after {READY_SECONDS:.0f} s; it may be recovering from a crash.",
            f"Read {place.log_file}, and start again when it says that it is ready.",
        ) from None
    except ConnectionError:
        return b""
    connection.settimeout(None)
    return received


def _wait_for_query(place: Place) -> None:
    """Wait until a query from this process succeeds: the supervisor may not have noticed a crash yet."""
    import psycopg  # here: importing this module must be cheap and possible without psycopg

    deadline = time.monotonic() + READY_SECONDS
    pause = 0.02
    while True:
        try:
            with psycopg.connect(place.url(), connect_timeout=5) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    "not_ready",
                    f"The embedded PostgreSQL runs but does not answer: {error}.",
                    f"Read {place.log_file}.",
                ) from error
        else:
            return
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PROBE_SECONDS)


def _launch(place: Place, max_connections: int, *, may_create: bool) -> None:
    """Run the launcher; raise what it says."""
    command = [sys.executable, "-m", "embedded_postgres", os.fspath(place.data_dir)]
    command += ["--max-connections", str(max_connections), *(["--may-create"] if may_create else [])]
    paths = [os.fspath(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    result = subprocess.run(  # noqa: S603 - our own module
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode == 0:
        return
    try:
        error = EmbeddedPostgresError.from_json(result.stdout)
    except ValueError:
        error = EmbeddedPostgresError(
            "launch_failed",
            f"The supervisor of the embedded PostgreSQL could not be started: {result.stderr.strip()[-2000:]}",
            "Check the Python installation, or set DATABASE_URL to a PostgreSQL server.",
        )
    raise error
