"""The report's filters as a form whose address is the permalink of the report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from experiments.models import ExecutionMode
from outcomes.performance.filters import PerformanceFilters
from outcomes.performance.serializers import PerformanceFilterSerializer
from policies.models import EngineName
from signals_app.models import Direction

DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
INSTANT_HINT = {"placeholder": "2026-03-16T00:00:00Z"}
PERIODS = {"Last 24 hours": 1, "Last 7 days": 7, "Last 30 days": 30, "Last year": 365}


def _text(**attrs: str) -> forms.CharField:
    return forms.CharField(required=False, widget=UnfoldAdminTextInputWidget(attrs=attrs))


def _choice(values: list[str]) -> forms.ChoiceField:
    choices = [("", "any"), *((value, value) for value in values)]
    return forms.ChoiceField(required=False, choices=choices, widget=UnfoldAdminSelectWidget)


class ReportForm(forms.Form):
    """The filters of `GET performance`, judged by its own serializer; empty means any."""

    since = _text(**INSTANT_HINT)
    until = _text(**INSTANT_HINT)
    symbol = _text()
    timeframe = _text(placeholder="5m")
    direction = _choice(Direction.values)
    strategy = _text()
    source = _text()
    execution_mode = _choice(ExecutionMode.values)
    policy_version = _text(inputmode="numeric")
    variant = _choice(EngineName.values)

    filters: PerformanceFilters | None = None

    def clean(self) -> dict[str, Any]:
        """Keep the filters as understood; put each objection beside its field."""
        cleaned: dict[str, Any] = super().clean() or {}
        query = PerformanceFilterSerializer(data=query_of(cleaned))
        if query.is_valid():
            self.filters = query.filters()
            return cleaned
        for name, problems in query.errors.items():
            for problem in problems:
                self.add_error(name if name in self.fields else None, str(problem))
        return cleaned


def query_of(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the filters that were filled in, as the API takes them; a date alone is its midnight, UTC."""
    given = {name: str(values.get(name) or "").strip() for name in ReportForm.base_fields}
    dated = {name: f"{given[name]}T00:00:00Z" for name in ("since", "until") if DATE.fullmatch(given[name])}
    return {name: value for name, value in (given | dated).items() if value}


def periods(values: Mapping[str, Any], now: datetime) -> list[tuple[str, str]]:
    """Return title and query string of each period on offer, the other filters kept."""
    others = {name: value for name, value in query_of(values).items() if name not in {"since", "until"}}
    starts = {title: now - timedelta(days=days) for title, days in PERIODS.items()}
    links = [(title, urlencode(others | {"since": f"{since:%Y-%m-%dT%H:%M:%SZ}"})) for title, since in starts.items()]
    return [*links, ("All time", urlencode(others))]
