"""All rows of a list as one file, CSV or Parquet, written by the database some ten thousand at a time.

A spreadsheet runs none of it, and no row passes through Python one by one: a hundred thousand take about a second.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from django.db import connection
from psycopg.sql import SQL, Composed, Identifier

from admin_kit.charts import FORMULA_STARTS, NUMBER
from outcomes.performance.listing import Listing

# Wide enough for any amount that a broker pays; the CSV keeps every digit.
AMOUNT = pa.decimal128(38, 12)
INSTANT = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
# R is a quotient: to fifteen digits, as everywhere.
RATIO = pa.float64()
_GUARD = {"starts": list(FORMULA_STARTS), "number": f"^({NUMBER.pattern})$"}
# How a value of each type is written. In both: an instant in ISO 8601, UTC.
_TO_INSTANT: LiteralString = """to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_IN_CSV: dict[pa.DataType, LiteralString] = {
    AMOUNT: "CASE WHEN min_scale({0}) < 2 THEN round({0}, 2) ELSE trim_scale({0}) END",
    INSTANT: _TO_INSTANT,
    TEXT: "CASE WHEN left({0}, 1) = ANY(%(starts)s::text[]) AND {0} !~ %(number)s THEN '''' || {0} ELSE {0} END",
    RATIO: "{0}::float8",
    pa.bool_(): "CASE WHEN {0} THEN 'true' ELSE 'false' END",
}
_IN_PARQUET: dict[pa.DataType, LiteralString] = {
    AMOUNT: "round({0}, 12)", INSTANT: _TO_INSTANT, RATIO: "{0}::float8",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the files: its name, its type in Parquet, what of a row it is."""

    name: str
    type: pa.DataType
    sql: LiteralString = ""

    def written(self, forms: dict[pa.DataType, LiteralString]) -> Composed:
        """The expression that writes it."""
        value = SQL("({})").format(SQL(self.sql)) if self.sql else Identifier(self.name)
        return SQL(forms.get(self.type, "{0}")).format(value)


COLUMNS = (
    Column("exit_time", INSTANT), Column("experiment_id", TEXT, "experiment_id::text"), Column("kind", TEXT),
    Column("engine", TEXT), Column("symbol", TEXT), Column("timeframe", TEXT), Column("direction", TEXT),
    Column("strategy", TEXT), Column("source", TEXT), Column("execution_mode", TEXT),
    Column("policy_version", pa.int32()), Column("variant", TEXT), Column("currency", TEXT), Column("pnl", AMOUNT),
    Column("r", RATIO), Column("price_provenance", TEXT), Column("unpriced", pa.bool_()),
    Column("violating", pa.bool_()), Column("left_out", pa.bool_()), Column("amended", pa.bool_()),
)  # fmt: skip
PAIR_COLUMNS = (
    *COLUMNS, Column("a_pnl", AMOUNT), Column("b_pnl", AMOUNT, "a_pnl - pnl"),
    Column("a_r", RATIO), Column("b_r", RATIO, "a_r - r"),
)  # fmt: skip


def columns_of(listing: Listing) -> Sequence[Column]:
    """What stands in the files of a list: of a pair also what each engine earned."""
    return PAIR_COLUMNS if listing.is_of_pairs else COLUMNS


def csv_file(listing: Listing) -> Iterator[bytes]:
    """Rows as CSV with every digit, safe to open in a spreadsheet; use it within one snapshot."""
    columns = columns_of(listing)
    yield ",".join(column.name for column in columns).encode() + b"\n"
    yield from _copied(listing, columns, _IN_CSV)


def parquet_file(listing: Listing) -> Iterator[bytes]:
    """Rows as Parquet, a row group for each part; amounts to twelve decimals. Use it within one snapshot."""
    columns = columns_of(listing)
    schema = pa.schema([(column.name, column.type) for column in columns])
    reading = pa_csv.ReadOptions(column_names=schema.names)
    converting = pa_csv.ConvertOptions(
        column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
        true_values=["t"], false_values=["f"],
    )  # fmt: skip
    output = _Outbox()
    with pq.ParquetWriter(output, schema, compression="zstd") as writer:
        for part in _copied(listing, columns, _IN_PARQUET):
            writer.write_table(pa_csv.read_csv(io.BytesIO(part), reading, convert_options=converting))
            yield output.taken()
    yield output.taken()


WRITERS: dict[str, tuple[Callable[[Listing], Iterator[bytes]], str]] = {
    "csv": (csv_file, "text/csv; charset=utf-8"),
    "parquet": (parquet_file, "application/vnd.apache.parquet"),
}


def _copied(listing: Listing, columns: Sequence[Column], forms: dict[pa.DataType, LiteralString]) -> Iterator[bytes]:
    """The lines of each part that has any, as PostgreSQL writes CSV."""
    chosen = SQL(", ").join(column.written(forms) for column in columns)
    with connection.cursor() as cursor:
        for rows, parameters in listing.parts():
            statement = SQL("COPY (SELECT {} FROM ({}) rows) TO STDOUT (FORMAT csv)").format(chosen, rows)
            with cursor.copy(statement, parameters | _GUARD) as copy:
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
