"""Real processes for tests: a database of their own, `manage.py` commands, and waiting for a condition."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import connection

from embedded_postgres import APPLICATION
from kernel.processes import port_error
from orchestrator_site.database_roles import grant_to_application

MANAGE = str(Path(settings.BASE_DIR) / "manage.py")
# Below those that Linux gives to whoever connects or asks for any port: before the server is up that is to have it,
# one of those might be another test's. Each process of a run begins elsewhere.
_ports = itertools.count(10_000 + os.getpid() * 101 % 20_000)


def wait_until(condition: Callable[[], Any], *, seconds: float = 60.0, what: str = "the condition") -> Any:
    """Return the first true value of the condition; fail with its name when it never comes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true within {seconds:.0f} s")


def database_url() -> str:
    """Return the URL of the test database as its owner."""
    connection.ensure_connection()
    parameters = connection.get_connection_params()
    return _url(parameters, parameters.get("user") or "", parameters.get("password") or "")


def application_url() -> str:
    """Return that of the role that owns nothing, for child processes."""
    with connection.cursor() as cursor:
        grant_to_application(cursor, APPLICATION, "application")
    return _url(connection.get_connection_params(), APPLICATION, "application")


def _url(parameters: dict[str, Any], user: str, password: str) -> str:
    query = urlencode({"host": parameters.get("host") or ""}, quote_via=quote)
    login = quote(user) + (f":{quote(password)}" if password else "")
    return f"postgresql://{login}@/{parameters['dbname']}?{query}"


def free_port() -> int:
    """A port for a server that is yet to start."""
    return next(port for port in _ports if port_error("127.0.0.1", port) is None)


@contextmanager
def manage(*arguments: str, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a management command against the test database; everything it started ends with the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, MANAGE, *arguments],
            env={**os.environ, "DATABASE_URL": application_url(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def descendants(pid: int) -> list[int]:
    """Return the pids of all living processes below this one, from /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    found, frontier = [], {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier}
        found += sorted(frontier)
    return found


def web_processes(pid: int, kind: str) -> list[int]:
    """The web server's processes of this kind, `alerts` or `pages`, among those below this one."""
    found = []
    for each in descendants(pid):
        # One of them may just have ended.
        with suppress(FileNotFoundError, ProcessLookupError):
            words = (Path("/proc") / str(each) / "cmdline").read_text().split("\0")
            if words[1:4] == ["-m", "orchestrator_site.web", kind]:
                found.append(each)
    return found


def is_alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def http_status(url: str) -> int:
    """Return the status of a GET, 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)
    except OSError:
        return 0
