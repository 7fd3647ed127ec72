"""Moving old rows out: into files first, committed as archives, and only then out of the database, a few at a time.

Killed at any point, a row is in a file and in the database, or in a file alone. The database refuses to delete a row
of which no archive holds the very state (migrations/guards.sql), so that nothing here has to be trusted with that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.db.models.functions import Now
from psycopg.sql import SQL, Identifier

from archives.kinds import KINDS, Kind
from archives.models import Archive, ArchiveFile, UnfinishedWork
from archives.parquet import Column, columns_of, write
from archives.unfinished import begun, failed, succeeded
from kernel.events import ARCHIVE_FAILED, ARCHIVE_GIVEN_UP, ARCHIVE_REMOVED, ARCHIVE_WRITTEN
from outcomes.performance.archived import keep_facts
from signals_app.inbox.searching import index_again

# What one archive holds, so that it is written in seconds and little memory; what one transaction deletes, so that
# nobody waits for its locks.
ITEMS_AN_ARCHIVE = 2_000
ITEMS_A_TRANSACTION = 200
# How often the worker does it, and for how long; an errand that takes longer than 90 s is killed.
ARCHIVING_SECONDS = 300.0
RUN_SECONDS = 60.0
# Once more after the retention was taken back: what is unfinished is then over.
ARCHIVING_IS_DUE = (
    "true"
    if any(getattr(settings, kind.setting) for kind in KINDS)
    else "EXISTS (SELECT FROM unfinished_work WHERE what = 'archives')"
)
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
FIRST_KEYS = {"uuid": "00000000-0000-0000-0000-000000000000", "bigint": "-1"}
# Of several workers one writes; the others would only write the same.
ONE_AT_A_TIME = "SELECT pg_try_advisory_xact_lock(hashtext('archiving'))"
# Shared by whoever makes rows ready to go, and taken alone by whoever places a hold.
HOLDS_STAND_STILL = "SELECT pg_advisory_xact_lock_shared(hashtext('legal holds'))"
_KEYS_HELD = {
    "signals": """SELECT signal_id::text FROM signals s LEFT JOIN experiments e USING (signal_id)
 WHERE signal_id = ANY(%(keys)s::uuid[]) AND is_held(s.symbol, e.experiment_id, s.received_at)""",
    "": "SELECT 1 WHERE is_held(NULL, NULL, %(since)s) OR is_held(NULL, NULL, %(until)s)",
}

# What of the tables that analysts take away leaves with which kinds.
TABLES_OF_ANALYSTS = {"experiments": ("signals",), "deliveries": ("signals", "deliveries"), "audit": ("audit",)}

Told = Callable[[Archive], object]


@dataclass(frozen=True, slots=True)
class Place:
    """How far one run has looked."""

    at: datetime
    key: str


@dataclass(frozen=True, slots=True)
class Due:
    """What would go of one kind if it were archived now."""

    kind: Kind
    days: int
    items: int
    since: datetime | None
    until: datetime | None


def kept_days(kind: Kind) -> int:
    """For how many days it stays; 0 for ever."""
    return int(getattr(settings, kind.setting))


def archive_due() -> int:
    """What the worker does: archive for a minute; how many archives were written. What fails is logged and noted."""
    # First: a folder that does not answer at all, such as one of another host, lets nothing be noted afterwards.
    begun(UnfinishedWork.ARCHIVES)
    try:
        written = archive(seconds=RUN_SECONDS)
    except (OSError, ValueError) as error:
        ARCHIVE_FAILED.log(error=str(error))
        failed(UnfinishedWork.ARCHIVES, str(error))
        return 0
    succeeded(UnfinishedWork.ARCHIVES)
    return written


def archive(*, seconds: float | None = None, only: str | None = None, told: Told = lambda _: None) -> int:
    """Move out what is due, first what an earlier run has left; stop after so many seconds, or when nothing is left.

    Raises OSError or ValueError where ARCHIVE_DIR does not take the files; then nothing is deleted.
    """
    ends = None if seconds is None else time.monotonic() + seconds
    written = 0
    for left in Archive.objects.filter(removed_at=None, given_up_at=None).order_by("id"):
        _remove(left)
        told(left)
    for kind in KINDS:
        if not kept_days(kind) or only not in (None, kind.name):
            continue
        place: Place | None = Place(BEGINNING, FIRST_KEYS[kind.key_type])
        while place is not None and (ends is None or time.monotonic() < ends):
            made, place = _write(kind, place)
            if made is not None:
                written += 1
                _remove(made)
                told(made)
    return written


def due(kind: Kind) -> Due:
    """What would go now."""
    days = kept_days(kind)
    if not days:
        return Due(kind, 0, 0, None, None)
    asked = _asked(kind, Place(BEGINNING, FIRST_KEYS[kind.key_type])) | {"many": None}
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("SELECT count(*), min(at), max(at) FROM ({}) chosen (key, at)").format(SQL(kind.choose)), asked
        )
        return Due(kind, days, *cursor.fetchone())


def _asked(kind: Kind, after: Place) -> dict[str, Any]:
    # By the database's clock: the rows' times are its own.
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp() - make_interval(days => %s)", (kept_days(kind),))
        (before,) = cursor.fetchone()
    return {"before": before, "after": after.at, "after_key": after.key, "many": ITEMS_AN_ARCHIVE}


def _write(kind: Kind, after: Place) -> tuple[Archive | None, Place | None]:
    """Write the next archive, and say where to look next; None when there is no more."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ONE_AT_A_TIME)
        if cursor.fetchone() == (False,):
            return None, None
        cursor.execute(kind.choose, _asked(kind, after))
        found = [(str(key), at) for key, at in cursor.fetchall()]
        if not found:
            return None, None
        # One day an archive, by which its files are named.
        day = found[0][1].astimezone(UTC).date()
        found = [(key, at) for key, at in found if at.astimezone(UTC).date() == day]
        keys, times = [key for key, _ in found], [at for _, at in found]
        made = Archive.objects.create(
            kind=kind.name, day=day, since=min(times), until=max(times), items=len(keys), keys=keys, archived_at=Now()
        )
        digests = [digest for table, where in kind.tables for digest in _write_table(made, kind, table, where)]
        # From here on no hold is placed until this is committed; what one covers meanwhile is left.
        cursor.execute(HOLDS_STAND_STILL)
        question = _KEYS_HELD.get(kind.name, _KEYS_HELD[""])
        cursor.execute(question, {"keys": keys, "since": min(times), "until": max(times)})
        if cursor.fetchone() is not None:
            transaction.set_rollback(True)
            return None, None
        with cursor.copy("COPY archived_rows (digest, archive_id) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["bytea", "bigint"])
            for digest in digests:
                copy.write_row((digest, made.pk))
    ARCHIVE_WRITTEN.log(archive_id=made.pk, kind=kind.name, day=str(day), rows=len(digests))
    return made, Place(times[-1], keys[-1])


def _write_table(made: Archive, kind: Kind, table: str, where: str) -> Iterator[bytes]:
    """Write the rows of one table, and yield the digest of each as it is in the file."""
    columns = columns_of(table)
    rows = _rows(made, kind, table, where, columns)
    if not rows:
        return
    path = Path(table) / f"{made.day}-{made.pk}.parquet"
    file = write(Path(settings.ARCHIVE_DIR) / path, table, columns, [row[1:] for row in rows])
    ArchiveFile.objects.create(
        archive=made, table=table, path=str(path), rows=file.rows, size=file.size, sha256=file.sha256,
        columns=[[one.name, one.type] for one in columns],
    )  # fmt: skip
    for row in rows:
        yield bytes(row[0])


def _rows(made: Archive, kind: Kind, table: str, where: str, columns: Sequence[Column]) -> list[tuple[Any, ...]]:
    statement = SQL("SELECT row_digest(t), {} FROM {} t WHERE {}").format(
        SQL(", ").join(one.selected() for one in columns),
        Identifier(table),
        SQL(where),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, members_of(made, kind, made.keys))
        return list(cursor.fetchall())


def members_of(made: Archive, kind: Kind, keys: Sequence[str]) -> dict[str, Any]:
    """The keys of some of an archive's units, and of what belongs to them, for the conditions of the kind's tables."""
    found: dict[str, Any] = {"keys": list(keys), "since": made.since, "until": made.until}
    with connection.cursor() as cursor:
        for name, statement in kind.members.items():
            cursor.execute(statement, found)
            (found[name],) = cursor.fetchone()
    return found


def _remove(made: Archive) -> None:
    """Delete what an archive holds; give the rest up where the database refuses, because it is no longer as it was."""
    kind = next(kind for kind in KINDS if kind.name == made.kind)
    try:
        while _remove_some(made, kind):
            pass
    except IntegrityError as error:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM archived_rows WHERE archive_id = %s", (made.pk,))
            Archive.objects.filter(pk=made.pk, removed_at=None).update(given_up_at=Now(), keys=[])
        ARCHIVE_GIVEN_UP.log(archive_id=made.pk, kind=made.kind, reason=str(error).splitlines()[0])


def _remove_some(made: Archive, kind: Kind) -> bool:
    """Delete a few; whether there are more."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Another worker that is at it has them.
        cursor.execute(
            "SELECT keys FROM archives WHERE id = %s AND removed_at IS NULL AND given_up_at IS NULL"
            " FOR UPDATE SKIP LOCKED",
            (made.pk,),
        )
        row = cursor.fetchone()
        if row is None:
            return False
        keys, rest = row[0][:ITEMS_A_TRANSACTION], row[0][ITEMS_A_TRANSACTION:]
        found = members_of(made, kind, keys)
        if experiments := found.get("experiments"):
            # As every report does first: nothing is told of them meanwhile.
            cursor.execute(
                "SELECT 1 FROM execution_policy WHERE experiment_id = ANY(%s) ORDER BY experiment_id FOR UPDATE",
                (experiments,),
            )
            keep_facts(experiments)
        for table, where in kind.tables:
            cursor.execute(
                SQL("DELETE FROM {} t WHERE {}").format(Identifier(table), SQL(where)),
                found,
            )
        index_again(found.get("deliveries", ()))
        if rest:
            cursor.execute("UPDATE archives SET keys = %s WHERE id = %s", (rest, made.pk))
            return True
        cursor.execute("DELETE FROM archived_rows WHERE archive_id = %s", (made.pk,))
        Archive.objects.filter(pk=made.pk).update(removed_at=Now(), keys=[])
    ARCHIVE_REMOVED.log(archive_id=made.pk, kind=made.kind, day=str(made.day))
    return False


def oldest(kind: Kind) -> datetime | None:
    """When the oldest that is still here came; None where there is nothing."""
    table, column = {"audit": ("audit_log", "at")}.get(kind.name, (kind.tables[-1][0], "received_at"))
    with connection.cursor() as cursor:
        # By the key where the time has no index: keys rise with time.
        cursor.execute(SQL("SELECT min({}) FROM {}").format(Identifier(column), Identifier(table)))
        found: datetime | None = cursor.fetchone()[0]
    return found


def archived_until(kind: Kind) -> date | None:
    """The last day of which something has left; None where nothing has."""
    last = Archive.objects.filter(kind=kind.name, removed_at__isnull=False).order_by("-day").first()
    return last.day if last else None


def left_until(kinds: Sequence[str]) -> datetime | None:
    """When the latest came of what has left; None where nothing has, or all of it was given up."""
    latest: datetime | None = Archive.objects.filter(kind__in=kinds, given_up_at=None).aggregate(at=Max("until"))["at"]
    return latest
