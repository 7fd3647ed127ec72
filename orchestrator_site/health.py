"""Probes and metrics: is the process alive, is it ready, how is it doing."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from math import isinf
from os import environ
from time import time
from typing import NamedTuple

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from experiments.models import DecisionTime
from experiments.worker.liveness import HEARTBEAT_AGE, STARTING_SECONDS
from kernel.processes import METRICS_FOLDER
from signals_app.alerts.admission import FORWARDED, client_address

# A signal is decided within milliseconds.
WAITING_LIMIT_SECONDS = 30.0
# Engines are told times by the web host's clock, and alerts are judged by the database's.
CLOCK_LIMIT_SECONDS = 5.0


UNFINISHED = "SELECT coalesce(max(extract(epoch FROM now() - since)), 0)::float8 FROM unfinished_work WHERE what = '{}'"
# A replay of archives says nothing about what is in the database.
LAST_REPLAY = "SELECT {} FROM replay_runs WHERE {} (selection ? 'archive') ORDER BY id DESC LIMIT 1"


class Number(NamedTuple):
    """One number of the system's state: `orchestrator_<name>` in the metrics; NULL is a number that does not exist.

    What engines do with their trades depends on their roles, and so does a number that `tells_roles`.
    """

    name: str
    help: str
    sql: str
    tells_roles: bool = False


NUMBERS = (
    Number("signals_waiting", "Signals waiting for a decision", "SELECT count(*) FROM pending_signals"),
    Number(
        "signals_oldest_wait_seconds",
        "Age of the oldest signal waiting for a decision",
        "SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0)::float8 FROM pending_signals",
    ),
    Number(
        "signals_failed",
        "Failed signals waiting for a retry or an operator",
        "SELECT count(*) FROM failed_signals WHERE discarded_at IS NULL",
    ),
    Number(
        "signals_discarded",
        "Failed signals that an operator discarded",
        "SELECT count(*) FROM failed_signals WHERE discarded_at IS NOT NULL",
    ),
    Number(
        "worker_heartbeat_age_seconds",
        "Seconds since a worker last showed progress",
        HEARTBEAT_AGE,
    ),
    Number(
        "exit_directives_pending",
        "Shadow exits waiting for a price",
        "SELECT count(*) FROM exit_directives WHERE state = 'PENDING'",
        tells_roles=True,
    ),
    Number(
        "alerts_missing",
        "Alerts that sources should have sent in the last 24 hours and have not",
        "SELECT count(*) FROM missing_alerts"
        " WHERE noticed_at >= now() - interval '1 day' AND resolved_at IS NULL AND kind <> 'silence'",
    ),
    Number(
        "sources_silent",
        "Webhook sources that have been silent for longer than usual",
        "SELECT count(*) FROM missing_alerts WHERE kind = 'silence' AND resolved_at IS NULL",
    ),
    Number(
        "database_time_seconds",
        "The database's clock, by which alerts are judged, in seconds since 1970",
        "SELECT extract(epoch FROM clock_timestamp())::float8",
    ),
    Number(
        "exits_overdue",
        "Shadow exits whose time for a price is over",
        "SELECT count(*) FROM exit_directives WHERE state = 'PENDING' AND expires_at < now()",
        tells_roles=True,
    ),
    Number(
        "incidents_open",
        "Incidents that nobody has acknowledged",
        "SELECT (SELECT count(*) FROM incidents) - (SELECT count(*) FROM incident_acknowledgements)",
        tells_roles=True,
    ),
    Number(
        "guardrails_tripped",
        "Guardrails that have tripped and were not released",
        "SELECT count(*) FROM guardrail_trips WHERE released_at IS NULL",
        tells_roles=True,
    ),
    Number(
        "replay_differences",
        "Differences that the last replay has found",
        LAST_REPLAY.format("differences", "NOT"),
    ),
    Number(
        "replay_age_seconds",
        "Seconds since the last replay began",
        LAST_REPLAY.format("extract(epoch FROM now() - started_at)::float8", "NOT"),
    ),
    Number(
        "archive_differences",
        "Files and decisions that the last replay of archives has found to differ",
        LAST_REPLAY.format("differences", ""),
    ),
    Number(
        "archiving_unfinished_seconds",
        "Seconds since archiving began and has not succeeded: a minute while it runs, more when it fails or hangs",
        UNFINISHED.format("archives"),
    ),
    Number(
        "months_unfinished_seconds",
        "Seconds since the partitions of the next months could not be made, or rows came for a month that has none",
        UNFINISHED.format("months"),
    ),
    Number(
        "engines_unavailable",
        "Engines that are enabled and were silent for longer than the policy allows",
        "SELECT count(*) FROM engines e, (SELECT * FROM policy_versions ORDER BY version DESC LIMIT 1) p"
        " WHERE e.enabled AND e.last_heartbeat_at <= now() - make_interval(secs => p.heartbeat_ttl_seconds)",
    ),
    Number("halted", "1 while trading is halted", "SELECT count(*) FROM halts WHERE released_at IS NULL"),
    Number("policy_version", "Active policy version", "SELECT max(version) FROM policy_versions"),
    Number(
        "engine_a_heartbeat_age_seconds",
        "Seconds since engine A's last heartbeat",
        "SELECT extract(epoch FROM now() - last_heartbeat_at)::float8 FROM engines WHERE name = 'A'",
    ),
    Number(
        "engine_b_heartbeat_age_seconds",
        "Seconds since engine B's last heartbeat",
        "SELECT extract(epoch FROM now() - last_heartbeat_at)::float8 FROM engines WHERE name = 'B'",
    ),
)
# TradingView gives up after three seconds; a claim may wait for 25, and the door gives a page 60.
ALERT_BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0)
CALL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0, 60.0)
# A call that no page process has answered has no route.
UNANSWERED = "unanswered"
# Whether an engine's permits are confirmed, and what it reports next, is among the calls it makes.
CALLS = "orchestrator_api_call_seconds"
WITHHELD = (
    "# Set METRICS_TOKEN and scrape with it to be told of calls, exits, incidents and guardrails as well: whoever sees"
    " them can tell which engine trades for real.\n"
)
# When a time series began nobody asks here, and it would double what is scraped.
disable_created_metrics()  # type: ignore[no-untyped-call]
# All numbers of one scrape from one snapshot: right across processes and restarts.
QUERY = f"SELECT {', '.join(f'({number.sql})' for number in NUMBERS)}"


def read_numbers() -> dict[str, float | None]:
    """The numbers as of now, by name."""
    with connection.cursor() as cursor:
        cursor.execute(QUERY)
        row = cursor.fetchone()
    return {number.name: value for number, value in zip(NUMBERS, row, strict=True)}


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when database, migrations and worker are all well, else 503 and the reason."""
    checks = {"database": "ok"}
    try:
        # Before the numbers, whose tables may not be there yet.
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            checks["migrations"] = "pending; run `manage.py migrate`"
        else:
            numbers = read_numbers()
            checks |= {"migrations": "ok", "worker": _worker_state(numbers), "clock": _clock_state(numbers)}
    except (DatabaseError, InterfaceError) as error:
        checks = {"database": f"unavailable: {error}".strip()}
    ready = all(state == "ok" for state in checks.values())
    document: dict[str, object] = {"status": "ok" if ready else "not ready"}
    if _may_look_inside(request):
        document["checks"] = checks
    answer = JsonResponse(document, status=200 if ready else 503)
    # Whoever asks knows what it means: of a site that is starting Django would log an error at each look.
    answer._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
    return answer


