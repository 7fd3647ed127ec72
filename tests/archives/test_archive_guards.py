"""What the database refuses whatever the code does: deleting what no file holds, or what is on hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from archives import keeping
from archives.holds import lift_hold, place_hold
from archives.keeping import archive
from archives.models import Archive, ArchivedRow, LegalHold
from kernel.errors import DomainError
from kernel.models import AuditEntry
from signals_app.models import MarketData
from tests.archives.shelf import (
    OPERATOR,
    SIGNALS,
    TABLES,
    count,
    deliver,
    files_in,
    finished_signal,
    is_here,
    later_gain,
    let_days_pass,
    noted,
    redriven,
)
from tests.database import execute, refusal_of, rows, value
from tests.threads import LIMIT_SECONDS, in_background, uncommitted, wait_for_blocked_sessions

pytestmark = pytest.mark.django_db(transaction=True)
# Kept until they are accounted for, or made anew: nothing is lost with them.
PASSING = {"alert_arrivals", "pair_violations"}


class Killed(BaseException):
    """Ends the work where it is, as a signal would."""


def killed(*_: Any, **__: Any) -> None:
    raise Killed


def die_in(monkeypatch: pytest.MonkeyPatch, name: str, how: Callable[..., None] = killed) -> None:
    """Archive, and die where it calls this function."""
    with monkeypatch.context() as patch:
        patch.setattr(keeping, name, how)
        with pytest.raises(Killed):
            archive()


def test_no_row_is_deleted_that_no_file_holds() -> None:
    finished_signal()
    first, second = deliver("rejected"), deliver("rejected")
    redriven(first, second)
    MarketData.objects.create(
        symbol="SPY", as_of=first.received_at, received_at=first.received_at, source="feeder", data={"iv": "0.4"}
    )
    filled = [table for table in sorted(TABLES - PASSING) if count(table)]

    refusals = {table: refusal_of(f"DELETE FROM {table}") for table in filled}

    assert len(filled) >= 20
    # Either speaks up first: the guard of the table, or a key that refers to it.
    assert {table for table, said in refusals.items() if "append-only" not in said} == set()


def test_a_row_that_has_changed_since_stays_and_is_archived_again(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    old = finished_signal()
    later_gain()
    let_days_pass(40)
    die_in(monkeypatch, "_remove")
    execute("UPDATE signal_distributions SET lease_expires_at = now() WHERE experiment_id = %s", old.pk)

    archive()

    given_up, made = Archive.objects.order_by("id")
    assert (given_up.removed_at, given_up.keys) == (None, [])
    assert given_up.given_up_at is not None
    assert made.removed_at is not None
    assert not is_here(old)
    assert files_in(folder) == noted()


def test_killed_before_the_archive_is_committed_nothing_has_gone(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    old = finished_signal()
    later_gain()
    let_days_pass(40)
    die_in(monkeypatch, "write")
    assert (Archive.objects.count(), is_here(old)) == (0, True)

    assert archive() == 1
    assert not is_here(old)


def test_killed_between_archive_and_deletion_the_rows_are_in_both_and_go_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = finished_signal()
    later_gain()
    let_days_pass(40)
    die_in(monkeypatch, "_remove")
    assert (Archive.objects.get().removed_at, is_here(old)) == (None, True)

    assert archive() == 0
    assert Archive.objects.get().removed_at is not None
    assert not is_here(old)


def test_killed_in_the_middle_of_a_deletion_a_signal_is_whole_or_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    old, other = finished_signal(), finished_signal()
    later_gain()
    let_days_pass(40)
    monkeypatch.setattr(keeping, "ITEMS_A_TRANSACTION", 1)
    taken: list[int] = []

    def die_at_the_second(ids: Any) -> None:
        taken.append(len(ids))
        if len(taken) == 2:
            raise Killed

    die_in(monkeypatch, "index_again", die_at_the_second)
    left = [one for one in (old, other) if is_here(one)]
    assert len(left) == 1
    assert value("SELECT count(*) FROM trade_fills WHERE experiment_id = %s", left[0].pk) >= 4
    assert value("SELECT count(*) FROM archived_experiments") == 1

    archive()
    assert not is_here(left[0])
    assert ArchivedRow.objects.count() == 0


def test_nothing_goes_when_the_files_cannot_be_written(settings: Any, folder: Path) -> None:
    old = finished_signal()
    later_gain()
    let_days_pass(40)
    (folder / "a file").write_text("")
    settings.ARCHIVE_DIR = str(folder / "a file")

    assert keeping.archive_due() == 0
    assert (Archive.objects.count(), is_here(old)) == (0, True)


def _ready_to_go(monkeypatch: pytest.MonkeyPatch) -> Archive:
    finished_signal()
    later_gain()
    let_days_pass(40)
    die_in(monkeypatch, "_remove")
    return Archive.objects.get()


def test_a_hold_takes_back_what_was_ready_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    _ready_to_go(monkeypatch)

    hold = place_hold(OPERATOR, reason="Matter 7.")

    assert ArchivedRow.objects.count() == 0
    assert archive() == 0
    assert Archive.objects.get().given_up_at is not None
    lift_hold(OPERATOR, hold.pk, reason="Settled.")
    assert archive() == 1


def test_a_hold_waits_for_the_deletion_that_runs_and_stops_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    made = _ready_to_go(monkeypatch)

    with (
        uncommitted(lambda: keeping._remove_some(made, SIGNALS)) as commit,
        in_background(lambda: place_hold(OPERATOR, reason="Matter 7.")) as placing,
    ):
        wait_for_blocked_sessions()
        assert LegalHold.objects.count() == 0
        commit()
        placing.result(LIMIT_SECONDS)

    assert Archive.objects.get().removed_at is not None
    assert ArchivedRow.objects.count() == 0


def test_without_the_lock_a_row_is_deleted_that_is_on_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above: it is the lock that makes the two take turns."""
    _ready_to_go(monkeypatch)
    guards = [str(value(f"SELECT pg_get_functiondef('{name}'::regproc)")) for name in ("refuse_change", "place_hold")]
    for guard in guards:
        execute(guard.replace("PERFORM pg_advisory_xact_lock", "-- "))
    try:
        with uncommitted(lambda: execute("DELETE FROM incident_acknowledgements")) as commit:
            place_hold(OPERATOR, reason="Matter 7.")
            assert count("incident_acknowledgements") == 1
            commit()
        assert count("incident_acknowledgements") == 0
    finally:
        for guard in guards:
            execute(guard)


