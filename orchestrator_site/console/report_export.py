"""The report as a file: JSON, or CSV with one figure a line, safe to open in a spreadsheet (R5.4)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from admin_kit.charts import csv_cell
from orchestrator_site.console.report_page import ReportForm, refused
from orchestrator_site.roles import VIEW_REPORT
from outcomes.performance.report import performance_report

BYTE_ORDER_MARK = "\ufeff"
HEADER = ("part", "figure", "value", "undefined_because")


@require_safe
@permission_required(VIEW_REPORT, raise_exception=True)
def export(request: HttpRequest, form: str) -> HttpResponse:
    """The same report as a file: json, or csv (`?bom=1` for Excel, which needs the mark to read UTF-8)."""
    asked = ReportForm(request.GET)
    if (refusal := refused(asked, "bom")) is not None:
        return refusal
    assert asked.filters is not None
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


def report_csv(report: Mapping[str, Any]) -> str:
    """Every figure as a line: part (such as engines.A.real), name, exact value, why it is undefined."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerow(("report", "as_of", csv_cell(report["as_of"]), ""))
    writer.writerow(("report", "report_hash", report["report_hash"], ""))
    writer.writerow(("report", "currencies", " ".join(report["currencies"]), ""))
    for number, phase in enumerate(report["phases"], start=1):
        writer.writerows(_lines(f"phases.{number}", phase))
    for part in ("filters", "engines", "pairs", "conventions"):
        writer.writerows(_lines(part, report[part]))
    return output.getvalue()


def _lines(part: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    reasons = fields.get("undefined", {})
    for name, value in fields.items():
        if name == "undefined":
            continue
        if isinstance(value, Mapping):
            yield from _lines(f"{part}.{name}", value)
        elif isinstance(value, (list, tuple)):
            for number, item in enumerate(value, start=1):
                if isinstance(item, Mapping):
                    yield from _lines(f"{part}.{name}.{number}", item)
                else:
                    yield part, f"{name}.{number}", csv_cell(item), ""
        else:
            yield part, name, csv_cell(value), csv_cell(reasons.get(name, "") if value is None else "")
