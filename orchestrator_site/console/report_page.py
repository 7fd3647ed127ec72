"""The comparison report for people, and its exports; the address is the permalink (R5.3, R5.4)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from orchestrator_site.console.report_export import report_csv
from orchestrator_site.console.report_form import ReportForm, periods, query_of
from orchestrator_site.console.report_view import MONEY, RATIO, figure_rows, shown
from orchestrator_site.roles import VIEW_REPORT
from outcomes.performance.chart import cumulative_chart
from outcomes.performance.filters import PerformanceFilters
from outcomes.performance.report import cumulative_series, one_snapshot, performance_report

BYTE_ORDER_MARK = "\ufeff"
# The colours of the lines outside a page, where no style sheet sets them.
SVG_TYPE = "image/svg+xml"


@require_safe
@permission_required(VIEW_REPORT, raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show the report of the filters in the address; wrong ones are told beside their fields."""
    form = ReportForm(request.GET)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Comparison report",
        "form": form,
        "periods": periods(request.GET, timezone.now()),
        "query": urlencode(query_of(request.GET)),
    }
    if form.is_valid() and form.filters is not None:
        context |= report_context(form.filters)
    return TemplateResponse(request, "console/report.html", context)


@require_safe
@permission_required(VIEW_REPORT, raise_exception=True)
def export(request: HttpRequest, form: str) -> HttpResponse:
    """Return the same report as json, csv (`?bom=1` for spreadsheets that want it) or svg, as a file."""
    asked = ReportForm(request.GET)
    if not asked.is_valid() or asked.filters is None:
        return JsonResponse({"errors": asked.errors}, status=400)
    answer = _file(form, asked.filters, with_bom=request.GET.get("bom") == "1")
    answer["Content-Disposition"] = f'attachment; filename="comparison-report.{form}"'
    return answer


def report_context(filters: PerformanceFilters) -> dict[str, Any]:
    """Return the report as the page shows it, table and chart of one moment."""
    with one_snapshot():
        report = performance_report(filters)
        chart = cumulative_chart(cumulative_series(filters))
    pairs = report["pairs"]
    return {
        "report": report,
        "rows": figure_rows(report),
        "pairs": pairs,
        "mean_difference": shown("mean_difference", pairs, MONEY),
        "unpaired_difference": shown("mean_difference", pairs["unpaired"], MONEY),
        "wilcoxon_p": shown("p", (pairs["wilcoxon"] or {}) | {"undefined": pairs["undefined"]}, RATIO),
        # The chart escapes every text it draws; see svg_chart.py.
        "chart": mark_safe(chart),  # noqa: S308
        "nothing": not any(report["engines"][engine][kind]["n"] for engine in "AB" for kind in ("real", "shadow")),
    }


def _file(form: str, filters: PerformanceFilters, *, with_bom: bool) -> HttpResponse:
    if form == "json":
        return JsonResponse(performance_report(filters), json_dumps_params={"indent": 2})
    if form == "csv":
        text = report_csv(performance_report(filters))
        return HttpResponse((BYTE_ORDER_MARK if with_bom else "") + text, content_type="text/csv; charset=utf-8")
    if form == "svg":
        return HttpResponse(cumulative_chart(cumulative_series(filters)), content_type=SVG_TYPE)
    raise Http404
