"""All rows of a table as one file, CSV or Parquet, written by the database some thousand at a time.

A spreadsheet runs none of it, and no row passes through Python one by one: a hundred thousand take about a second.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, LiteralString

from django.db import connection
from django.db.models import Q, QuerySet
from django.http import StreamingHttpResponse
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from admin_kit.charts import FORMULA_STARTS, NUMBER
from outcomes.analyst_api.columns import Column, Kind, selected
from outcomes.performance.report import one_snapshot

# A statement that reads some of the rows, and its parameters by name or by place.
Part = tuple[Composable, Mapping[str, Any] | Sequence[Any]]
_INSTANT: LiteralString = """to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_TEXT = SQL("CASE WHEN left({{0}}, 1) IN ({}) AND {{0}} !~ {} THEN '''' || {{0}} ELSE {{0}} END").format(
    SQL(", ").join(map(Literal, FORMULA_STARTS)), Literal(f"^({NUMBER.pattern})$")
)
# How a value is written; Parquet reads what CSV says, but for its own digits and without a guard against formulas.
_FORMS: dict[Kind, LiteralString] = {
    Kind.ID: "({0})::text", Kind.INSTANT: _INSTANT, Kind.RATIO: "{0}::float8", Kind.DOCUMENT: "({0})::text",
}  # fmt: skip
_CSV_FORMS: dict[Kind, LiteralString] = _FORMS | {
    Kind.AMOUNT: "CASE WHEN min_scale({0}) < 2 THEN round({0}, 2) ELSE trim_scale({0}) END",
    Kind.FLAG: "CASE WHEN {0} THEN 'true' WHEN NOT {0} THEN 'false' END",
}
# What no decimal of 38 digits holds nobody earns; it would end the file.
_PARQUET_FORMS: dict[Kind, LiteralString] = _FORMS | {Kind.AMOUNT: "CASE WHEN abs({0}) < 1e25 THEN round({0}, 12) END"}


def csv_file(parts: Iterable[Part], columns: Sequence[Column]) -> Iterator[bytes]:
    """Rows as CSV with every digit, safe to open in a spreadsheet; use it within one snapshot."""
    yield ",".join(column.name for column in columns).encode() + b"\n"
    yield from _copied(parts, [_in_csv(column) for column in columns])


def parquet_file(parts: Iterable[Part], columns: Sequence[Column]) -> Iterator[bytes]:
    """Rows as Parquet, a row group for each part, each column with its meaning; use it within one snapshot."""
    # Here, because it takes 40 MiB of every process that loads the pages.
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    # Wide enough for any amount that a broker pays.
    types = {
        Kind.TEXT: pa.string(), Kind.ID: pa.string(), Kind.INSTANT: pa.timestamp("us", tz="UTC"),
        Kind.AMOUNT: pa.decimal128(38, 12), Kind.RATIO: pa.float64(), Kind.WHOLE: pa.int64(), Kind.FLAG: pa.bool_(),
        Kind.DOCUMENT: pa.string(),
    }  # fmt: skip
    schema = pa.schema([pa.field(one.name, types[one.kind], metadata={"meaning": one.meaning}) for one in columns])
    reading = pa_csv.ReadOptions(column_names=schema.names)
    # Alerts and reasons may have line breaks in them.
    parsing = pa_csv.ParseOptions(newlines_in_values=True)
    converting = pa_csv.ConvertOptions(
        column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
        true_values=["t"], false_values=["f"],
    )  # fmt: skip
    output = _Outbox()
    with pq.ParquetWriter(output, schema, compression="zstd") as writer:
        for part in _copied(parts, [_written(column, _PARQUET_FORMS) for column in columns]):
            writer.write_table(pa_csv.read_csv(io.BytesIO(part), reading, parsing, converting))
            yield output.taken()
    yield output.taken()


WRITERS: dict[str, tuple[Callable[[Iterable[Part], Sequence[Column]], Iterator[bytes]], str]] = {
    "csv": (csv_file, "text/csv; charset=utf-8"),
    "parquet": (parquet_file, "application/vnd.apache.parquet"),
}


def file_answer(
    form: str, name: str, columns: Sequence[Column], parts: Callable[[], Iterable[Part]]
) -> StreamingHttpResponse:
    """The file of a table as a download, read in one snapshot; `parts` is called within it."""
    write, media_type = WRITERS[form]

    def content() -> Iterator[bytes]:
        with one_snapshot():
            yield from write(parts(), columns)

    answer = StreamingHttpResponse(content(), content_type=media_type)
    answer["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return answer


def parts_of(rows: QuerySet[Any], columns: Sequence[Column], key: tuple[str, str], size: int) -> Iterator[Part]:
    """Statements that read all rows in the order of the key, a time and what tells rows of one time apart.

    Each reads `size` rows at most: a statement may take a minute, whatever the table has grown to.
    """
    time, tie = key
    names = SQL(", ").join(
        SQL("{} AS {}").format(Identifier(f"c_{column.name}"), Identifier(column.name)) for column in columns
    )
    ordered, after = rows.order_by(time, tie), Q()
    while True:
        last = ordered.filter(after).values_list(time, tie)[size - 1 : size].first()
        upto = Q() if last is None else Q(**{f"{time}__lt": last[0]}) | Q(**{time: last[0], f"{tie}__lte": last[1]})
        # The bounds of the time alone are for the index, the others the rule.
        bound = Q() if last is None else Q(**{f"{time}__lte": last[0]})
        read, parameters = ordered.filter(after, upto, bound).values(**selected(columns)).query.sql_with_params()
        yield SQL("SELECT {} FROM ({}) read").format(names, SQL(read)), parameters
        if last is None:
            return
        after = (Q(**{f"{time}__gt": last[0]}) | Q(**{time: last[0], f"{tie}__gt": last[1]})) & Q(
            **{f"{time}__gte": last[0]}
        )


def _in_csv(column: Column) -> Composed:
    if column.kind in (Kind.TEXT, Kind.DOCUMENT):
        return _formatted(_TEXT.as_string(), _written(column, _FORMS))
    return _written(column, _CSV_FORMS)


def _written(column: Column, forms: Mapping[Kind, LiteralString]) -> Composed:
    """The expression that writes it."""
    value = SQL("({})").format(SQL(column.sql)) if column.sql else Composed([Identifier(column.name)])
    return _formatted(forms.get(column.kind, "{0}"), value)


def _formatted(form: str, value: Composable) -> Composed:
    return SQL(form).format(value)


def _copied(parts: Iterable[Part], written: Sequence[Composable]) -> Iterator[bytes]:
    """The lines of each part that has any, as PostgreSQL writes CSV."""
    chosen = SQL(", ").join(written)
    with connection.cursor() as cursor:
        for rows, parameters in parts:
            # COPY takes no parameters of its own.
            read = SQL(cursor.mogrify(rows, parameters))
            statement = SQL("COPY (SELECT {} FROM ({}) rows) TO STDOUT (FORMAT csv)").format(chosen, read)
            with cursor.copy(statement) as copy:
                lines = b"".join(copy)
            if lines:
                yield lines


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
