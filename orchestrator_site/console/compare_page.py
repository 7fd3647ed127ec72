"""The Compare page: A against B on the same signals, drawn, sliced and named trade by trade (R5.3, R5.4).

Everything stands in the address: filters, unit, and with `?csv=` the chart whose table is wanted as a file. What reads
rows is a part of its own (`?part=`), so that the page is there at once.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from admin_kit.charts import csv_answer
from admin_kit.options import render_page
from orchestrator_site.console.compare_charts import (
    Unit,
    distribution_chart,
    equity_charts,
    months_table,
    role_chart,
)
from orchestrator_site.console.compare_slices import calibration_charts, slice_charts
from orchestrator_site.console.compare_words import execution, exits, lead
from orchestrator_site.console.report_page import (
    ReportForm,
    figure_rows,
    pair_rows,
    periods,
    phase_lines,
    query_of,
)
from orchestrator_site.console.trade_words import signal_of
from orchestrator_site.roles import VIEW_REPORT
from outcomes.performance.comparison import MOST_READ, course_of_pairs, groups, totals
from outcomes.performance.listing import extremes
from outcomes.performance.pairs import EXPLORATORY
from outcomes.performance.report import ENGINES, KINDS, one_snapshot, performance_report, phases_in
from outcomes.performance.scope import Scope

EXTREMES = 5
MANY_PAIRS = 20_000
# Figures of the pairs that stand above the table of all.
SAID = ("nature", "distribution", "a_real", "b_real")


class CompareForm(ReportForm):
    """The filters of the report, and what amounts are in."""

    unit = forms.ChoiceField(required=False, choices=[("", "R"), ("currency", "currency")], widget=forms.HiddenInput)


@require_safe
@permission_required(VIEW_REPORT, raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show the comparison of the filters in the URL; errors stand beside their fields, and no numbers then."""
    form = CompareForm(request.GET)
    in_r = request.GET.get("unit") != "currency"
    query = query_of(request.GET) | Unit("", in_r).query
    seen: dict[str, Any] = {}
    if form.is_valid() and form.filters is not None:
        part = request.GET.get("part", "")
        if part and part not in PARTS:
            raise Http404
        # Table and charts of one moment.
        with one_snapshot():
            scope = Scope.of(form.filters)
            unit = Unit("R" if in_r else str(scope.filters.currency), in_r)
            seen = PARTS[part](scope, unit) if part else _overview(scope, unit)
        if (file := csv_answer(request, seen.get("charts", {}).values())) is not None:
            return file
        seen |= {"unit": unit, "part": part, "nature": EXPLORATORY, "query": urlencode(query_of(request.GET))}
        if part:
            return TemplateResponse(request, f"console/compare_{part}.html", seen)
        seen |= {
            "other_currencies": [(code, urlencode(query | {"currency": code})) for code in seen["other_currencies"]],
            "units": [
                ("R", urlencode(query_of(request.GET)), in_r),
                (scope.filters.currency, urlencode(query | {"unit": "currency"}), not in_r),
            ],
            "part_query": urlencode(query),
        }
    return render_page(
        request, "console/compare.html", "Compare", form=form, periods=periods(query, timezone.now()), **seen
    )


def _overview(scope: Scope, unit: Unit) -> dict[str, Any]:
    slots, found = course_of_pairs(scope, in_r=unit.in_r), totals(scope, in_r=unit.in_r)
    own = totals(scope, "own_pair", in_r=unit.in_r)
    # Several filters add up many cells, so the figures come after the page.
    is_long = len(scope.narrowing) > 1 and found[""].n > MANY_PAIRS
    seen: dict[str, Any] = {"charts": {}} if is_long else _figures(scope, unit)
    phases = phases_in(scope) if is_long else seen["report"]["phases"]
    if slots:
        equity, drawdown = equity_charts(slots, found[""], unit, phases)
        seen["charts"] |= {
            "equity": equity, "drawdown": drawdown, "roles": role_chart(found, unit),
            "months": months_table(slots, unit),
        }  # fmt: skip
    return seen | {
        "phases": phase_lines(phases),
        "lead": lead(found, unit),
        "execution": execution(found, unit),
        "exits": exits(own, unit),
        # Beside the sentence, for the sign may turn with the exit.
        "has_own_exits": bool(own[""].n),
        "other_currencies": [code for code in scope.currencies if code != scope.filters.currency],
    }


def _figures(scope: Scope, unit: Unit) -> dict[str, Any]:
    """The report with its hash, every figure, and how the differences spread."""
    report = performance_report(scope.filters)
    distribution = distribution_chart(report["pairs"])
    return {
        "report": report,
        "rows": figure_rows(report),
        "comparison": {
            part: [row for row in rows if row.name not in SAID] for part, rows in pair_rows(report["pairs"]).items()
        },
        "charts": {} if distribution is None else {"distribution": distribution},
        "nothing": not any(report["engines"][engine][kind]["n"] for engine in ENGINES for kind in KINDS),
    }


def _trades(scope: Scope, unit: Unit) -> dict[str, Any]:
    """The best and worst pairs, and the best and worst trades of each engine."""
    rows = [_named(row) for row in extremes(scope, EXTREMES)]

    def first(whose: str) -> dict[str, list[dict[str, Any]]]:
        return {
            order: sorted(
                (row for row in rows if row["whose"] == whose and row[order] <= EXTREMES), key=itemgetter(order)
            )
            for order in ("best", "worst")
        }

    return {
        "pairs": first(""),
        "engines": [(engine, first(engine)) for engine in ENGINES],
        "currency": scope.filters.currency,
        "size": EXTREMES,
    }


def _named(row: dict[str, Any]) -> dict[str, Any]:
    amounts = {"p": row["p"], "a_pnl": row["a_pnl"]}
    if row["a_pnl"] is not None:
        amounts["b_pnl"] = row["a_pnl"] - row["p"]
    cents = {name: None if amount is None else round(amount, 2) for name, amount in amounts.items()}
    return (
        row
        | cents
        | {
            "link": reverse("admin:experiments_experiment_change", args=(row["experiment_id"],)),
            "signal": signal_of(row),
            "r_text": "" if row["counted_r"] is None else f"{row['counted_r']:+.3f}",
        }
    )


def _slices(scope: Scope, unit: Unit) -> dict[str, Any]:
    """The slices, and each engine's real trades beside its shadows."""
    found = groups(scope, in_r=unit.in_r)
    slices = slice_charts(found, unit, query_of(scope.filters.document()) | unit.query)
    calibration = calibration_charts(found, unit)
    return {
        "slices": slices,
        "calibration": calibration,
        "charts": {chart.identity: chart for chart in (*slices, *calibration)},
        # Every trade has a spread, if only an unknown one.
        "most_read": "" if calibration else f"{MOST_READ:,}",
        "tries": sum(len(chart.rows) for chart in slices),
    }


PARTS: dict[str, Callable[[Scope, Unit], dict[str, Any]]] = {"trades": _trades, "slices": _slices, "figures": _figures}
