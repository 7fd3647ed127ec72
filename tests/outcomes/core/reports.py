"""One entry, one exit, and the parts of the error that a report about them is refused with."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from outcomes.core.trade_reports import ReportedLeg

from kernel.errors import DomainError
from outcomes.core.trades import Leg

Error = tuple[str, str, str]  # code, pointer, detail

NOW = datetime(2014, 6, 5, 20, tzinfo=UTC)
ENTRY = datetime(2014, 6, 5, 14, tzinfo=UTC)
EXIT = datetime(2014, 6, 5, 18, tzinfo=UTC)
ONE = (Leg("X", "LONG", 1, Decimal("1.39")),)
SPREAD = (Leg("LOW", "LONG", 1, Decimal(3)), Leg("HIGH", "SHORT", 2, Decimal(1)))


def exit_leg(instrument: str, **said: Any) -> ReportedLeg:
    return ReportedLeg(instrument, **said)


def parts(error: DomainError) -> Error:
    return error.code, error.pointer, error.detail