def _may_look_inside(request: HttpRequest) -> bool:
    """Whether the request carries METRICS_TOKEN or, where there is none, comes from this machine."""
    if settings.METRICS_TOKEN:
        given = request.META.get("HTTP_AUTHORIZATION", "").encode()
        return hmac.compare_digest(given, f"Bearer {settings.METRICS_TOKEN}".encode())
    if any(name in request.META for name in FORWARDED):
        return False
    address = client_address(request.META.get("REMOTE_ADDR", ""), "", 0)
    return address is not None and address.is_loopback


def _worker_state(numbers: dict[str, float | None]) -> str:
    age = numbers["worker_heartbeat_age_seconds"]
    if age is None:
        return "no worker has started yet; run `manage.py worker`"
    if age > STARTING_SECONDS:
        return f"no progress for {age:.0f} s"
    waiting = numbers["signals_oldest_wait_seconds"] or 0.0
    if waiting > WAITING_LIMIT_SECONDS:
        return f"a signal has been waiting for {waiting:.0f} s"
    return "ok"


def _clock_state(numbers: dict[str, float | None]) -> str:
    ahead = time() - (numbers["database_time_seconds"] or 0.0)
    if abs(ahead) <= CLOCK_LIMIT_SECONDS:
        return "ok"
    return f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the database's; set the clock of one of them"


