"""Traces by OpenTelemetry: an experiment is a trace, from its alert to its outcomes, each stage of it a span.

Made by the worker from what is stored, so that no alert and no call waits for a collector, and none is missing that was
stored. Off unless the standard variables name an exporter.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from kernel.canonical import sha256_hex
from kernel.events import TRACES_EXPORTED, TRACES_REFUSED
from kernel.sql import load
from kernel.values import instant_text

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import SpanContext

EXPORT_SECONDS = 15.0
# What a transaction has stamped may be seen a while later only.
LAG = "30 seconds"
# So much is read at a time, and so many spans go into one request.
STEP = "5 minutes"
MOST_IN_ONE = 512
EXPORT_IS_DUE = "NOT EXISTS (SELECT FROM trace_marks WHERE until > now() - interval '45 seconds')"
EXPORTER, PROTOCOLS = "OTEL_TRACES_EXPORTER", ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXPORTERS, PROTOCOL = ("otlp", "console", "none"), "http/protobuf"
SPANS = load(__file__, "spans.sql")
ROOT = "signal"
# The history of before it was switched on stays where it is.
BEGIN = "INSERT INTO trace_marks (id, until) VALUES (1, now()) ON CONFLICT DO NOTHING"
MARK = "SELECT until, least(now() - %s::interval, until + %s::interval) FROM trace_marks FOR UPDATE SKIP LOCKED"


class Stage(NamedTuple):
    """A stage of an experiment as `spans.sql` tells it; `which` tells one of several, `told` is a flat JSON object."""

    experiment: UUID
    name: str
    which: str
    begun: datetime
    ended: datetime
    has_failed: bool
    told: str


def exporter_name(environ: Mapping[str, str] = os.environ) -> str:
    """Which exporter the standard variables ask for; "none" unless they name one, or an endpoint."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "none"
    named = any(environ.get(name) for name in ENDPOINTS)
    return environ.get(EXPORTER, "").strip().lower() or ("otlp" if named else "none")


def unknown_settings(environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """What these variables ask for and is not there, in sentences."""
    if (name := exporter_name(environ)) not in EXPORTERS:
        yield f"{EXPORTER} is {name!r}; use one of {', '.join(EXPORTERS)}."
    for variable in PROTOCOLS:
        if environ.get(variable, PROTOCOL) != PROTOCOL:
            yield f"{variable} is {environ[variable]!r}; only {PROTOCOL} is installed."


def export_traces() -> int:
    """Export what has ended since the last time, in several steps if it was long ago; return how many spans.

    Each span at least once: its id follows from what it is of, so that a collector knows it again.
    """
    with connection.cursor() as cursor:
        cursor.execute(BEGIN)
    exported = 0
    while (count := _export_step()) is not None:
        exported += count
    return exported


def _export_step() -> int | None:
    """Export one span of time; None when there is none, somebody else is at it, or the collector took nothing."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(MARK, (LAG, STEP))
        row = cursor.fetchone()
        if row is None or row[1] <= row[0]:
            return None
        spans = ended_between(*row)
        for first in range(0, len(spans), MOST_IN_ONE):
            if not _send(spans[first : first + MOST_IN_ONE]):
                TRACES_REFUSED.log(spans=len(spans) - first)
                return None
        cursor.execute("UPDATE trace_marks SET until = %s", (row[1],))
    if spans:
        TRACES_EXPORTED.log(spans=len(spans), until=instant_text(row[1]))
    return len(spans)


def ended_between(since: datetime, until: datetime) -> list[ReadableSpan]:
    """The spans of all stages that ended in this time."""
    with connection.cursor() as cursor:
        cursor.execute(SPANS, {"since": since, "until": until})
        return [_span(Stage(*row)) for row in cursor.fetchall()]


def _span(stage: Stage) -> ReadableSpan:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Status, StatusCode

    return ReadableSpan(
        stage.name,
        context=_context(stage.experiment, stage.name, stage.which),
        parent=None if stage.name == ROOT else _context(stage.experiment, ROOT, ""),
        resource=_resource(),
        attributes={"experiment.id": str(stage.experiment)} | json.loads(stage.told),
        status=Status(StatusCode.ERROR if stage.has_failed else StatusCode.UNSET),
        start_time=_nanoseconds(stage.begun),
        # The times of one transaction are not in the order of the flow.
        end_time=_nanoseconds(max(stage.begun, stage.ended)),
        instrumentation_scope=InstrumentationScope("trading-orchestrator"),
    )


def _context(experiment: UUID, name: str, which: str) -> SpanContext:
    """The experiment's id is the trace's, so that whoever has one finds the other."""
    from opentelemetry.trace import SpanContext, TraceFlags

    digest = sha256_hex(f"{experiment}/{name}/{which}".encode())
    sampled = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(experiment.int, int(digest[:16], 16), is_remote=False, trace_flags=sampled)


def _nanoseconds(moment: datetime) -> int:
    """Nanoseconds since 1970, exact: a float would lose the last of them."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


@cache
def _resource() -> Resource:
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource

    given = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create(None if given else {SERVICE_NAME: "trading-orchestrator"})


def _send(spans: list[ReadableSpan]) -> bool:
    from opentelemetry.sdk.trace.export import SpanExportResult

    exporter = _exporter()
    try:
        return exporter.export(spans) == SpanExportResult.SUCCESS
    finally:
        exporter.shutdown()


def _exporter() -> SpanExporter:
    if exporter_name() == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stdout)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
