"""What the calls share that answer a table: one page as JSON by a cursor, all rows as CSV or Parquet."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kernel.fields import StrictSerializer, query_of
from kernel.values import decimal_text, format_timestamp
from outcomes.analyst_api.archived import archived_until
from outcomes.analyst_api.columns import TABLES, Column, Kind, selected
from outcomes.analyst_api.files import WRITERS, file_answer, parts_of
from outcomes.analyst_api.paging import MAX_PAGE_SIZE, PAGE_SIZE, PAGING, Page, cursor_of, page_of, page_size_of
from outcomes.core.statistics import ratio_text
from policies.access import IsAnalyst

_ARCHIVED_UNTIL = (
    "Null while all rows are here. Otherwise what came at or before this time may be in archive files instead, which "
    "docs/data.md says how to read. A CSV or Parquet file has it as the header Archived-Until."
)
_AS_JSON: dict[Kind, Callable[[Any], Any]] = {
    Kind.ID: str, Kind.INSTANT: format_timestamp, Kind.AMOUNT: decimal_text, Kind.RATIO: ratio_text,
}  # fmt: skip
_FIELDS: dict[Kind, type[serializers.Field[Any, Any, Any, Any]]] = {
    Kind.TEXT: serializers.CharField, Kind.ID: serializers.UUIDField, Kind.INSTANT: serializers.DateTimeField,
    Kind.AMOUNT: serializers.CharField, Kind.RATIO: serializers.CharField, Kind.WHOLE: serializers.IntegerField,
    Kind.FLAG: serializers.BooleanField, Kind.DOCUMENT: serializers.DictField,
}  # fmt: skip


class CSVRenderer(BaseRenderer):
    """Names the format for `Accept` and `?format=`; the file is written by the database."""

    media_type = "text/csv"
    format = "csv"


class ParquetRenderer(BaseRenderer):
    """The same for Parquet."""

    media_type = "application/vnd.apache.parquet"
    format = "parquet"


def json_row(columns: Sequence[Column], row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A row as it is answered: numbers that must stay exact as text, times in UTC."""
    answer = {}
    for column in columns:
        value, write = row[prefix + column.name], _AS_JSON.get(column.kind)
        answer[column.name] = value if value is None or write is None else write(value)
    return answer


def row_serializer(name: str) -> type[serializers.Serializer[Any]]:
    """A row of a table of TABLES, from which the schema of the answer is made."""
    fields: dict[str, Any] = {one.name: _field(one) for one in TABLES[name]}
    return type(f"{name.title()}RowSerializer", (serializers.Serializer,), {"__doc__": f"A row of {name}."} | fields)


def _field(column: Column) -> serializers.Field[Any, Any, Any, Any]:
    options: dict[str, Any] = {"help_text": column.meaning, "allow_null": column.nullable}
    if column.kind is Kind.TEXT:
        options["allow_blank"] = True
    return _FIELDS[column.kind](**options)


def page_serializer(
    name: str, row: type[serializers.BaseSerializer[Any]], *, goes_back: bool
) -> type[serializers.Serializer[Any]]:
    """A page of a table, with a link to the page before if it has one."""
    members: dict[str, Any] = {
        "__doc__": f"A page of {name}.",
        "next": serializers.URLField(allow_null=True, help_text="The next page; null on the last one."),
        "results": row(many=True),
    }
    # The others are read by the report's sums and hold what is archived as well.
    if goes_back:
        members["previous"] = serializers.URLField(allow_null=True, help_text="The page before; null on the first.")
        members["archived_until"] = serializers.DateTimeField(allow_null=True, help_text=_ARCHIVED_UNTIL)
    return type(f"{name.title()}PageSerializer", (serializers.Serializer,), members)


def describes(
    name: str,
    filters: type[StrictSerializer],
    row: type[serializers.BaseSerializer[Any]] | None = None,
    *,
    cursor: re.Pattern[str],
    goes_back: bool = True,
) -> Callable[..., Any]:
    """How the call that answers a table stands in the API document; its rows are those of TABLES unless said."""
    page = page_serializer(name, row or row_serializer(name), goes_back=goes_back)
    paging = [
        OpenApiParameter(
            "cursor",
            {"type": "string", "pattern": cursor.pattern},
            description="Where the page begins, as in `next`. A file begins with the first row.",
        ),
        OpenApiParameter(
            "page_size",
            {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": PAGE_SIZE},
            description="Rows of a page. A file has all.",
        ),
    ]
    responses: dict[Any, Any] = {
        (200, "application/json"): page,
        (200, "text/csv"): OpenApiTypes.STR,
        (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
    }
    return extend_schema(parameters=[filters, *paging], responses=responses, operation_id=f"list_{name}")


class TableView(APIView):
    """A table as JSON, CSV or Parquet, by `Accept` or `?format=`; unknown and repeated parameters are refused.

    `form` is the kind of file that a URL of its own names.
    """

    permission_classes = (IsAnalyst,)
    renderer_classes = (JSONRenderer, CSVRenderer, ParquetRenderer)
    filters: ClassVar[type[StrictSerializer]]
    cursor: ClassVar[re.Pattern[str]]
    form = ""

    def get_format_suffix(self, **kwargs: Any) -> str | None:
        """The kind of file, where the URL ends with it."""
        return self.form or None

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002 (DRF's)
        """As DRF does; a `format` that there is not is named, where DRF would not find the page."""
        if request.method == "OPTIONS":
            # What DRF says of the call is no table.
            return JSONRenderer(), JSONRenderer.media_type
        try:
            return super().perform_content_negotiation(request, force)
        except Http404 as error:
            wrong = ErrorDetail(f"Send json, {' or '.join(WRITERS)}.", code="invalid_choice")
            raise ValidationError({"format": wrong}) from error

    def file_format(self, request: Request) -> str:
        """The kind of file; "" for a page of JSON."""
        renderer = request.accepted_renderer
        return renderer.format if renderer.format in WRITERS else ""

    def asked(self, request: Request) -> Any:
        """The serializer of the filters, which are valid; raises ValidationError."""
        query = query_of(request)
        # Of a file, too, which has no pages: what is no cursor is a mistake.
        page_size_of(request), cursor_of(request, self.cursor)
        query = {name: value for name, value in query.items() if name not in PAGING}
        filters = self.filters(data=query)
        filters.is_valid(raise_exception=True)
        return filters


def rows_answer(name: str, page: Page, results: Sequence[Mapping[str, Any]]) -> Response:
    """A page of a table whose older rows may have left for archives."""
    until = archived_until(name)
    members = {"next": page.next, "previous": page.previous, "results": results}
    return Response(members | {"archived_until": until and format_timestamp(until)})


def columns_page(
    request: Request, name: str, rows: QuerySet[Any], key: tuple[str, str], cursor: re.Pattern[str]
) -> Response:
    """A page of rows that the ORM reads, with the columns of the table."""
    columns = TABLES[name]
    page = page_of(request, rows.values(*key, **selected(columns)), key, cursor)
    return rows_answer(name, page, [json_row(columns, row, "c_") for row in page.rows])


def file_of(form: str, name: str, rows: QuerySet[Any], key: tuple[str, str], size: int) -> StreamingHttpResponse:
    """The file of rows that the ORM reads, `size` of them at a time, in the order of the key."""
    columns, until = TABLES[name], archived_until(name)
    answer = file_answer(form, name, columns, partial(parts_of, rows, columns, key, size))
    if until is not None:
        answer["Archived-Until"] = format_timestamp(until)
    return answer