def call_seconds(registry: CollectorRegistry) -> Histogram:
    """What times calls of the API in whichever process knows when they came; kept as `DoorMetrics` are."""
    return Histogram(
        CALLS,
        "Seconds from a call's last byte, or from when a thread takes it up, to the end of its answer, by method,"
        " status and route",
        ["method", "status", "route"],
        registry=registry,
        buckets=CALL_BUCKETS,
    )


class DoorMetrics:
    """What alert processes count and time: where `METRICS_FOLDER` is set, in files that outlive them."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=False)
        self.alerts = Histogram(
            "orchestrator_webhook_seconds",
            "Seconds from an alert's last byte to its answer, by status",
            ["status"],
            registry=registry,
            buckets=ALERT_BUCKETS,
        )
        self.calls = call_seconds(registry)
        self.batches = Counter(
            "orchestrator_alert_batches",
            "Batches of alerts that alert processes have stored, each in one commit",
            registry=registry,
        )
        self.stored = Counter("orchestrator_alerts_stored", "Alerts in these batches", registry=registry)
        self.lines_dropped = Counter(
            "orchestrator_log_lines_dropped",
            "Lines of the alert processes' logs that nobody took in time",
            registry=registry,
        )


class OrchestratorCollector(Collector):
    """Reads the numbers from the database at scrape time; a number that does not exist is left out."""

    def __init__(self, *, tells_roles: bool) -> None:
        self.numbers = [number for number in NUMBERS if tells_roles or not number.tells_roles]

    def collect(self) -> Iterator[Metric]:
        """Yield one gauge per number, and how long decisions took."""
        values = read_numbers()
        for number in self.numbers:
            if (value := values[number.name]) is not None:
                yield GaugeMetricFamily(f"orchestrator_{number.name}", number.help, value=float(value))
        yield GaugeMetricFamily(
            "orchestrator_live", "1 when APP_MODE is LIVE", value=float(settings.APP_MODE == "LIVE")
        )
        total, buckets, seconds = 0, [], 0.0
        for one in DecisionTime.objects.order_by("up_to_seconds"):
            total, seconds = total + one.decisions, seconds + one.seconds
            buckets.append(("+Inf" if isinf(one.up_to_seconds) else str(one.up_to_seconds), float(total)))
        if buckets:
            yield HistogramMetricFamily(
                "orchestrator_decision_seconds",
                "Seconds from an alert's arrival to the transaction that decided it; told half a minute later",
                buckets=buckets,
                sum_value=seconds,
            )


class ProcessCollector(Collector):
    """What all processes of this web server have counted and timed."""

    def __init__(self, *, tells_roles: bool) -> None:
        self.counts = MultiProcessCollector(CollectorRegistry(auto_describe=False))  # type: ignore[no-untyped-call]
        self.tells_roles = tells_roles

    def collect(self) -> Iterator[Metric]:
        """Yield each of them once."""
        for metric in self.counts.collect():  # type: ignore[no-untyped-call]
            if self.tells_roles or metric.name != CALLS:
                yield metric


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus' text format; 401 without the token, or from elsewhere; 503 while the database is away.

    An engine on the same machine needs no token where there is none: it is told nothing by which it could guess its
    role before it has answered.
    """
    if not _may_look_inside(request):
        refused = HttpResponse(
            "Send METRICS_TOKEN as `Authorization: Bearer`; where none is set, this machine alone is answered.",
            status=401, content_type="text/plain",
        )  # fmt: skip
        refused["WWW-Authenticate"] = "Bearer"
        return refused
    # Not described before: that would ask the database once more. Not the library's own registry, which adds the
    # memory and garbage of whichever process answers.
    registry = CollectorRegistry(auto_describe=False)
    tells_roles = bool(settings.METRICS_TOKEN)
    registry.register(OrchestratorCollector(tells_roles=tells_roles))
    if METRICS_FOLDER in environ:
        registry.register(ProcessCollector(tells_roles=tells_roles))
    try:
        text = generate_latest(registry) + (b"" if tells_roles else WITHHELD.encode())
    except (OperationalError, InterfaceError) as error:
        return HttpResponse(
            f"The database is unavailable: {error}", status=503, content_type="text/plain; charset=utf-8"
        )
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
