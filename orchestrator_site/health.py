"""Probes and metrics: is the process alive, is it ready, how is it doing."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

# A worker beats every 5 s; a signal is decided within milliseconds.
HEARTBEAT_LIMIT_SECONDS = 20.0
WAITING_LIMIT_SECONDS = 30.0

# All business numbers of one scrape, from one snapshot: right across processes and restarts.
NUMBERS = """
SELECT
    (SELECT count(*) FROM signals WHERE status = 'PENDING'),
    (SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0)::float8 FROM signals WHERE status = 'PENDING'),
    (SELECT count(*) FROM signals WHERE status = 'FAILED' AND discarded_at IS NULL),
    (SELECT count(*) FROM signals WHERE status = 'FAILED' AND discarded_at IS NOT NULL),
    (SELECT extract(epoch FROM now() - max(beat_at))::float8 FROM worker_heartbeats),
    (SELECT count(*) FROM exit_directives WHERE state = 'PENDING'),
    (SELECT count(*) FROM halts WHERE released_at IS NULL),
    (SELECT max(version) FROM policy_versions),
    (SELECT extract(epoch FROM now() - last_heartbeat_at)::float8 FROM engines WHERE name = 'A'),
    (SELECT extract(epoch FROM now() - last_heartbeat_at)::float8 FROM engines WHERE name = 'B')
"""
NAMES = (
    ("signals_waiting", "Signals waiting for a decision"),
    ("signals_oldest_wait_seconds", "Age of the oldest signal waiting for a decision"),
    ("signals_failed", "Failed signals waiting for a retry or an operator"),
    ("signals_discarded", "Failed signals that an operator discarded"),
    ("worker_heartbeat_age_seconds", "Seconds since a worker last showed progress"),
    ("exit_directives_pending", "Shadow exits waiting for a price"),
    ("halted", "1 while trading is halted"),
    ("policy_version", "Active policy version"),
    ("engine_a_heartbeat_age_seconds", "Seconds since engine A's last heartbeat"),
    ("engine_b_heartbeat_age_seconds", "Seconds since engine B's last heartbeat"),
)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when database, migrations and worker are all well, else 503 and the reason."""
    checks = _checks()
    ready = all(state == "ok" for state in checks.values())
    return JsonResponse({"status": "ok" if ready else "not ready", "checks": checks}, status=200 if ready else 503)


def _checks() -> dict[str, str]:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return {"database": "ok", "migrations": "pending; run `manage.py migrate`"}
        numbers = _numbers()
    except (DatabaseError, InterfaceError) as error:
        return {"database": f"unavailable: {error}".strip()}
    return {"database": "ok", "migrations": "ok", "worker": _worker_state(numbers)}


def _worker_state(numbers: dict[str, float | None]) -> str:
    age = numbers["worker_heartbeat_age_seconds"]
    if age is None:
        return "no worker has started yet; run `manage.py worker`"
    if age > HEARTBEAT_LIMIT_SECONDS:
        return f"no progress for {age:.0f} s"
    waiting = numbers["signals_oldest_wait_seconds"] or 0.0
    if waiting > WAITING_LIMIT_SECONDS:
        return f"a signal has been waiting for {waiting:.0f} s"
    return "ok"


def _numbers() -> dict[str, float | None]:
    with connection.cursor() as cursor:
        cursor.execute(NUMBERS)
        row = cursor.fetchone()
    return {name: value for (name, _), value in zip(NAMES, row, strict=True)}


class OrchestratorCollector(Collector):
    """Reads the numbers from the database at scrape time; a number that does not exist is left out."""

    def collect(self) -> Iterator[Metric]:
        """Yield one gauge per number."""
        numbers = _numbers()
        for name, text in NAMES:
            if (value := numbers[name]) is not None:
                yield GaugeMetricFamily(f"orchestrator_{name}", text, value=float(value))
        yield GaugeMetricFamily(
            "orchestrator_live", "1 when APP_MODE is LIVE", value=float(settings.APP_MODE == "LIVE")
        )


# Not described at import time: that would ask the database.
REGISTRY = CollectorRegistry(auto_describe=False)
REGISTRY.register(OrchestratorCollector())


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus' text format, or 503 while the database is away."""
    try:
        text = generate_latest(REGISTRY)
    except (OperationalError, InterfaceError) as error:
        return HttpResponse(
            f"The database is unavailable: {error}", status=503, content_type="text/plain; charset=utf-8"
        )
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
