"""One alert on its way from the bytes of its request to the report, through the site as `manage.py up` serves it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.wsgi import get_wsgi_application
from django.db import connection, connections
from django.test import Client
from django.test.runner import DiscoverRunner
from django.utils.module_loading import import_string
from django_q.brokers import get_broker
from django_q.signing import SignedPackage

from experiments.models import Experiment
from kernel.actors import Actor
from kernel.values import format_timestamp
from orchestrator_site.database_roles import become_owner
from policies.services import create_api_key, ensure_first_version
from tests.factories import make_policy, make_source
from tests.outcomes.desk import C72_5_JULY, RULES_HASH, leg, plan, quote, real_exit, recommendation, touched, trade
from tests.signals_app.webhook.door import open_door, open_pages
from tests.signals_app.webhook.webhook import TOKEN, alert
from tests.size.trace import Trace, import_product

WEBHOOK = f"/webhooks/tradingview/{TOKEN}/"


class Site:
    """The site as it is served, its processes as threads of this one."""

    def __init__(self, port: int) -> None:
        self._port = port

    def send(self, method: str, url: str, body: Any = None, **headers: str) -> Any:
        """Send a request; any answer but 2xx fails."""
        raw = b"" if body is None else json.dumps(body).encode()
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request(method, url, raw, {"Host": "localhost", "Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert 200 <= answer.status < 300, f"{method} {url}: {answer.status} {content[:500]!r}"
        return json.loads(content) if content.startswith(b"{") else content


def trace_an_alert() -> Trace:
    """Send one alert through everything, in a database of its own that is gone afterwards."""
    become_owner()
    connection.settings_dict["TEST"]["NAME"] = f"size_{connection.settings_dict['NAME']}"
    import_product()
    runner, trace = DiscoverRunner(verbosity=0, interactive=False), Trace()
    runner.setup_test_environment()
    databases = runner.setup_databases()
    try:
        with (
            trace.running(),
            TemporaryDirectory() as folder,
            open_door(open_pages(Path(folder), get_wsgi_application())) as port,
        ):
            _follow(Site(port), trace)
    finally:
        with connection.cursor() as cursor:
            # The threads of the site keep their sessions.
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        connections.close_all()
        runner.teardown_databases(databases)
        runner.teardown_test_environment()
    return trace


def _follow(site: Site, trace: Trace) -> None:
    ensure_first_version()
    make_policy(configured_mode="ENGINE_A_PRIMARY")
    make_source()
    a, b, analyst = (_key(owner) for owner in ("engine-a", "engine-b", "analyst"))
    for key in (a, b):
        site.send("POST", "/api/v1/heartbeat", {"engine_version": "1.0", "rules_hash": RULES_HASH}, **key)
    # An alert before this one, by which threads and worker open their sessions: those are no stops of its way.
    site.send("POST", WEBHOOK, alert(symbol="QQQ"))
    broker = get_broker()
    _decide(broker)
    body = alert(rsi=61.5)

    with trace.stage("A receive"):
        signal_id = site.send("POST", WEBHOOK, body)["signal_id"]
    with trace.stage("B decide"):
        _decide(broker)
    experiment = Experiment.objects.get(signal=signal_id)
    with trace.stage("C engines"):
        shadow_leg = leg(C72_5_JULY, entry_price="0.98")
        for key, planned in ((a, plan()), (b, plan(shadow_leg))):
            claimed = site.send("POST", "/api/v1/assignments/claim", {"limit": 5}, **key)
            assert str(experiment.pk) in {assignment["experiment_id"] for assignment in claimed["assignments"]}
            site.send("POST", "/api/v1/recommendations", recommendation(experiment, plan=planned), **key)
        site.send("POST", f"/api/v1/permits/{experiment.pk}/confirm", {}, **a)
        entered = _now()
        real = site.send("POST", "/api/v1/trades", trade(experiment, entry_time=entered), **a)
        shadow = trade(experiment, "SHADOW", legs=[shadow_leg], entry_time=entered)
        shadow["entry_quotes"] = {C72_5_JULY: touched(shadow_leg, entered)}
        site.send("POST", "/api/v1/trades", shadow, **b)
        left = _now()
        # Quotes nothing of the shadow's contract, so that engine B has to price it.
        site.send("POST", f"/api/v1/trades/{real['trade_id']}/exit", real_exit(exit_time=left), **a)
        (directive,) = site.send("GET", "/api/v1/exit-directives", **b)["exit_directives"]
        answer = {"quotes": {C72_5_JULY: quote(quote_time=left)}}
        site.send("POST", f"/api/v1/exit-directives/{directive['id']}/report", answer, **b)
    with trace.stage("D report"):
        report = site.send("GET", "/api/v1/performance", **analyst)
        assert report["engines"]["B"]["shadow"]["n"] == 1
    with trace.stage("E page of the report, beyond the report itself"):
        page = site.send("GET", "/admin/report/", cookie=_session())
        assert b"n = 1" in page


def _now() -> str:
    return format_timestamp(datetime.now(UTC))


def _decide(broker: Any) -> None:
    """Do what the cluster does, in its pusher and in its worker."""
    tasks = broker.dequeue()
    assert tasks, "no drain was due"
    task: dict[str, Any] = SignedPackage.loads(tasks[0][1])
    import_string(task["func"])()


def _key(owner: str) -> dict[str, str]:
    _, text = create_api_key(Actor("tests"), owner=owner, name=owner)
    return {"authorization": f"Api-Key {text}"}


def _session() -> str:
    """The cookie of an analyst who is signed in."""
    user = User.objects.create_user("an-analyst", is_staff=True)
    user.groups.set(Group.objects.filter(name="analyst"))
    browser = Client()
    browser.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"
