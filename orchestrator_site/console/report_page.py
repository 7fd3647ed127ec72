"""The comparison report for people, and its exports; the URL is the permalink (R5.3, R5.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from admin_kit.pages import render_page
from experiments.models import ExecutionMode
from kernel.values import instant_text
from orchestrator_site.console.report_export import report_csv
from orchestrator_site.console.report_view import equity_chart, figure_rows, pair_rows
from orchestrator_site.roles import VIEW_REPORT
from outcomes.performance.api import PerformanceFilterSerializer
from outcomes.performance.filters import PerformanceFilters
from outcomes.performance.report import ENGINES, KINDS, cumulative_series, one_snapshot, performance_report
from policies.models import EngineName
from signals_app.models import Direction

BYTE_ORDER_MARK = "\ufeff"
# ASCII, because `\d` alone takes the digits of every script.
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
INSTANT_HINT = {"placeholder": "2026-03-16T00:00:00Z"}
PERIODS = {"Last 24 hours": 1, "Last 7 days": 7, "Last 30 days": 30, "Last year": 365}


def _text(**attrs: str) -> forms.CharField:
    return forms.CharField(required=False, widget=UnfoldAdminTextInputWidget(attrs=attrs))


def _choice(values: list[str]) -> forms.ChoiceField:
    choices = [("", "Any"), *((value, value) for value in values)]
    return forms.ChoiceField(required=False, choices=choices, widget=UnfoldAdminSelectWidget)


class ReportForm(forms.Form):
    """The filters of `GET performance`, judged by its own serializer; blank means any."""

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
        """Keep the filters as understood; put each error beside its field."""
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
    """The filters that were filled in, as the API takes them; a date alone is its midnight, UTC."""
    given = {name: str(values.get(name) or "").strip() for name in ReportForm.base_fields}
    dated = {name: f"{given[name]}T00:00:00Z" for name in ("since", "until") if DATE.fullmatch(given[name])}
    return {name: value for name, value in (given | dated).items() if value}


def periods(values: Mapping[str, Any], now: datetime) -> list[tuple[str, str]]:
    """Title and query string of each period on offer, the other filters kept."""
    others = {name: value for name, value in query_of(values).items() if name not in {"since", "until"}}
    starts = {title: now - timedelta(days=days) for title, days in PERIODS.items()}
    links = [(title, urlencode(others | {"since": instant_text(since)})) for title, since in starts.items()]
    return [*links, ("All time", urlencode(others))]


@require_safe
@permission_required(VIEW_REPORT, raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show the report of the filters in the URL; errors stand beside their fields, and no numbers then."""
    form = ReportForm(request.GET)
    context: dict[str, Any] = {}
    if form.is_valid() and form.filters is not None:
        # Table and chart of one moment.
        with one_snapshot():
            report = performance_report(form.filters)
            series = cumulative_series(form.filters)
        context = {
            "report": report,
            "rows": figure_rows(report),
            "comparison": pair_rows(report["pairs"]),
            "chart": equity_chart(series),
            "nothing": not any(report["engines"][engine][kind]["n"] for engine in ENGINES for kind in KINDS),
        }
    return render_page(
        request,
        "console/report.html",
        "Comparison report",
        form=form,
        periods=periods(request.GET, timezone.now()),
        query=urlencode(query_of(request.GET)),
        **context,
    )


@require_safe
@permission_required(VIEW_REPORT, raise_exception=True)
def export(request: HttpRequest, form: str) -> HttpResponse:
    """The same report as a file: json, or csv (`?bom=1` for Excel, which needs the mark to read UTF-8)."""
    asked = ReportForm(request.GET)
    if not asked.is_valid() or asked.filters is None:
        return JsonResponse({"errors": asked.errors}, status=400)
    report = performance_report(asked.filters)
    answer: HttpResponse
    if form == "json":
        answer = JsonResponse(report, json_dumps_params={"indent": 2})
    elif form == "csv":
        mark = BYTE_ORDER_MARK if request.GET.get("bom") == "1" else ""
        answer = HttpResponse(mark + report_csv(report), content_type="text/csv; charset=utf-8")
    else:
        raise Http404
    answer["Content-Disposition"] = f'attachment; filename="comparison-report.{form}"'
    return answer
