"""What cannot be archived or made ahead is told: on Now, in the metrics, until it succeeds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from archives.keeping import ARCHIVING_IS_DUE, archive_due
from archives.partitions import keep_partitions
from archives.unfinished import begun
from orchestrator_site.console.attention import what_asks
from tests.archives.shelf import finished_signal, is_here, later_gain, let_days_pass
from tests.database import execute, value
from tests.threads import uncommitted

pytestmark = pytest.mark.django_db(transaction=True)


def said_of(kind: str) -> list[str]:
    return [one.text for one in what_asks() if one.kind == kind]


def metric(client: Client, name: str) -> float:
    text = client.get("/metrics").content.decode()
    (found,) = re.findall(rf"^orchestrator_{name} (\S+)$", text, re.MULTILINE)
    return float(found)


def test_a_folder_that_takes_nothing_is_told_until_it_does(
    client: Client, settings: LazySettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = finished_signal()
    later_gain()
    let_days_pass(40)
    settings.ARCHIVE_DIR = str(tmp_path / "full")
    (tmp_path / "full").write_text("a file, where no folder can be made")

    assert archive_due() == 0

    (said,) = said_of("archiving")
    assert said.startswith("Old rows cannot be archived: [Errno 20] Not a directory: ")
    assert "archive.failed" in caplog.text
    assert metric(client, "archiving_unfinished_seconds") > 0
    since = value("SELECT since FROM unfinished_work")
    assert archive_due() == 0
    assert value("SELECT since FROM unfinished_work") == since
    assert is_here(old)

    settings.ARCHIVE_DIR = str(tmp_path / "mended")

    assert archive_due() == 1
    assert said_of("archiving") == []
    assert metric(client, "archiving_unfinished_seconds") == 0
    assert not is_here(old)


def test_an_attempt_that_hangs_is_told_and_one_that_runs_is_not() -> None:
    begun("archives")
    assert said_of("archiving") == []

    execute("UPDATE unfinished_work SET since = since - interval '11 minutes'")

    assert said_of("archiving") == ["Old rows cannot be archived: no attempt comes to an end."]


def test_nothing_is_told_once_nothing_is_to_be_archived_any_more(settings: LazySettings) -> None:
    assert value(f"SELECT {ARCHIVING_IS_DUE}") is False
    begun("archives")
    settings.KEEP_SIGNALS_DAYS = 0

    assert value(f"SELECT {ARCHIVING_IS_DUE}") is True
    assert archive_due() == 0

    assert value(f"SELECT {ARCHIVING_IS_DUE}") is False


def test_months_that_cannot_be_made_are_told_until_they_are(client: Client) -> None:
    with uncommitted(lambda: execute("LOCK TABLE quotes IN SHARE MODE")) as commit:
        keep_partitions()
        commit()

    assert said_of("months") == [
        "Partitions of the coming months are not as they should be: quotes: canceling statement due to lock timeout."
    ]
    assert metric(client, "months_unfinished_seconds") > 0

    keep_partitions()

    assert said_of("months") == []
    assert metric(client, "months_unfinished_seconds") == 0
