"""Closed trades and pairs as rows: filtered by the address like the report, sorted, paged, and whole as CSV or Parquet.

Real and shadow trades, own exits and pairs are lists of their own: nothing is added up over them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
from django import forms
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe
from unfold.widgets import UnfoldAdminSelectWidget

from admin_kit.charts import csv_cell
from admin_kit.form_fields import filter_choice
from admin_kit.options import render_page
from kernel.values import decimal_text, format_timestamp, parse_instant, uuid_from
from orchestrator_site.console.report_page import ReportForm, query_of
from orchestrator_site.roles import VIEW_REPORT
from outcomes.performance.listing import KINDS, ORDERS, Listing, Place
from outcomes.performance.report import one_snapshot
from outcomes.performance.scope import Scope
from policies.models import EngineName

PAGE = 50
ORDER_TITLES = {"newest": "Newest exit", "oldest": "Oldest exit", "best": "Highest P&L", "worst": "Lowest P&L"}
assert list(ORDER_TITLES) == list(ORDERS)
# Wide enough for any amount that a broker pays; the CSV keeps every digit.
AMOUNT = pa.decimal128(38, 12)
INSTANT = pa.timestamp("us", tz="UTC")


def _difference(row: dict[str, Any], name: str, of_a: str) -> Any:
    return None if row[of_a] is None or row[name] is None else row[of_a] - row[name]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the files: its name, its type in Parquet, what it holds of a row."""

    name: str
    type: pa.DataType
    of: Callable[[dict[str, Any]], Any]


def _plain(name: str, kind: pa.DataType, key: str = "") -> Column:
    return Column(name, kind, lambda row: row[key or name])


# R is a quotient: to fifteen digits, as everywhere.
def _ratio(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


COLUMNS = (
    _plain("exit_time", INSTANT), Column("experiment_id", pa.string(), lambda row: str(row["experiment_id"])),
    _plain("kind", pa.string()), _plain("engine", pa.string()), _plain("symbol", pa.string()),
    _plain("timeframe", pa.string()), _plain("direction", pa.string()), _plain("strategy", pa.string()),
    _plain("source", pa.string()), _plain("execution_mode", pa.string()), _plain("policy_version", pa.int32()),
    _plain("variant", pa.string()), _plain("currency", pa.string()), _plain("pnl", AMOUNT),
    Column("r", pa.float64(), lambda row: _ratio(row["r"])), _plain("price_provenance", pa.string()),
    _plain("unpriced", pa.bool_()), _plain("violating", pa.bool_()), _plain("left_out", pa.bool_()),
    _plain("amended", pa.bool_()),
)  # fmt: skip
PAIR_COLUMNS = (
    _plain("a_pnl", AMOUNT),
    Column("b_pnl", AMOUNT, lambda row: _difference(row, "pnl", "a_pnl")),
    Column("a_r", pa.float64(), lambda row: _ratio(row["a_r"])),
    Column("b_r", pa.float64(), lambda row: _ratio(_difference(row, "r", "a_r"))),
)


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
            return HttpResponseBadRequest("That is no place in this list.")
        with one_snapshot():
            listing = form.listing()
            found = listing.page(order, PAGE + 1, after)
            count = listing.count()
        rows = found[:PAGE]
        last = rows[-1] if len(found) > PAGE else None
        context = {
            "rows": [_shown(row) for row in rows],
            "count": count,
            "currency": listing.scope.filters.currency,
            "kind": listing.kind,
            "kind_title": KINDS[listing.kind],
            "is_pairs": listing.kind in ("paired", "unpaired"),
            "order": order,
            "orders": [(name, title, urlencode(query | {"order": name})) for name, title in ORDER_TITLES.items()],
            "kinds": [(name, title, urlencode(query | {"kind": name})) for name, title in KINDS.items()],
            "first": urlencode(query) if after is not None else None,
            "next": None if last is None else urlencode(query | _place_query(last, order)),
        }
    return render_page(
        request, "console/rows.html", "Rows", form=form, query=urlencode(query),
        report_query=urlencode(query_of(request.GET)), **context,
    )  # fmt: skip


def _place_query(row: dict[str, Any], order: str) -> dict[str, str]:
    value = row[ORDERS[order][0]]
    return {"after": decimal_text(value) if isinstance(value, Decimal) else format_timestamp(value), "id": row["id"]}


def _place(request: HttpRequest, order: str) -> Place | None:
    after = request.GET.get("after")
    if after is None:
        return None
    identity = uuid_from(request.GET.get("id", ""))
    if identity is None:
        raise ValueError("No ID.")
    value = parse_instant(after) if ORDERS[order][0] == "exit_time" else Decimal(after)
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError("No number.")
    return Place(value, identity)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
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
        "signal": " ".join((row["symbol"], row["timeframe"], row["direction"].lower())),
        "b_pnl": _difference(row, "pnl", "a_pnl"),
        "r_text": "" if row["r"] is None else f"{row['r']:+.3f}",
        "notes": ", ".join(notes),
    }


