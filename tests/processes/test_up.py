"""`manage.py up` as real processes: it serves, it stops whole, and a database that goes away comes back."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from experiments.models import Experiment
from tests.chaos.services import service
from tests.factories import make_source
from tests.processes.harness import database_url, descendants, free_port, http_status, is_alive, manage, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

TOKEN = "a-token-of-sufficient-length"
FEW_PROCESSES = {"WEB_PROCESSES": "1", "ALERT_PROCESSES": "1"}
SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s"


def send_alert(port: int, minute: int) -> int:
    """Send one alert and return the answer's status."""
    body = {"ticker": "SPY", "action": "buy", "interval": "5", "time": f"2026-03-16T14:{minute:02}:00Z"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/webhooks/tradingview/{TOKEN}/", data=json.dumps(body).encode(), method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)


def take_database_away(*, away: bool) -> None:
    """Let nobody connect to the test database and end every session but the test's own; or let them in again."""
    own = connection.get_connection_params()
    name = own["dbname"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    with psycopg.connect(
        host=own.get("host"), user=own.get("user"), password=own.get("password"), dbname="postgres", autocommit=True
    ) as maintenance:
        maintenance.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {"false" if away else "true"}'.encode())
        if away:
            maintenance.execute(SESSIONS, (name, pid))


def parent_of(pid: int) -> int:
    return int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])


def wait_until_ready(port: int) -> None:
    wait_until(lambda: http_status(f"http://127.0.0.1:{port}/readyz") == 200, seconds=180, what="readiness")


def test_two_that_start_at_once_on_a_new_database_both_come_up(tmp_path: Path) -> None:
    ports, name = [free_port(), free_port()], "two_at_once"
    with new_database(name), ExitStack() as sites:
        url = database_url().replace(f"/{connection.get_connection_params()['dbname']}?", f"/{name}?")
        for number, port in enumerate(ports):
            log = tmp_path / f"log-{number}"
            sites.enter_context(manage("up", "--port", str(port), log=log, DATABASE_URL=url, **FEW_PROCESSES))
        for port in ports:
            wait_until_ready(port)


@contextmanager
def new_database(name: str) -> Iterator[None]:
    """An empty database beside the one of the tests."""
    own = connection.get_connection_params()
    with psycopg.connect(
        host=own.get("host"), user=own.get("user"), password=own.get("password"), dbname="postgres", autocommit=True
    ) as maintenance:
        maintenance.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield
        finally:
            maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_up_replaces_programs_that_stand_still_and_killed_leaves_nothing_running(tmp_path: Path) -> None:
    port = free_port()
    with manage("up", "--port", str(port), log=tmp_path / "log", **FEW_PROCESSES) as site:
        wait_until_ready(port)
        programs = [pid for pid in descendants(site.pid) if parent_of(pid) == site.pid]
        for pid in programs:
            os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: not any(map(is_alive, programs)), what="the end of web server and worker")
        wait_until_ready(port)
        family = descendants(site.pid)

        site.kill()

        wait_until(lambda: not any(map(is_alive, family)), seconds=15, what="the end of all processes")


def test_a_program_that_always_ends_by_itself_ends_everything_and_is_named(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with service("up", "--port", str(free_port()), log=log, **FEW_PROCESSES) as site:

        def has_given_up() -> bool:
            for one in site.family():
                if one.program() == "worker":
                    with suppress(ProcessLookupError):  # it ended meanwhile
                        os.kill(one.pid, signal.SIGTERM)
            assert site.process
            return site.process.poll() is not None

        wait_until(has_given_up, what="the end of the site")

        assert site.process
        assert site.process.returncode == 1
        wait_until(lambda: not site.survivors(), seconds=5, what="the end of all processes")
    assert "The worker program ended 5 times within a minute, so everything was stopped." in log.read_text()


def test_a_port_in_use_is_said_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with manage("up", "--port", port, log=tmp_path / "log") as site:
            assert site.wait(60) == 1

    assert f"Cannot listen on 127.0.0.1:{port}" in (tmp_path / "log").read_text()


def test_it_decides_outlasts_a_lost_database_and_sigterm_stops_every_process(tmp_path: Path) -> None:
    make_source(token=TOKEN, max_age_seconds=0)
    port = free_port()
    with manage("up", "--port", str(port), log=tmp_path / "log", **FEW_PROCESSES) as site:
        wait_until_ready(port)
        # For the first one the session is opened, which may take longer than an alert waits.
        wait_until(lambda: send_alert(port, 0) == 200, what="the first alert taken")
        wait_until(lambda: Experiment.objects.count() == 1, what="the first decision")
        # Said now and not at the end, whoever reads the output.
        wait_until(lambda: "Ready at" in (tmp_path / "log").read_text(), what="the sentence that it is ready")

        take_database_away(away=True)
        try:
            statuses = {send_alert(port, 1), http_status(f"http://127.0.0.1:{port}/readyz")}
        finally:
            take_database_away(away=False)

        assert statuses == {503}
        wait_until(lambda: send_alert(port, 1) == 200, what="an alert taken")
        wait_until(lambda: Experiment.objects.count() == 2, what="the second decision")
        family = descendants(site.pid)

        site.terminate()

        assert site.wait(20) == 0
    wait_until(lambda: not any(map(is_alive, family)), seconds=5, what="the end of all processes")
