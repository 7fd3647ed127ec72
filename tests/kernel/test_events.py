"""Log events: one table, and nobody logs anything else."""

from __future__ import annotations

import ast
import re

import pytest
from structlog.testing import capture_logs

from kernel.event_fields import FIELDS
from kernel.event_lines import Event
from kernel.events import EVENTS, PROGRAM_DIED, WORKER_DATABASE_UNAVAILABLE
from tests.kernel.product import modules

EVENT_NAME = re.compile(r"[a-z_]+\.[a-z_]+")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def named_log_calls(module: ast.Module) -> list[str]:
    """Names of events in calls such as `logger.info("signal.received")`."""
    return [
        call.args[0].value
        for call in ast.walk(module)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in LEVELS
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
        and EVENT_NAME.fullmatch(call.args[0].value)
    ]


def test_events_are_logged_by_the_table_only() -> None:
    strays = {path: names for path, module in modules().items() if (names := named_log_calls(module))}

    assert strays == {}


def test_every_field_of_every_event_is_described_and_no_other() -> None:
    assert {name for event in EVENTS for name in (*event.fields, *event.optional)} == FIELDS.keys()


def test_a_stray_log_call_would_be_found() -> None:
    stray = ast.parse('log.warning("signal.received", signal_id=1)')

    assert named_log_calls(stray) == ["signal.received"]


def test_every_event_is_logged_somewhere() -> None:
    import kernel.events

    used = {
        node.id
        for path, module in modules().items()
        if path != "kernel/events.py"
        for node in ast.walk(module)
        if isinstance(node, ast.Name)
    }
    constants = {name for name, value in vars(kernel.events).items() if isinstance(value, Event)}

    assert constants - used == set()


def test_no_two_events_have_the_same_name() -> None:
    names = [event.name for event in EVENTS]

    assert len(names) == len(set(names))


def test_an_event_is_written_with_its_level_and_fields() -> None:
    with capture_logs() as lines:
        PROGRAM_DIED.log(program="web", code=1)

    assert lines == [{"event": "program.died", "log_level": "error", "program": "web", "code": 1}]


@pytest.mark.parametrize("fields", [{"program": "web"}, {"program": "web", "code": 1, "mood": "bad"}])
def test_a_missing_or_undeclared_field_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=r"program\.died takes"):
        PROGRAM_DIED.log(**fields)


def test_an_optional_field_may_be_left_out() -> None:
    with capture_logs() as lines:
        WORKER_DATABASE_UNAVAILABLE.log(error="gone")
        WORKER_DATABASE_UNAVAILABLE.log(error="gone", cluster="decisions")

    assert [line.get("cluster") for line in lines] == [None, "decisions"]
