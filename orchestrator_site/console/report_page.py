"""The comparison report for people: filters whose URL is the permalink, figures, reports that are kept (R5.3, R5.4).

Figures have few digits here, units, and the count they rest on; the exact numbers are in the exports.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from admin_kit.form_fields import filter_choice, filter_text
from admin_kit.options import render_page
from experiments.models import ExecutionMode
from kernel.actors import actor_of
from kernel.values import instant_text
from orchestrator_site.roles import KEEP_REPORT, VIEW_REPORT
from outcomes.models import KeptReport
from outcomes.performance.api import EXIT_PRICES, PerformanceFilterSerializer
from outcomes.performance.figures import FIGURES, Figure, Kind
from outcomes.performance.pairs import COMPARISON, PAIR_FIGURES
from outcomes.performance.report import ENGINES, KINDS, performance_report
from outcomes.performance.scope import PerformanceFilters
from outcomes.services.kept_reports import keep_report
from policies.models import EngineName
from signals_app.models import Direction

DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
INSTANT_HINT = "2026-03-16T00:00:00Z"
MOST_LISTED = 500
PERIODS = {"Last 24 hours": 1, "Last 7 days": 7, "Last 30 days": 30, "Last year": 365}

COLUMNS = tuple((engine, kind) for engine in ENGINES for kind in KINDS)
# A ratio closer to zero is shown by its leading digit instead of as 0.000.
SMALLEST_FIXED = Decimal("0.001")


class ReportForm(forms.Form):
    """The filters of `GET performance`, judged by its own serializer; blank means any."""

    since = filter_text(placeholder=INSTANT_HINT)
    until = filter_text(placeholder=INSTANT_HINT)
    symbol = filter_text()
    timeframe = filter_text(placeholder="5m")
    direction = filter_choice(Direction.values)
    strategy = filter_text()
    source = filter_text()
    execution_mode = filter_choice(ExecutionMode.values)
    policy_version = filter_text(inputmode="numeric")
    variant = filter_choice(EngineName.values)
    hour = filter_text(inputmode="numeric", placeholder="9, New York")
    provenance = filter_choice(EXIT_PRICES, label="Shadow's exit price")
    currency = filter_text(placeholder="USD")

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


def refused(form: ReportForm, *others: str) -> JsonResponse | None:
    """What is wrong with the query of a file, by name; None if nothing is. An unknown filter must not be left out."""
    unknown = {name: ["Unknown filter."] for name in form.data if name not in form.fields and name not in others}
    errors = {**form.errors, **unknown}
    return JsonResponse({"errors": errors}, status=400) if errors else None


def query_of(values: Mapping[str, Any]) -> dict[str, str]:
    """The filters that were filled in, as the API takes them; a date alone is its midnight, UTC."""
    named = {name: values.get(name) for name in ReportForm.base_fields}
    given = {name: "" if value is None else str(value).strip() for name, value in named.items()}
    dated = {name: f"{given[name]}T00:00:00Z" for name in ("since", "until") if DATE.fullmatch(given[name])}
    return {name: value for name, value in (given | dated).items() if value}


def periods(query: Mapping[str, str], now: datetime) -> list[tuple[str, str]]:
    """Title and query string of each period on offer, the rest of the query kept."""
    others = {name: value for name, value in query.items() if name not in {"since", "until"}}
    starts = {title: now - timedelta(days=days) for title, days in PERIODS.items()}
    links = [(title, urlencode(others | {"since": instant_text(since)})) for title, since in starts.items()]
    return [*links, ("All time", urlencode(others))]


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: text to show, exact value or reason as tooltip, the count it rests on, a class of the style sheet."""

    text: str
    exact: str = ""
    basis: str = ""
    style: str = ""

    @property
    def html(self) -> SafeString:
        """The cell of the table; what is undefined says why in sight, because a tooltip needs a mouse."""
        notes = [self.exact, self.basis] if self.style == "to-muted" else [self.basis]
        small = format_html(" <small>{}</small>", " ".join(filter(None, notes))) if any(notes) else ""
        return format_html('<td class="to-number {}" title="{}">{}{}</td>', self.style, self.exact, self.text, small)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure in every column."""

    name: str
    label: str
    meaning: str
    cells: tuple[Cell, ...]


def figure_rows(report: Mapping[str, Any]) -> list[Row]:
    """A row per figure, columns A real, A shadow, A own exit, then B's."""
    return _rows(FIGURES, [report["engines"][engine][kind] for engine, kind in COLUMNS])


def pair_rows(pairs: Mapping[str, Any]) -> dict[str, list[Row]]:
    """The comparison in two columns (one real, both shadows), and what is said of the pairs as a whole."""
    whole = [figure for figure in PAIR_FIGURES if figure not in COMPARISON and figure.name != "unpaired"]
    return {"both": _rows(COMPARISON, [pairs, pairs["unpaired"]]), "whole": _rows(whole, [pairs])}


