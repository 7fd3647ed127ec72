"""What is written to the log, after the commit and with the fields of the contract (R11.4)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from outcomes.models import Incident
from tests.outcomes.desk import C72_5_JULY, leg, make_desk, plan, quote

pytestmark = pytest.mark.django_db(transaction=True)


OF_EVERY_LINE = {"event", "log_level", "level", "logger", "at", "request_id"}


class Lines(logging.Handler):
    """Takes the finished lines of reports apart again."""

    def __init__(self, logs: list[Any]) -> None:
        super().__init__()
        self.logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        self.logs.extend(json.loads(line) for line in record.getMessage().splitlines())


@contextmanager
def captured() -> Iterator[list[Any]]:
    """What is logged in the block, in its order: lines by themselves, and those that a report writes together."""
    logger = logging.getLogger("orchestrator.reports")
    with capture_logs() as logs:
        handler: Any = Lines(logs)
        logger.addHandler(handler)
        try:
            yield logs
        finally:
            logger.removeHandler(handler)


def fields_of(logs: list[Any], event: str) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in entry.items() if name not in OF_EVERY_LINE}
        for entry in logs
        if entry["event"] == event
    ]


def test_a_pair_leaves_its_whole_story() -> None:
    desk = make_desk(recommended=False)
    experiment_id = str(desk.experiment.pk)

    with captured() as logs:
        desk.a.recommend(desk.experiment)
        desk.b.recommend(desk.experiment, plan=plan(leg(C72_5_JULY)))
        real_id, shadow_id = desk.open_real(), desk.open_shadow()
        desk.a.close(real_id, market_conditions={"quotes": {C72_5_JULY: quote()}})

    assert [entry["event"] for entry in logs] == [
        "recommendation.recorded", "recommendation.recorded",
        "permit.confirmed", "trade.opened", "trade.filled", "shadow_trade.created", "trade.filled",
        "trade.filled", "trade.closed", "outcome.recorded",
        "trade.filled", "trade.closed", "outcome.recorded", "shadow_exit.triggered",
    ]  # fmt: skip
    assert fields_of(logs, "shadow_trade.created") == [
        {"experiment_id": experiment_id, "engine": "B", "shadow_trade_id": shadow_id}
    ]
    assert [entry["pnl"] for entry in fields_of(logs, "outcome.recorded")] == ["60.00", "33.00"]
    assert fields_of(logs, "shadow_exit.triggered")[0]["state"] == "DONE"


def test_a_repeat_logs_nothing() -> None:
    desk = make_desk()
    desk.open_real()

    with captured() as logs:
        desk.a.open(desk.experiment)
        desk.a.recommend(desk.experiment)

    assert logs == []


def test_an_incident_is_logged_once_with_its_id() -> None:
    desk = make_desk()

    with captured() as logs:
        desk.b.open(desk.experiment, "REAL")
        desk.b.open(desk.experiment, "REAL")

    [entry] = fields_of(logs, "incident.recorded")
    assert entry["incident_id"] == Incident.objects.get().pk
    assert (entry["kind"], entry["engine"]) == ("double_execution_prevented", "B")
    assert entry["experiment_id"] == str(desk.experiment.pk)


def test_what_was_refused_leaves_no_event_of_success() -> None:
    desk = make_desk()
    real_id, shadow_id = desk.open_real(), desk.open_shadow()

    with captured() as logs:
        desk.a.close(real_id, exit_reason="BORED")
        desk.b.close(shadow_id, exit_reason="BORED")

    # Of real money it is not lost.
    assert [(entry["event"], entry["engine"]) for entry in logs] == [("incident.recorded", "A")]
