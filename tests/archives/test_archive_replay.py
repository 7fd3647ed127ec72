"""Decisions are computed again from files as from rows, and files are held against what was noted of them."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from archives.keeping import archive
from archives.models import Archive, ArchiveFile
from experiments.models import ReplayRun
from signals_app.models import MarketData
from tests.archives.shelf import is_here, let_days_pass
from tests.database import execute
from tests.experiments.history.test_replay import tamper
from tests.factories import MOMENT, make_experiment

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def archived() -> Archive:
    """Signals of several kinds whose decisions are in files alone."""
    MarketData.objects.create(symbol="SPY", as_of=MOMENT, received_at=MOMENT, source="feeder", data={"iv": "0.40"})
    odd = {
        "symbol": "SPY", "direction": "long", "timeframe": "5m", "note": "Grüße\t\\ \u2028", "size": 2**60, "low": 1e-7,
        "none": None,
    }  # fmt: skip
    made = [
        make_experiment("A"),
        make_experiment("B", payload=odd | {"timestamp": "2026-03-16T14:30:00.120000Z"}, exchange="NYSE", order_id="7"),
        make_experiment(None, strategy='x, "y" {z}', timeframe="1M"),
    ]
    let_days_pass(40)
    assert archive() == 1
    assert not any(is_here(one) for one in made)
    return Archive.objects.get()


def replay(*arguments: str) -> tuple[int, str]:
    """The exit code of the command, and what it printed."""
    out = StringIO()
    try:
        call_command("replay", *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_every_decision_follows_from_the_files_alone(archived: Archive) -> None:
    code, said = replay("--archive", "all")

    assert (code, said) == (0, "3 archived experiments verified: no difference.\n")
    run = ReplayRun.objects.latest("id")
    assert (run.verified, run.differences, run.selection) == (3, 0, {"archive": "all"})
    assert replay()[1].startswith("0 experiments verified")


@pytest.mark.parametrize(
    ("table", "change", "field"),
    [
        ("signals", """raw_payload = raw_payload || '{"close": 1}'""", "signals.signal_hash"),
        ("market_contexts", """context = '{"context_version":1}'""", "market_contexts.context"),
        ("experiments", "bucket = (bucket + 1) %% 10000", "experiments.bucket"),
        ("execution_policy", "decided_at = decided_at + interval '2 hours'", "execution_policy.decided_at"),
    ],
)
def test_what_was_wrong_before_is_wrong_in_the_files(table: str, change: str, field: str) -> None:
    make_experiment("A")
    let_days_pass(40)
    tamper(table, change.replace("%%", "%"))
    assert archive() == 1

    code, said = replay("--archive", "all", "--json")

    assert code == 1
    assert field in {one["field"] for one in json.loads(said)["differences"]}


def test_a_file_that_was_changed_or_is_gone_is_a_difference(archived: Archive, folder: Path) -> None:
    of_decisions = archived.files.get(table="execution_policy")
    path = folder / of_decisions.path
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 2), path)

    code, said = replay("--archive", "all")

    assert code == 1
    assert f"archive file {of_decisions.path}: stored {of_decisions.sha256}, recomputed" in said
    assert "execution_policy: stored null, recomputed a row" in said
    path.unlink()
    code, said = replay("--archive", "all")
    assert code == 1
    assert "cannot be read: " in said
    path.write_bytes(b"no Parquet file at all")
    assert replay("--archive", "all")[0] == 1


def test_some_of_the_files_are_verified_wherever_they_lie(
    archived: Archive, folder: Path, tmp_path_factory: Any
) -> None:
    make_experiment("A", timeframe="2h")
    let_days_pass(40)
    assert archive() == 1
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for file in ArchiveFile.objects.filter(archive=archived):
        (elsewhere / file.path).parent.mkdir(exist_ok=True)
        shutil.copy(folder / file.path, elsewhere / file.path)

    assert replay("--archive", str(elsewhere)) == (0, "3 archived experiments verified: no difference.\n")
    assert replay("--archive", "all")[1].startswith("4 archived")


def test_what_the_command_cannot_do_it_says(archived: Archive, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="leave the other filters out"):
        replay("--archive", "all", "--policy-version", "1")
    with pytest.raises(CommandError, match="is not a folder"):
        replay("--archive", str(tmp_path / "nowhere"))


def test_the_archive_command_says_what_goes_and_what_would(settings: Any) -> None:
    make_experiment("A")
    let_days_pass(40)
    would, went, after = StringIO(), StringIO(), StringIO()

    call_command("archive", "--dry-run", stdout=would)
    call_command("archive", stdout=went)
    call_command("archive", stdout=after)

    assert "signals: kept for 30 days; 1 would go, which came between" in would.getvalue()
    assert "audit: kept for ever (KEEP_AUDIT_DAYS is 0)." in would.getvalue()
    assert went.getvalue().endswith(": 1 moved, 1 in all.\n")
    assert after.getvalue() == "Nothing may go now.\n"
    assert execute("SELECT 1 FROM signals") == 0


def test_the_archive_command_fails_where_it_cannot_write(settings: Any, folder: Path) -> None:
    make_experiment("A")
    let_days_pass(40)
    (folder / "file").write_text("")
    settings.ARCHIVE_DIR = str(folder / "file")

    with pytest.raises(CommandError, match="Nothing more was deleted"):
        call_command("archive")
    assert execute("SELECT 1 FROM signals") == 1
