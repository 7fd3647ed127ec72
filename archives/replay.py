"""Replay of what is archived: every decision computed again from the files, as from the rows (R6).

An archive is whole, so its files are read one archive at a time: what differs from what was noted when they were
written is named like any other difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from json import dumps
from pathlib import Path
from typing import Any

from django.conf import settings

from archives.models import Archive, ArchiveFile
from archives.parquet import read
from experiments.core.verification import Difference, Recorded
from experiments.history.replay import Counted, Progress, keep_run, verifier_of_now
from experiments.models import ReplayRun
from kernel.values import format_timestamp

ALL = "all"
Rows = list[dict[str, Any]]


def run_archive_replay(
    where: str,
    *,
    run_by: str,
    progress: Progress | None = None,
    found: Callable[[Difference], object] | None = None,
) -> ReplayRun:
    """Verify what archives hold, and keep what came of it.

    `where` is `all`, for every archive in ARCHIVE_DIR, or a folder with some of the files: those that are there. An
    archive whose rows were given up is verified, too: its files are as good as any.
    """
    folder = Path(settings.ARCHIVE_DIR if where == ALL else where)
    archives = Archive.objects.filter(kind="signals").order_by("id").prefetch_related("files")
    chosen = [one for one in archives if where == ALL or any((folder / file.path).exists() for file in one.files.all())]
    counted = verify_archives(folder, chosen)
    total = sum(one.items for one in chosen)
    return keep_run(counted, total, {"archive": where}, run_by=run_by, progress=progress, found=found)


def verify_archives(folder: Path, archives: list[Archive]) -> Iterator[Counted]:
    """Verify archives one after the other."""
    verifier = verifier_of_now()
    for archive in archives:
        tables: dict[str, Rows] = {}
        broken = []
        for file in archive.files.all():
            tables[file.table], differences = checked(folder, file)
            broken += differences
        verified = 0
        for recorded in _recorded(tables):
            broken += verifier.differences(recorded)
            verified += 1
        yield verified, tuple(broken)


def checked(folder: Path, file: ArchiveFile) -> tuple[Rows, list[Difference]]:
    """The rows of a file, and what is not as it was noted."""
    name = f"archive file {file.path}"
    try:
        sha256, rows = read(folder / file.path)
    except (OSError, ValueError) as error:
        return [], [Difference(name, file.sha256, f"cannot be read: {error}")]
    if sha256 != file.sha256:
        return rows, [Difference(name, file.sha256, sha256)]
    if len(rows) != file.rows:
        return rows, [Difference(name, f"{file.rows} rows", f"{len(rows)} rows")]
    return rows, []


def _recorded(tables: dict[str, Rows]) -> Iterator[Recorded]:
    """The experiments of an archive, as replay reads them from the database (see experiments/history/replay.sql)."""
    signals = _by(tables, "signals", "signal_id")
    contexts = _by(tables, "market_contexts", "signal_id")
    decisions = _by(tables, "execution_policy", "experiment_id")
    distributions = {(row["experiment_id"], row["engine"]): row for row in tables.get("signal_distributions", ())}
    nothing: dict[str, Any] = {}
    for e in tables.get("experiments", ()):
        s, c = signals.get(e["signal_id"], nothing), contexts.get(e["signal_id"], nothing)
        d = decisions.get(e["experiment_id"], nothing)
        a, b = (distributions.get((e["experiment_id"], engine), nothing) for engine in "AB")
        consumed = s.get("consumed_fields")
        columns = (
            *(e[name] for name in _OF_EXPERIMENT),
            *(s.get(name) for name in _OF_SIGNAL),
            s.get("signal_hash"), s.get("raw_payload"), None if consumed is None else dumps(consumed),
            s.get("status"), s.get("processed_at"),
            c.get("context"), c.get("context_hash"), c.get("created_at"),
            *(d.get(name) for name in _OF_DECISION),
            a.get("context_hash"), a.get("distributed_at"), b.get("context_hash"), b.get("distributed_at"),
        )  # fmt: skip
        yield Recorded._make(_text(value) for value in columns)


_OF_EXPERIMENT = (
    "experiment_id", "signal_id", "signal_hash", "variant", "assignment_hash", "assignment_key_id", "bucket",
    "split_percentage", "policy_version", "created_at",
)  # fmt: skip
_OF_SIGNAL = ("source", "exchange", "symbol", "direction", "timeframe", "timestamp", "strategy", "order_id")
_OF_DECISION = (
    "execution_mode", "executed_engine", "shadow_engine", "reason", "policy_version", "rules_version", "inputs",
    "decision_hash", "decided_at",
)  # fmt: skip


def _by(tables: dict[str, Rows], table: str, key: str) -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in tables.get(table, ())}


def _text(value: Any) -> str | None:
    if isinstance(value, datetime):
        return format_timestamp(value)
    return None if value is None else str(value)
