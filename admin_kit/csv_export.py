"""Lists as CSV or JSON, streamed."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from admin_kit.charts import csv_cell
from kernel.values import format_timestamp

ROWS_AT_ONCE = 2000


class _Echo:
    """Hands back what is written, so that each row can be sent at once."""

    def write(self, text: str) -> str:
        return text


def csv_of(rows: QuerySet[Any], columns: Sequence[str], name: str) -> StreamingHttpResponse:
    """These columns of all rows as a file, read and sent a few at a time whatever their number."""
    writer = csv.writer(_Echo(), lineterminator="\r\n")

    def lines() -> Iterator[str]:
        yield writer.writerow(columns)
        for row in rows.values_list(*columns).iterator(chunk_size=ROWS_AT_ONCE):
            yield writer.writerow([_cell(value) for value in row])

    answer = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def json_of(rows: QuerySet[Any], columns: Sequence[str], name: str) -> StreamingHttpResponse:
    """The same as one JSON array, an object a line."""

    def lines() -> Iterator[str]:
        before = "["
        for row in rows.values(*columns).iterator(chunk_size=ROWS_AT_ONCE):
            yield f"{before}\n{json.dumps(row, default=_text, ensure_ascii=False)}"
            before = ","
        yield "[]\n" if before == "[" else "\n]\n"

    answer = StreamingHttpResponse(lines(), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return answer


def _text(value: object) -> str:
    return format_timestamp(value) if isinstance(value, datetime) else str(value)


def _cell(value: object) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return format_timestamp(value) if isinstance(value, datetime) else csv_cell(value)


EXPORTS = {"csv": csv_of, "json": json_of}
