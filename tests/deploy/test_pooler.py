"""A real PgBouncer as `deploy/pgbouncer/pgbouncer.ini` sets it up: nothing answers 500, and no limit is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client

from embedded_postgres import APPLICATION
from experiments.models import Experiment
from orchestrator_site.database_roles import grant_to_application, owns_tables
from orchestrator_site.environment import database_settings
from outcomes.models import RealOutcome, ShadowOutcome
from signals_app.models import Signal
from tests.deploy.tools import needs, needs_disguise, running
from tests.factories import api_client, make_available, make_experiment, make_signal, make_source
from tests.outcomes.desk import C72_5_JULY, Desk, leg, make_desk, plan, quote
from tests.processes.harness import free_port, manage, wait_until
from tests.signals_app.webhook.door import open_door, post
from tests.signals_app.webhook.webhook import TOKEN, alert

pytestmark = [pytest.mark.django_db(transaction=True), needs("pgbouncer"), needs_disguise(), pytest.mark.processes]
EXAMPLE = Path(settings.BASE_DIR) / "deploy/pgbouncer/pgbouncer.ini"
PASSWORD = "application"
PAGES = ("/metrics", "/admin/", "/admin/experiments/experiment/", "/admin/kernel/auditentry/?as=csv")


@pytest.fixture(scope="module")
def pooler(tmp_path_factory: pytest.TempPathFactory, django_db_setup: object, django_db_blocker: Any) -> Iterator[int]:
    """The example, on the database of the tests, for the role that owns nothing; its port.

    Two sessions for all web servers show who relies on one of his own.
    """
    folder, port = tmp_path_factory.mktemp("pgbouncer"), free_port()
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            grant_to_application(cursor, APPLICATION, PASSWORD)
        parameters = connection.get_connection_params()
        connection.close()
    target = f"host={parameters['host']} port={parameters.get('port', 5432)}"
    (folder / "users").write_text(f'"{APPLICATION}" "{PASSWORD}"\n')
    text = EXAMPLE.read_text()
    for old, new in (
        (r"host=127.0.0.1 port=5432 dbname=orchestrator", f"{target} dbname={parameters['dbname']}"),
        (r"pool_size=20", "pool_size=2"),
        (r"(?m)^listen_port = .*", f"listen_port = {port}\nunix_socket_dir ="),
        (r"(?m)^auth_file = .*", f"auth_file = {folder / 'users'}"),
    ):
        text, count = re.subn(old, new, text)
        assert count, old
    (folder / "pgbouncer.ini").write_text(text)
    with running(["pgbouncer", str(folder / "pgbouncer.ini")], port, folder / "log", refuses_root=True):
        yield port


def address(port: int, name: str) -> str:
    return f"postgresql://{APPLICATION}:{PASSWORD}@127.0.0.1:{port}/{name}"


@pytest.fixture
def pooled(pooler: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Let the site use one of the pooler's databases, by its URL."""
    before = connections["default"]

    def use(name: str, query: str = "") -> None:
        said = database_settings(address(pooler, name) + query)
        # Every thread makes its own connection from these.
        monkeypatch.setitem(connections.settings, "default", connections.settings["default"] | said)
        connections["default"] = connections.create_connection("default")

    yield use
    connection.close()
    connections["default"] = before


def ask(path: str, user: User) -> tuple[str, int]:
    """Ask for a page as a thread of the web server does, on a connection of its own."""
    try:
        client = Client()
        client.force_login(user)
        answer = client.get(path)
        if answer.streaming:
            assert b"".join(answer).count(b"\n") >= 2
        return path, answer.status_code
    finally:
        connections.close_all()


@pytest.mark.parametrize(
    ("name", "query"),
    [("orchestrator_web", "?prepare_threshold=None"), ("orchestrator_worker", "")],
    ids=["transaction mode", "session mode"],
)
def test_pages_calls_and_alerts_answer_behind_it(pooled: Any, name: str, query: str) -> None:
    make_source()
    make_available("A", "B")
    make_experiment()
    user = User.objects.create_superuser("operator")
    pooled(name, query)

    with open_door() as port, ThreadPoolExecutor(2) as threads:
        alerts = [
            threads.submit(post, port, f"/webhooks/tradingview/{TOKEN}/", json.dumps(alert(symbol=symbol)).encode(),
                           "application/json", HTTP_HOST="localhost")
            for symbol in ("AAPL", "MSFT", "QQQ", "TSLA")
        ]  # fmt: skip
        assert dict(threads.map(ask, PAGES * 3, [user] * len(PAGES) * 3)) == dict.fromkeys(PAGES, 200)
        assert [one.result().status_code for one in alerts] == [200] * 4
    assert api_client("engine-a").get("/api/v1/trades").status_code == 200
    assert Signal.objects.count() == 5
    assert not owns_tables()


def test_engines_trade_behind_it_at_the_same_time(pooled: Any) -> None:
    """More of them than the pooler has sessions: a call's transactions may come to different ones."""
    desks = [make_desk(recommended=False) for _ in range(4)]
    pooled("orchestrator_web", "?prepare_threshold=None")

    def trade(desk: Desk) -> int:
        try:
            assert desk.a.recommend(desk.experiment).status == 201
            assert desk.b.recommend(desk.experiment, plan=plan(leg(C72_5_JULY))).status == 201
            real = desk.open_real()
            desk.open_shadow()
            return desk.a.close(real, market_conditions={"quotes": {C72_5_JULY: quote()}}).status
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(trade, desks)) == [200] * 4
    assert list(RealOutcome.objects.values_list("pnl", flat=True)) == [60] * 4
    assert list(ShadowOutcome.objects.values_list("pnl", flat=True)) == [33] * 4


def test_a_worker_decides_behind_it_in_session_mode(pooler: int, tmp_path: Path) -> None:
    make_available("A", "B")
    signals = [make_signal().pk for _ in range(3)]

    with manage("worker", log=tmp_path / "worker.log", DATABASE_URL=address(pooler, "orchestrator_worker")):
        wait_until(lambda: Experiment.objects.count() == 3, what="the decisions")
        # This one it is told of, by the session that listens.
        signals.append(make_signal().pk)
        wait_until(lambda: Experiment.objects.count() == 4, what="the decision of a new one")

    assert set(Experiment.objects.values_list("signal_id", flat=True)) == set(signals)


def test_control_statements_that_a_session_should_keep_fail_in_transaction_mode(pooled: Any) -> None:
    pooled("orchestrator_web")
    one, other = (connections.create_connection("default") for _ in range(2))

    for session in (one, other):
        session.ensure_connection()
    psycopg.Cursor(one.connection).execute("SELECT 1", prepare=True)

    with pytest.raises(psycopg.errors.DuplicatePreparedStatement):
        psycopg.Cursor(other.connection).execute("SELECT 1", prepare=True)

    one.close()
    other.close()


@pytest.mark.parametrize(
    ("name", "limits"),
    [("orchestrator_web", {"statement_timeout": "1min", "lock_timeout": "900ms"}),
     ("orchestrator_worker", {"idle_in_transaction_session_timeout": "20s", "client_connection_check_interval": "2s"})],
)  # fmt: skip
def test_the_time_limits_of_the_programs_hold_behind_it(pooled: Any, name: str, limits: dict[str, str]) -> None:
    pooled(name, "?prepare_threshold=None")

    for _ in range(3):
        with connection.cursor() as cursor:
            for limit, expected in limits.items():
                cursor.execute("SELECT current_setting(%s)", (limit,))
                assert cursor.fetchone()[0] == expected
        connection.close()