def test_a_held_row_stays_even_with_a_permission_that_came_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    made = _ready_to_go(monkeypatch)
    experiment = value("SELECT experiment_id FROM incidents")
    permissions = [bytes(digest) for digest in ArchivedRow.objects.values_list("digest", flat=True)]
    place_hold(OPERATOR, reason="Matter 7.", experiment_id=experiment)
    ArchivedRow.objects.bulk_create(ArchivedRow(digest=digest, archive=made) for digest in permissions)

    archive()

    assert value("SELECT count(*) FROM experiments WHERE experiment_id = %s", experiment) == 1
    assert made.pk == Archive.objects.get(given_up_at__isnull=False).pk


def test_a_hold_is_lifted_once_and_neither_it_nor_an_archive_changes() -> None:
    hold = place_hold(OPERATOR, reason="Matter 7.", symbol="SPY")
    finished_signal(symbol="QQQ")
    later_gain()
    let_days_pass(40)
    archive()

    assert "never changes" in refusal_of("UPDATE legal_holds SET symbol = 'QQQ'")
    assert "append-only" in refusal_of("DELETE FROM legal_holds")
    assert "never changes" in refusal_of("UPDATE archives SET day = day - 1")
    assert "append-only" in refusal_of("DELETE FROM archives")
    assert "append-only" in refusal_of("UPDATE archive_files SET sha256 = repeat('0', 64)")
    lift_hold(OPERATOR, hold.pk, reason="Settled.")
    with pytest.raises(DomainError) as caught:
        lift_hold(OPERATOR, hold.pk, reason="Settled.")
    assert caught.value.code == "hold_lifted"
    told = AuditEntry.objects.filter(action__startswith="hold.").order_by("id")
    assert [(one.action, one.reason, one.actor) for one in told] == [
        ("hold.placed", "Matter 7.", "ann"), ("hold.lifted", "Settled.", "ann"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("covers", "code"),
    [
        ({"starts_on": date(2026, 2, 1), "ends_on": date(2026, 1, 1)}, "hold_days"),
        ({"experiment_id": UUID(int=7)}, "hold_covers_nothing"),
    ],
)
def test_a_hold_that_can_cover_nothing_is_refused(covers: dict[str, Any], code: str) -> None:
    with pytest.raises(DomainError) as caught:
        place_hold(OPERATOR, reason="Matter 7.", **covers)
    assert caught.value.code == code
    assert LegalHold.objects.count() == 0


def test_whatever_refers_to_what_goes_goes_with_it() -> None:
    """A new table with a foreign key to one of these would keep every signal for ever."""
    keys = rows("SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'")

    assert {child for child, parent in keys if parent in TABLES} - TABLES == set()
