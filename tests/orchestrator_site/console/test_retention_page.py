"""The Retention page: what stays how long, what has gone, and the holds that keep the rest."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db.models.functions import Now
from django.urls import reverse

from archives.keeping import archive, archive_due
from archives.models import LegalHold
from experiments.models import WorkerHeartbeat
from kernel.models import AuditEntry
from tests.archives.shelf import let_days_pass
from tests.factories import make_experiment
from tests.orchestrator_site.console.rows import logged_in

pytestmark = pytest.mark.django_db
PAGE, PLACE = reverse("admin:retention"), reverse("admin:retention_hold")


def test_without_retention_it_says_that_everything_is_kept_and_how_to_change_that() -> None:
    page = logged_in("viewer").get(PAGE).content.decode()

    assert "Everything is kept for ever." in page
    assert "None in force." in page
    assert page.count("KEEP_") == 5
    assert "Place legal hold" not in page


def test_it_shows_what_is_kept_since_when_and_what_has_gone(settings: LazySettings, tmp_path: Path) -> None:
    settings.KEEP_SIGNALS_DAYS = 30
    settings.ARCHIVE_DIR = str(tmp_path)
    make_experiment("A")
    let_days_pass(40)
    make_experiment("A")
    archive()

    page = logged_in("viewer").get(PAGE).content.decode()

    assert "30 days" in page
    assert str(tmp_path) in page
    assert "in files" in page
    listed = logged_in("analyst").get(reverse("admin:archives_archive_changelist")).content.decode()
    assert "in files" in listed


def test_it_says_what_keeps_old_rows_from_going_and_what_to_do(settings: LazySettings, tmp_path: Path) -> None:
    settings.KEEP_SIGNALS_DAYS = 30
    settings.ARCHIVE_DIR = str(tmp_path / "full")
    (tmp_path / "full").write_text("a file, where no folder can be made")
    make_experiment("A")
    let_days_pass(42)
    make_experiment("A")
    archive_due()
    viewer = logged_in("viewer")
    WorkerHeartbeat.objects.create(cluster="host:1", heartbeat_at=Now())

    page = viewer.get(PAGE).content.decode()

    assert "Old rows cannot be archived: [Errno 20] Not a directory" in page
    assert "Make room in" in page
    assert "12 days past" in page
    assert "No worker is running" not in page

    settings.ARCHIVE_DIR = str(tmp_path / "mended")
    archive_due()
    WorkerHeartbeat.objects.all().delete()

    page = viewer.get(PAGE).content.decode()
    assert "Old rows cannot be archived" not in page
    assert "days past" not in page
    assert "Nothing is archived until then." in page


def test_an_operator_places_a_hold_with_a_reason_and_lifts_it_with_another() -> None:
    operator = logged_in("operator")
    asked = {"symbol": "spy", "experiment_id": "", "starts_on": "2026-01-01", "ends_on": "", "reason": "Matter 7."}

    assert operator.post(PLACE, asked).status_code == 302

    hold = LegalHold.objects.get()
    assert (hold.symbol, hold.starts_on, hold.ends_on, hold.placed_by) == ("SPY", date(2026, 1, 1), None, "operator")
    page = operator.get(PAGE).content.decode()
    assert "SPY from 2026-01-01" in page
    lift = reverse("admin:retention_lift", args=(hold.pk,))
    assert "Matter 7." in operator.get(lift).content.decode()
    assert operator.post(lift, {"reason": ""}).status_code == 200
    assert operator.post(lift, {"reason": "Settled."}).status_code == 302
    hold.refresh_from_db()
    assert (hold.lifted_by, hold.lift_reason) == ("operator", "Settled.")
    assert operator.post(lift, {"reason": "Again."}).status_code == 404
    assert list(AuditEntry.objects.filter(action__startswith="hold.").values_list("action", flat=True)) == [
        "hold.lifted", "hold.placed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reason": ""}, "This field is required."),
        ({"experiment_id": "7"}, "Enter a valid UUID."),
        ({"experiment_id": "00000000-0000-0000-0000-000000000007"}, "is not in the database."),
        ({"starts_on": "yesterday"}, "Enter a valid date."),
        ({"starts_on": "2026-02-01", "ends_on": "2026-01-01"}, "The last day comes before the first."),
        ({"symbol": "S" * 65}, "at most 64 characters"),
    ],
)
def test_what_is_wrong_stands_beside_the_field(changed: dict[str, str], said: str) -> None:
    asked = {"symbol": "", "experiment_id": "", "starts_on": "", "ends_on": "", "reason": "Matter 7."}

    answer = logged_in("operator").post(PLACE, asked | changed)

    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not LegalHold.objects.exists()


def test_only_who_may_places_and_lifts() -> None:
    analyst = logged_in("analyst")

    assert analyst.get(PAGE).status_code == 200
    assert analyst.post(PLACE, {"reason": "Matter 7."}).status_code == 403
    assert analyst.post(reverse("admin:retention_lift", args=(1,)), {"reason": "No."}).status_code == 403
