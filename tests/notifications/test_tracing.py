"""An experiment is one trace at the desk's collector, from its alert to its outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.core.checks import run_checks
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from notifications import tracing
from notifications.models import TraceMark
from notifications.tracing import ended_between, export_traces, exporter_name, unknown_settings
from tests.database import execute
from tests.experiments.raw_rows import without_triggers
from tests.factories import make_experiment
from tests.notifications.receiver import Receiver, receiving
from tests.outcomes.closed_trades import Closed, close_pair

EPOCH, DOOMSDAY = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A collector that the standard variables name; what has just happened is exported at once."""
    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{receiver.address}")
        monkeypatch.setattr(tracing, "LAG", "-1 second")
        yield receiver


def spans(collector: Receiver) -> list[Span]:
    requests = [ExportTraceServiceRequest.FromString(body) for _, body in collector.taken]
    scopes = [scope for request in requests for resource in request.resource_spans for scope in resource.scope_spans]
    return [span for scope in scopes for span in scope.spans]


def told(span: Span) -> dict[str, str]:
    return {pair.key: pair.value.string_value or str(pair.value.int_value) for pair in span.attributes}


def switch_on() -> None:
    """As if traces had been on since before."""
    TraceMark.objects.create(id=1, until=EPOCH)
    execute("UPDATE trace_marks SET until = now() - interval '1 minute'")


@pytest.mark.django_db
def test_a_pair_is_one_trace_from_its_alert_to_its_outcomes(
    collector: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    TraceMark.objects.create(id=1, until=EPOCH)
    monkeypatch.setattr(tracing, "STEP", "100 years")
    experiment = close_pair("A", Closed("10", "-5"))

    exported = export_traces()

    found = spans(collector)
    assert exported == len(found)
    assert {span.trace_id for span in found} == {experiment.pk.bytes}
    (root,) = (span for span in found if not span.parent_span_id)
    assert {span.parent_span_id for span in found if span is not root} == {root.span_id}
    assert len({span.span_id for span in found}) == len(found)
    once = ["decision", "real trade", "shadow trade", "signal"]
    assert sorted(span.name for span in found) == sorted([*once, *["outcome", "recommendation"] * 2])
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in found)
    results = [told(span) for span in found if span.name == "outcome"]
    assert sorted((one["engine"], one["role"], one["pnl"]) for one in results) == [
        ("A", "REAL", "10"),
        ("B", "SHADOW", "-5"),
    ]


@pytest.mark.django_db
def test_nothing_is_exported_twice_unless_it_was_refused(collector: Receiver) -> None:
    switch_on()
    make_experiment("A")

    collector.status = 400
    assert export_traces() == 0
    refused = spans(collector)
    collector.taken.clear()
    collector.status = 200

    assert (export_traces(), export_traces()) == (len(refused), 0)
    assert [span.span_id for span in spans(collector)] == [span.span_id for span in refused]


@pytest.mark.django_db
def test_what_was_before_they_were_switched_on_stays_where_it_is(collector: Receiver) -> None:
    make_experiment("A")
    with without_triggers():
        execute("UPDATE experiments SET created_at = created_at - interval '1 hour'")

    assert export_traces() == 0
    assert collector.taken == []


@pytest.mark.django_db
def test_a_trace_tells_no_role_before_the_engine_has_answered() -> None:
    for executed in ("A", "B"):
        make_experiment(executed)
    # What differs between any two signals.
    ids = {"experiment.id", "signal.id", "policy.version"}

    found = [(span.name, {k: v for k, v in (span.attributes or {}).items() if k not in ids})
             for span in ended_between(EPOCH, DOOMSDAY)]  # fmt: skip

    for name in ("decision", "signal"):
        one, other = (attributes for told, attributes in found if told == name)
        assert one == other
    assert len(found) == 4


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "none"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, "none"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, "none"),
    ],
)
def test_the_standard_variables_switch_them_on(environ: dict[str, str], name: str) -> None:
    assert exporter_name(environ) == name


def test_what_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert list(unknown_settings({})) == []
    assert list(unknown_settings(asked)) == [
        "OTEL_TRACES_EXPORTER is 'zipkin'; use one of otlp, console, none.",
        "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'; only http/protobuf is installed.",
    ]

    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")

    assert "notifications.E001" in [message.id for message in run_checks()]


@pytest.mark.django_db
def test_a_console_shows_them(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    monkeypatch.setattr(tracing, "LAG", "-1 second")
    switch_on()
    experiment = make_experiment("A")

    assert export_traces() == 2

    assert f'"trace_id": "0x{experiment.pk.hex}"' in capfd.readouterr().out
