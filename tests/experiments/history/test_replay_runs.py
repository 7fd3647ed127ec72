"""A run is kept with what it came to, shows how far it is, and grows with nothing."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from psycopg.sql import SQL

from experiments.core.verification import Difference, Recorded
from experiments.history import replay as replay_module
from experiments.history.replay import NOWHERE, ROWS, Selection, run_replay
from experiments.models import ReplayRun
from tests.database import value
from tests.experiments.history.test_replay import tamper
from tests.factories import make_experiment, make_signal

pytestmark = pytest.mark.django_db


def test_a_run_is_kept() -> None:
    experiment = make_experiment("A")
    make_signal()

    run_replay(Selection(policy_version=2), run_by="ada")

    run = ReplayRun.objects.get()
    assert (run.verified, run.differences, run.first_differences, run.run_by) == (1, 0, [], "ada")
    assert run.selection == {"policy_version": "2"}
    assert run.seconds >= 0
    assert run.started_at <= value("SELECT clock_timestamp()")
    assert experiment.policy_version_id == 2


def test_a_run_keeps_its_first_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_module, "DIFFERENCES_KEPT", 2)
    for _ in range(3):
        make_experiment("A")
    tamper("experiments", "bucket = (bucket + 1) % 10000")

    run = run_replay(Selection(), run_by="ada")

    assert (run.verified, run.differences) == (3, 3)
    assert len(run.first_differences) == 2
    assert {one["field"] for one in run.first_differences} == {"experiments.bucket"}


def test_every_difference_is_told_as_it_is_found() -> None:
    make_experiment("A")
    tamper("experiments", "bucket = (bucket + 1) % 10000")
    told: list[str] = []

    run_replay(Selection(), run_by="ada", found=lambda difference: told.append(difference.field))

    assert told == ["experiments.bucket"]


def test_progress_counts_what_is_selected() -> None:
    for _ in range(3):
        make_experiment("A")
    told: list[tuple[int, int]] = []

    run_replay(Selection(policy_version=3), run_by="ada", progress=lambda done, total: told.append((done, total)))

    assert told == [(1, 1)]


def test_the_command_keeps_who_ran_it() -> None:
    call_command("replay", stdout=StringIO(), stderr=StringIO())

    assert ReplayRun.objects.get().run_by.startswith("command line (")


def test_a_short_run_shows_no_progress() -> None:
    make_experiment("A")
    error = StringIO()

    call_command("replay", stdout=StringIO(), stderr=error)

    assert error.getvalue() == ""


def test_a_long_run_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    make_experiment("A")
    monkeypatch.setattr("archives.management.commands.replay.QUIET_SECONDS", 0.0)
    error = StringIO()

    call_command("replay", stdout=StringIO(), stderr=error)

    assert error.getvalue().startswith("[##############################] 1 of 1 experiments, ")


def test_the_document_is_valid_however_many_differences() -> None:
    for _ in range(3):
        make_experiment("A")
    tamper("experiments", "bucket = (bucket + 1) % 10000")
    tamper("execution_policy", "reason = 'SPLIT'")
    out = StringIO()

    with pytest.raises(SystemExit, match="1"):
        call_command("replay", "--json", stdout=out, stderr=StringIO())

    document = json.loads(out.getvalue())
    assert document["verified"] == 3
    assert len(document["differences"]) >= 6


def test_the_columns_are_those_of_a_verification() -> None:
    with connection.cursor() as cursor:
        cursor.execute(ROWS.format(conditions=SQL("false"), **NOWHERE))

        assert tuple(column.name for column in cursor.description) == Recorded._fields


@pytest.mark.django_db(transaction=True)
def test_several_processes_find_the_same_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_module, "RANGE_SIZE", 2)
    for _ in range(7):
        make_experiment("A")
    tamper("experiments", "bucket = (bucket + 1) % 10000")
    alone: list[Difference] = []
    together: list[Difference] = []

    one = run_replay(Selection(), run_by="ada", found=alone.append)
    two = run_replay(Selection(), run_by="ada", jobs=2, found=together.append)

    assert (one.verified, one.differences) == (two.verified, two.differences) == (7, 7)
    assert together == alone