@require_safe
@permission_required(VIEW_REPORT, raise_exception=True)
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """All rows of the filters as one file, oldest first, read and sent some thousands at a time."""
    asked = RowsForm(request.GET)
    if not asked.is_valid():
        return HttpResponseBadRequest("These are no filters of a list.")
    writers: dict[str, tuple[Callable[..., Iterator[bytes]], str]] = {
        "csv": (csv_file, "text/csv; charset=utf-8"),
        "parquet": (parquet_file, "application/vnd.apache.parquet"),
    }
    if form not in writers:
        raise Http404
    write, media_type = writers[form]
    kind = asked.cleaned_data["kind"] or "real"
    columns = COLUMNS + (PAIR_COLUMNS if kind in ("paired", "unpaired") else ())

    def parts() -> Iterator[bytes]:
        with one_snapshot():
            yield from write(columns, asked.listing().all())

    answer = StreamingHttpResponse(parts(), content_type=media_type)
    answer["Content-Disposition"] = f'attachment; filename="{kind.replace("_", "-")}-rows.{form}"'
    return answer


def csv_file(columns: Iterable[Column], chunks: Iterable[list[dict[str, Any]]]) -> Iterator[bytes]:
    """Rows as CSV with every digit, safe to open in a spreadsheet."""
    columns = tuple(columns)
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow([column.name for column in columns])
    for rows in chunks:
        writer.writerows([_cell(column.of(row)) for column in columns] for row in rows)
        yield output.getvalue().encode()
        output.seek(0)
        output.truncate()
    yield output.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, Decimal):
        return decimal_text(value)
    return format_timestamp(value) if hasattr(value, "tzinfo") else csv_cell(value)


def parquet_file(columns: Iterable[Column], chunks: Iterable[list[dict[str, Any]]]) -> Iterator[bytes]:
    """Rows as Parquet, a row group for each chunk; amounts to twelve decimals."""
    columns = tuple(columns)
    schema = pa.schema([(column.name, column.type) for column in columns])
    output = _Outbox()
    with pq.ParquetWriter(output, schema, compression="zstd") as writer:
        for rows in chunks:
            arrays = [_array(column, rows) for column in columns]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            yield output.taken()
    yield output.taken()


def _array(column: Column, rows: list[dict[str, Any]]) -> pa.Array:
    values = [column.of(row) for row in rows]
    if column.type == AMOUNT:
        values = [None if value is None else round(value, 12) for value in values]
    return pa.array(values, column.type)


class _Outbox(io.RawIOBase):
    """Keeps what was written until it is taken; Parquet asks only how far it has come."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, part: Any) -> int:
        copied = bytes(part)
        self._parts.append(copied)
        self._written += len(copied)
        return len(copied)

    def taken(self) -> bytes:
        """What was written since the last time."""
        found = b"".join(self._parts)
        self._parts.clear()
        return found
