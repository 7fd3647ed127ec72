"""A report that is kept: cited by its hash, shown as it was, changed by nobody."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from kernel.canonical import document_hash
from outcomes.models import KeptReport
from outcomes.performance.report import performance_report
from outcomes.performance.scope import PerformanceFilters
from tests.orchestrator_site.console.rows import logged_in, traded_pair
from tests.outcomes.closed_trades import Closed, close_pair

pytestmark = pytest.mark.django_db


@pytest.fixture
def analyst() -> Client:
    return logged_in("analyst")


def keep(client: Client, **posted: str) -> Any:
    return client.post(f"{reverse('admin:report_keep')}?symbol=SPY", posted)


def seen_hash() -> str:
    text: str = performance_report(PerformanceFilters(symbol="SPY"))["report_hash"]
    return text


def test_a_kept_report_is_shown_as_it_was_whatever_happens_afterwards(analyst: Client) -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))

    answer = keep(analyst, report_hash=seen_hash(), note=" June review ")
    close_pair("A", Closed(a="1.00", b="2.00"))

    kept = KeptReport.objects.get()
    assert (kept.note, answer["Location"]) == ("June review", reverse("admin:report_kept", args=(kept.report_hash,)))
    page = analyst.get(answer["Location"])
    total = next(row for row in page.context["rows"] if row.name == "total_pnl")
    assert total.cells[0].text == "+60.00"
    assert "June review" in page.content.decode()
    assert kept.report_hash in analyst.get(reverse("admin:reports_kept")).content.decode()


def test_the_hash_under_which_a_report_is_kept_is_of_what_it_says(analyst: Client) -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))

    keep(analyst, report_hash=seen_hash())

    kept = KeptReport.objects.get()
    said = {name: value for name, value in kept.report.items() if name not in ("as_of", "report_hash")}
    assert document_hash(said) == kept.report_hash


def test_the_same_report_is_kept_once(analyst: Client) -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))

    for note in ("first", "second"):
        keep(analyst, report_hash=seen_hash(), note=note)

    assert list(KeptReport.objects.values_list("note", flat=True)) == ["first"]


def test_a_report_that_has_changed_since_it_was_looked_at_is_shown_instead_of_kept(analyst: Client) -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))
    seen = seen_hash()
    close_pair("A", Closed(a="1.00", b="2.00"))

    answer = keep(analyst, report_hash=seen)

    assert answer["Location"] == f"{reverse('admin:report')}?symbol=SPY"
    assert not KeptReport.objects.exists()
    assert "has changed since you opened it" in analyst.get(answer["Location"]).content.decode()


def test_a_kept_report_never_changes(analyst: Client) -> None:
    close_pair("A", Closed(a="60.00", b="33.00"))
    keep(analyst, report_hash=seen_hash())

    with pytest.raises(IntegrityError):
        KeptReport.objects.update(note="another")


def test_only_who_sees_the_report_keeps_it_or_sees_a_kept_one() -> None:
    viewer = logged_in("viewer")

    addresses = [reverse("admin:reports_kept"), reverse("admin:report_kept", args=("a" * 64,))]
    assert keep(viewer, report_hash=seen_hash()).status_code == 403
    assert [viewer.get(address).status_code for address in addresses] == [403, 403]


def test_what_is_no_report_is_not_kept(analyst: Client) -> None:
    traded_pair()

    wrong: Any = analyst.post(f"{reverse('admin:report_keep')}?variant=C", {"report_hash": seen_hash()})

    assert (wrong.status_code, KeptReport.objects.count()) == (400, 0)
    assert analyst.get(reverse("admin:report_kept", args=("a" * 64,))).status_code == 404
    assert analyst.get(reverse("admin:report_keep")).status_code == 405
