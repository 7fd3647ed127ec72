"""Closed trades and pairs as rows: filtered by the address like the report, sorted, paged, and whole as CSV or Parquet.

Real and shadow trades, own exits and pairs are lists of their own: nothing is added up over them.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe
from unfold.widgets import UnfoldAdminSelectWidget

from admin_kit.form_fields import filter_choice
from admin_kit.options import render_page
from kernel.values import decimal_text, format_timestamp, parse_instant, uuid_from
from orchestrator_site.console.report_page import ReportForm, query_of, refused
from orchestrator_site.console.trade_words import signal_of
from orchestrator_site.roles import VIEW_REPORT
from outcomes.analyst_api.columns import OUTCOMES, PAIRS
from outcomes.analyst_api.files import WRITERS, Part, file_answer
from outcomes.performance.listing import KINDS, ORDERS, Listing, Place
from outcomes.performance.report import one_snapshot
from outcomes.performance.scope import Scope
from policies.models import EngineName

PAGE = 50
ORDER_TITLES = {"newest": "Newest exit", "oldest": "Oldest exit", "best": "Highest P&L", "worst": "Lowest P&L"}
assert list(ORDER_TITLES) == list(ORDERS)
# Beside the engine of a row that is a trade of one.
ROLES = {"real": "real", "shadow": "shadow", "own_exit": "shadow, own exit"}


class RowsForm(ReportForm):
    """The filters of the report, and which rows in which order."""

    kind = forms.ChoiceField(required=False, choices=list(KINDS.items()), widget=UnfoldAdminSelectWidget, label="Rows")
    engine = filter_choice(EngineName.values)
    order = forms.ChoiceField(
        required=False, choices=list(ORDER_TITLES.items()), widget=UnfoldAdminSelectWidget, label="Sorted by"
    )

    def listing(self) -> Listing:
        """The rows asked for; call it within one snapshot."""
        assert self.filters is not None
        return Listing(Scope.of(self.filters), self.cleaned_data["kind"] or "real", self.cleaned_data["engine"] or None)


def rows_query(values: Any) -> dict[str, str]:
    """The query of a list: the report's filters, and which rows in which order."""
    return query_of(values) | {name: values[name] for name in ("kind", "engine", "order") if values.get(name)}


@require_safe
@permission_required(VIEW_REPORT, raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show fifty rows; a wrong filter stands beside its field, and no rows then."""
    form = RowsForm(request.GET)
    context: dict[str, Any] = {}
    query = rows_query(request.GET)
    if form.is_valid():
        order = form.cleaned_data["order"] or "newest"
        try:
            after = _place(request, order)
        except (ValueError, InvalidOperation):
            return HttpResponseBadRequest("The list has no such place.")
        with one_snapshot():
            listing = form.listing()
            found = listing.page(order, PAGE + 1, after)
            count = listing.count()
        rows = found[:PAGE]
        place = {}
        if len(found) > PAGE:
            last = rows[-1]
            place = {"after": format_timestamp(last["exit_time"]), "id": last["id"]}
            place |= {"pnl": decimal_text(last["p"])} if ORDERS[order][0] == "p" else {}
        context = {
            "rows": [_shown(row, ROLES.get(listing.kind, "")) for row in rows],
            "count": count,
            "count_text": f"{count:,}",
            "currency": listing.scope.filters.currency,
            "kind": listing.kind,
            "kind_title": KINDS[listing.kind],
            "is_pairs": listing.is_of_pairs,
            "order": order,
            "orders": [(name, title, urlencode(query | {"order": name})) for name, title in ORDER_TITLES.items()],
            "kinds": [(name, title, urlencode(query | {"kind": name})) for name, title in KINDS.items()],
            "first": urlencode(query) if after is not None else None,
            "next": urlencode(query | place) if place else None,
        }
    return render_page(
        request, "console/rows.html", "Rows", form=form, query=urlencode(query),
        report_query=urlencode(query_of(request.GET)), **context,
    )  # fmt: skip


def _place(request: HttpRequest, order: str) -> Place | None:
    after = request.GET.get("after")
    if after is None:
        return None
    identity = uuid_from(request.GET.get("id", ""))
    if identity is None:
        raise ValueError("No ID.")
    pnl = Decimal(request.GET.get("pnl", "")) if ORDERS[order][0] == "p" else None
    if pnl is not None and not pnl.is_finite():
        raise ValueError("No number.")
    return Place(parse_instant(after), identity, pnl)


def _shown(row: dict[str, Any], role: str) -> dict[str, Any]:
    notes = [
        text
        for name, text in (("unpriced", "unpriced"), ("violating", "broke a rule"), ("amended", "amended"))
        if row[name]
    ]
    if row["pnl"] is None and not row["unpriced"]:
        notes.append("not comparable")
    if row["left_out"]:
        notes.append("left out of the figures")
    return row | {
        "link": reverse("admin:experiments_experiment_change", args=(row["experiment_id"],)),
        "role": role,
        "signal": signal_of(row),
        "b_pnl": None if row["a_pnl"] is None or row["pnl"] is None else row["a_pnl"] - row["pnl"],
        "r_text": "" if row["r"] is None else f"{row['r']:+.3f}",
        "price_from": row["price_provenance"].replace("_", " ").capitalize(),
        "notes": ", ".join(notes),
    }


@require_safe
@permission_required(VIEW_REPORT, raise_exception=True)
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """All rows of the filters as one file, oldest first, read and sent some thousands at a time."""
    asked = RowsForm(request.GET)
    if (refusal := refused(asked)) is not None:
        return refusal
    if form not in WRITERS:
        raise Http404
    kind = asked.cleaned_data["kind"] or "real"

    def parts() -> Iterator[Part]:
        yield from asked.listing().parts()

    columns = PAIRS if kind in ("paired", "unpaired") else OUTCOMES
    return file_answer(form, f"{kind.replace('_', '-')}-rows", columns, parts)
