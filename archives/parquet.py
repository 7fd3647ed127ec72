"""Rows of a table in a Parquet file: every column, exactly, so that the rows can be written back as they were.

Integers, truth, times, dates, doubles and bytes keep their kind; text, numbers without a fixed size, JSON and all else
stand as the text that PostgreSQL prints, arrays of text as lists. The file names each column's PostgreSQL type.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection
from psycopg.sql import SQL, Composable, Identifier

from kernel.canonical import sha256_hex

# One version of the whole: how PostgreSQL's types stand in the file.
FORMAT_VERSION = 1
_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), attgenerated <> '' FROM pg_attribute
 WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column as the database has it; a generated one is made anew when its row is written back."""

    name: str
    type: str
    generated: bool

    @property
    def is_list(self) -> bool:
        """Whether it stands as a list of texts."""
        return self.type.endswith("[]") and self.type.startswith(("text", "uuid", "character varying"))

    def selected(self) -> Composable:
        """What is read of it."""
        column = SQL("t.{}").format(Identifier(self.name))
        if self.is_list:
            return column + SQL("::text[]")
        return column if self.type in arrow_types() else column + SQL("::text")


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is complete and on the disk."""

    path: Path
    rows: int
    size: int
    sha256: str


def arrow_types() -> dict[str, Any]:
    """By PostgreSQL type, what is no text in the file."""
    import pyarrow as pa

    return {
        "smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64(), "boolean": pa.bool_(),
        "timestamp with time zone": pa.timestamp("us", tz="UTC"), "date": pa.date32(),
        "double precision": pa.float64(), "bytea": pa.binary(),
    }  # fmt: skip


def columns_of(table: str) -> list[Column]:
    """The columns of a table, in its order."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, (table,))
        return [Column(*row) for row in cursor.fetchall()]


def write(path: Path, table: str, columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Written:
    """Write rows, read them back and compare; the file has its name only when it is whole and on the disk.

    Raises OSError for a disk that does not take it, ValueError for a file that does not read back as it was written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = arrow_types()
    # Named as the file names it, so that what is read back has the same schema.
    texts = pa.list_(pa.field("element", pa.string()))
    by_column = list(zip(*rows, strict=True)) or [()] * len(columns)
    about = {"format": FORMAT_VERSION, "table": table, "columns": [[one.name, one.type] for one in columns]}
    schema = pa.schema(
        [(one.name, texts if one.is_list else kinds.get(one.type, pa.string())) for one in columns],
        metadata={"orchestrator": json.dumps(about)},
    )
    held = pa.table(
        [pa.array(values, type=field.type) for values, field in zip(by_column, schema, strict=True)], schema=schema
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        pq.write_table(held, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    content = part.read_bytes()
    if not pq.read_table(pa.BufferReader(content)).equals(held):
        raise ValueError(f"{part} does not read back as it was written")
    part.replace(path)
    _sync(path.parent)
    return Written(path, held.num_rows, len(content), sha256_hex(content))


def _sync(folder: Path) -> None:
    # Without it the file may have no name after a power failure.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """The SHA-256 of a file, and its rows; raise OSError or ValueError for what cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = path.read_bytes()
    rows: list[dict[str, Any]] = pq.read_table(pa.BufferReader(content)).to_pylist()
    return sha256_hex(content), rows
