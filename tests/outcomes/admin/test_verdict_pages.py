"""The verdict's page: found, kept, cited and given as files, by whoever may."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from kernel.actors import Actor
from outcomes import services
from outcomes.evaluations import judging, lifecycle
from outcomes.models import KeptReport, Violation
from outcomes.services.case import database_time
from outcomes.services.kept_reports import keep_report
from tests.orchestrator_site.console.rows import logged_in
from tests.outcomes.desk import C72_5_JULY, leg, let_time_pass, plan
from tests.outcomes.evaluations.hall import Hall, draft, make_phase, started
from tests.outcomes.evaluations.pages import text, url
from tests.pages import table_rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def phase() -> None:
    make_phase()


@pytest.fixture
def operator() -> Client:
    return logged_in("operator")


def judge_two_days(hall: Hall, first: int = 0) -> None:
    for day in range(first, first + 3):
        hall.play(day, a="2.78")
    judging.judge_due()


def keep(client: Client, report_hash: str) -> Any:
    return client.post(url("keep", "spring"), {"report_hash": report_hash, "note": "The meeting."}, follow=True)


def hash_on(page: str) -> str:
    """The report hash that a form to keep the page would send."""
    return page.partition('name="report_hash" value="')[2].partition('"')[0]


def test_the_entry_of_the_sidebar_leads_to_what_runs_then_to_the_newest_draft_or_teaches(operator: Client) -> None:
    page = text(operator.get(url("latest")))
    assert ("No evaluation yet" in page, url("write") in page) == (True, True)
    assert url("write") not in text(logged_in("viewer").get(url("latest")))

    draft(name="winter")
    assert operator.get(url("latest")).headers["Location"] == url("verdict", "winter")

    started()
    draft(name="summer")
    assert operator.get(url("latest")).headers["Location"] == url("verdict", "spring")


def test_a_page_is_kept_as_it_is_and_cited_by_an_address_at_which_it_stays(operator: Client) -> None:
    hall = Hall()
    started()
    judge_two_days(hall)
    page = text(operator.get(url("verdict", "spring")))
    assert f"http://testserver{url('verdict', 'spring')}" in page

    answer = keep(operator, hash_on(page))
    judge_two_days(hall, first=3)

    kept = KeptReport.objects.get()
    assert (kept.note, kept.kept_by) == ("Evaluation spring. The meeting.", "operator")
    assert answer.redirect_chain == [(url("kept", kept.report_hash), 302)]
    then, now = text(operator.get(url("kept", kept.report_hash))), text(operator.get(url("verdict", "spring")))
    assert ("needed, after 2 blocks." in then, "needed, after 5 blocks." in now) == (True, True)
    assert f"http://testserver{url('kept', kept.report_hash)}" in then
    # The list of what is kept leads to it.
    listed = operator.get(reverse("admin:report_kept", args=(kept.report_hash,)))
    assert listed.headers["Location"] == url("kept", kept.report_hash)


def test_what_has_moved_on_since_the_page_was_opened_is_not_kept(operator: Client) -> None:
    started()

    answer = keep(operator, "0" * 64)

    assert "The evaluation has moved on since you opened the page." in text(answer)
    assert not KeptReport.objects.exists()


def test_a_kept_report_of_other_figures_is_no_verdict(operator: Client) -> None:
    report = {"report_hash": "ab" * 32, "as_of": "2026-03-16T14:31:00.000000Z", "filters": {}}
    keep_report(Actor("ann"), report)

    assert operator.get(url("kept", "ab" * 32)).status_code == 404


def test_who_may_look_may_not_keep(operator: Client) -> None:
    started()
    viewer = logged_in("viewer")
    page = text(viewer.get(url("verdict", "spring")))

    assert "Keep this page" not in page
    assert keep(viewer, hash_on(text(operator.get(url("verdict", "spring"))))).status_code == 403
    assert operator.get(url("keep", "spring")).status_code == 405


def test_each_chart_is_a_file(operator: Client) -> None:
    started()
    judge_two_days(Hall())

    answer = operator.get(url("verdict", "spring"), {"csv": "blocks"})

    assert answer.headers["Content-Disposition"] == 'attachment; filename="blocks.csv"'
    header, first, *_ = text(answer).splitlines()
    assert header.startswith("Last day,From,Block,Signals,Arrived,x low,x high,m,Evidence A,Evidence B")
    assert first.startswith("2014-06-02,2014-06-02,1,1,1,1.0,1.0,1.0,")
    assert operator.get(url("verdict", "spring"), {"csv": "nothing"}).status_code == 404


def test_a_side_without_a_value_is_counted_with_its_reason(operator: Client) -> None:
    # given prices that count for neither, a broken rule, and a shadow that never opened
    hall = Hall()
    started(prices="NEUTRAL")
    broken = hall.play(0)
    Violation.objects.create(
        experiment=broken, engine="A", name="LATE_ENTRY", detail="A test.", found_at=database_time()
    )
    half = hall.signal(1)
    sides = [(hall.a, leg()), (hall.b, leg(C72_5_JULY, entry_price="0.98"))]
    (real, own), (shadow, _) = sides if half.decision.executed_engine == "A" else sides[::-1]
    for engine, planned in sides:
        assert engine.recommend(half, plan=plan(planned)).status == 201
    assert real.confirm(half).status == 200
    trade = real.open(half, legs=[own], entry_time="2014-06-03T14:00:00.000000Z").body["trade_id"]
    assert real.close(trade, exit_time="2014-06-03T18:00:00.000000Z", exit_price="1.39").status == 200
    let_time_pass(seconds=1000)
    services.settle_due()
    lifecycle.finish_evaluation(Actor("ann"), "spring", reason="Enough.")
    judging.judge_due()

    page = text(operator.get(url("verdict", "spring")))
    assert f'hx-get="{url("reasons", "spring")}"' in page
    rows = {row[0]: row[1:] for row in table_rows(text(operator.get(url("reasons", "spring"))))}

    never = ["0", "1"] if shadow.name == "B" else ["1", "0"]
    unpriced = ["0", "2"] if real.name == "B" else ["1", "1"]
    assert rows == {
        "… never opened": never,
        "… no price that counts, or still open at the deadline": unpriced,
        "… broke a rule": ["1", "0"],
    }
    # What is kept says it without asking again.
    assert ["… broke a rule", "1", "0"] in table_rows(text(keep(operator, hash_on(page))))