def _rows(figures: Sequence[Figure], parts: Sequence[Mapping[str, Any]]) -> list[Row]:
    def cell(figure: Figure, part: Mapping[str, Any]) -> Cell:
        value = part[figure.name]
        basis = f"{figure.rests_on.replace('_', ' ')} = {part[figure.rests_on]}" if figure.rests_on else ""
        if value is None:
            text = "n/a" if figure.why_undefined else "none"
            return Cell(text, part["undefined"].get(figure.name, ""), basis, "to-muted")
        if figure.kind in (Kind.GROUP, Kind.LIST, Kind.TALLY):
            return Cell(shown(figure, value), basis=basis, style="to-wraps")
        exact = " to ".join(map(str, value if figure.interval else [value]))
        is_gain = figure.signed and Decimal(value) > 0
        is_loss = figure.signed and Decimal(value) < 0
        return Cell(shown(figure, value), exact, basis, "to-gain" if is_gain else "to-loss" if is_loss else "")

    return [
        Row(figure.name, figure.title, figure.definition, tuple(cell(figure, part) for part in parts))
        for figure in figures
    ]


def shown(figure: Figure, value: Any) -> str:
    """A figure of the API's answer in few digits."""
    if figure.interval:
        return " to ".join(shown(replace(figure, interval=False), bound) for bound in value)
    if figure.kind is Kind.GROUP:
        return ", ".join(
            f"{part.title}: {'n/a' if value[part.name] is None else shown(part, value[part.name])}"
            if part.kind is not Kind.GROUP
            else f"{part.title} ({shown(part, value[part.name])})"
            for part in figure.parts
        )
    if figure.name == "distribution":
        return ", ".join(f"{bin_text(part)}: {part['n']}" for part in value if part["n"]) or "none"
    if figure.kind is Kind.LIST:
        return "; ".join(shown(replace(figure, kind=Kind.GROUP), each) for each in value) or "none"
    if figure.kind is Kind.TALLY:
        return ", ".join(f"{name}: {count}" for name, count in value.items()) or "none"
    if figure.kind in (Kind.COUNT, Kind.FLAG, Kind.WORDS):
        words = {True: "yes", False: "no"}
        return words[value] if isinstance(value, bool) else f"{value:,}" if isinstance(value, int) else str(value)
    number = Decimal(value)
    if figure.unit == "trades":
        # Part of a trade is as good as none.
        return f"{number.to_integral_value(ROUND_CEILING):,}"
    if figure.kind is Kind.SHARE:
        return f"{number * 100:.1f}%"
    # With its sign, so that gain and loss are told apart without colour.
    sign = "+" if figure.signed else ""
    if figure.kind is Kind.RATIO:
        return f"{number:{sign},.3f}" if not number or abs(number) >= SMALLEST_FIXED else f"{number:{sign}.1g}"
    return f"{number:{sign},.2f}"


def bin_text(part: Mapping[str, Any]) -> str:
    """A bin of the distribution in words, in R."""
    low, high = (None if part[name] is None else part[name] for name in ("at_least", "below"))
    if low is None:
        return f"below {high}"
    return f"{low} or more" if high is None else f"{low} to {high}"


def phase_lines(phases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each phase in words, shortened; the whole hashes are in the exports."""

    def answered(engine: str, said: Mapping[str, str]) -> str:
        rules = f" (rules {said['rules_hash'][:8]})" if said["rules_hash"] else ""
        return f"engine {engine} {said['strategy_version'] or 'without an answer'}{rules}"

    return [
        f"{phase['first_day']} to {phase['last_day']}: policy {phase['policy_version']}, "
        + ", ".join(answered(engine, said) for engine, said in phase["engines"].items())
        for phase in phases
    ]


@require_POST
@permission_required(KEEP_REPORT, raise_exception=True)
def keep(request: HttpRequest) -> HttpResponse:
    """Keep the report of the filters in the URL, if it is still the one that was looked at."""
    form = ReportForm(request.GET)
    if not form.is_valid() or form.filters is None:
        return HttpResponseBadRequest("The filters are not valid.")
    report = performance_report(form.filters)
    if report["report_hash"] != request.POST.get("report_hash"):
        messages.warning(request, "The report has changed since you opened it. This is the current one.")
        return redirect(f"{reverse('admin:report')}?{urlencode(query_of(request.GET))}")
    kept_report = keep_report(actor_of(request), report, note=request.POST.get("note", "").strip()[:200])
    messages.success(request, "Report kept. The address of this page is its permalink.")
    return redirect("admin:report_kept", kept_report.report_hash)


@require_safe
@permission_required(VIEW_REPORT, raise_exception=True)
def kept(request: HttpRequest, report_hash: str) -> HttpResponse:
    """Show a kept report as it was; what was kept of an evaluation has a page of its own."""
    found = get_object_or_404(KeptReport, pk=report_hash)
    if "sentence" in found.report:
        return redirect("admin:outcomes_evaluation_kept", report_hash)
    context = {"rows": figure_rows(found.report), "comparison": pair_rows(found.report["pairs"])}
    return render_page(
        request,
        "console/report_kept.html",
        "Kept report",
        kept=found,
        report=found.report,
        phases=phase_lines(found.report["phases"]),
        asked={name: value for name, value in found.report["filters"].items() if value is not None},
        **context,
    )


@require_safe
@permission_required(VIEW_REPORT, raise_exception=True)
def kept_reports(request: HttpRequest) -> HttpResponse:
    """List the kept reports, newest first."""
    return render_page(
        request, "console/reports_kept.html", "Kept reports", kept=KeptReport.objects.defer("report")[:MOST_LISTED]
    )
