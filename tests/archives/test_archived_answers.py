"""Calls that answer rows of the database say until when rows have left it; a view lists the files that hold them."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rest_framework.test import APIClient

from archives.keeping import archive
from kernel.values import format_timestamp
from tests.archives.shelf import finished_signal, later_gain, let_days_pass
from tests.database import rows
from tests.factories import api_client

pytestmark = pytest.mark.django_db(transaction=True)


def told(analyst: APIClient) -> dict[str, tuple[str | None, str | None]]:
    """Of each table, what a page of JSON and the head of a file say."""
    return {
        table: (
            analyst.get(f"/api/v1/{table}").json()["archived_until"],
            analyst.get(f"/api/v1/{table}?format=csv").headers.get("Archived-Until"),
        )
        for table in ("experiments", "deliveries", "audit")
    }


def test_an_answer_says_until_when_rows_may_be_in_files(folder: Path) -> None:
    analyst = api_client("analyst")
    old = finished_signal()
    newer = later_gain()
    let_days_pass(40)
    old.signal.refresh_from_db()
    came = format_timestamp(old.signal.received_at)
    assert told(analyst) == dict.fromkeys(("experiments", "deliveries", "audit"), (None, None))

    assert archive() == 1

    assert told(analyst) == {"experiments": (came, came), "deliveries": (came, came), "audit": (None, None)}
    answer = analyst.get(f"/api/v1/experiments/{old.pk}")
    assert (answer.status_code, answer.json()["detail"].partition(":")[0]) == (404, "The experiment is archived")
    # These hold it all the same.
    for table in ("outcomes", "pairs"):
        page = analyst.get(f"/api/v1/{table}").json()
        assert page.keys() == {"next", "results"}
        said = {row["experiment_id"]: row["replayed"] for row in page["results"]}
        assert said == {str(old.pk): None, str(newer.pk): True}
        file = b"".join(analyst.get(f"/api/v1/{table}?format=csv")).decode().splitlines()
        assert [row["replayed"] for row in csv.DictReader(file)] == ["", "true"]


def test_the_view_of_archives_leads_to_every_file_and_its_rows(folder: Path) -> None:
    finished_signal()
    later_gain()
    let_days_pass(40)
    assert archive() == 1

    listed = rows(
        "SELECT table_name, path, rows FROM analyst.archives WHERE kind = 'signals' AND removed_at IS NOT NULL"
    )

    assert {path for _, path, _ in listed} == {str(one.relative_to(folder)) for one in folder.rglob("*.parquet")}
    assert {pq.read_metadata(folder / path).num_rows == number for _, path, number in listed} == {True}
    assert {"signals", "experiments", "webhook_deliveries"} <= {table for table, _, _ in listed}
