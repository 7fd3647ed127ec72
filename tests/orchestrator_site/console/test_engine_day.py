"""The last day of an engine on its page: answers, permits, directives, what waits, and the errors it got."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from orchestrator_site.console.engine_day import BARS, engine_days, engine_errors, times_chart
from policies.models import EngineErrors
from tests.database import execute, value
from tests.factories import api_client
from tests.orchestrator_site.console.rows import logged_in, traded_pair
from tests.outcomes.desk import EngineClient, let_time_pass, make_desk

pytestmark = pytest.mark.django_db

LINK = re.compile(r'href="(/admin/outcomes/[^"]+\?[^"]+)"')


def test_answers_are_counted_by_what_came_of_them() -> None:
    make_desk("A")
    declined = make_desk("B", recommended=False)
    declined.a.recommend(declined.experiment, action="DECLINE", plan=None)

    days = engine_days()

    assert (days["A"].real, days["A"].shadow, days["A"].declined, days["A"].answers) == (1, 0, 1, 2)
    assert (days["B"].real, days["B"].shadow, days["B"].answers) == (0, 1, 1)


def test_who_is_silent_beyond_the_time_for_an_answer_is_counted_so() -> None:
    desk = make_desk(recommended=False)
    assert engine_days()["A"].silent == 0

    let_time_pass(seconds=desk.experiment.decision.policy_version.max_answer_age_seconds + 1)

    assert (engine_days()["A"].silent, engine_days()["B"].silent) == (1, 1)


def test_answer_times_are_told_as_percentiles_and_drawn_as_bars() -> None:
    for seconds in (0.5, 2, 3, 40):
        make_desk()
        execute("SET session_replication_role = replica")
        execute(
            "UPDATE recommendations r SET recommended_at = d.distributed_at + make_interval(secs => %s)"
            "  FROM signal_distributions d WHERE (d.experiment_id, d.engine) = (r.experiment_id, r.engine)"
            "   AND r.id > (SELECT max(id) - 2 FROM recommendations)",
            seconds,
        )
        execute("SET session_replication_role = DEFAULT")

    day = engine_days()["A"]

    assert day.named_percentiles[0] == ("median", 2.5)
    assert day.named_percentiles[-1] == ("longest", 40.0)
    counted = dict(zip(BARS, day.bars, strict=True))
    assert {name: n for name, n in counted.items() if n} == {"to 1 s": 1, "to 5 s": 2, "to 60 s": 1}
    chart = times_chart("A", day)
    assert chart is not None
    assert (chart.labels[0], chart.labels[-1]) == ("to 0.5 s", "to 300 s")
    assert list(chart.series[0].values) == [0, 1, 0, 2, 0, 0, 1, 0]
    assert "median 2.50 s" in chart.summary


def test_permits_directives_amendments_and_incidents_are_counted_for_their_engine() -> None:
    traded_pair()

    days = engine_days()

    assert (days["A"].permits, days["A"].confirmed, days["A"].used, days["A"].lapsed) == (1, 1, 1, 0)
    assert (days["B"].priced, days["B"].unpriced, days["B"].pending_directives) == (1, 0, 0)
    assert (days["A"].proposed, days["A"].accepted, days["B"].proposed) == (1, 0, 0)
    assert (days["A"].open_incidents, days["B"].open_incidents, days["B"].incidents) == (0, 1, 1)


def test_a_permit_that_was_used_without_a_confirmation_is_counted_apart() -> None:
    desk = make_desk()
    assert desk.a.open(desk.experiment, "REAL").status == 201

    page = logged_in("viewer").get(reverse("admin:engines")).content.decode()

    assert "1 issued, 0 confirmed, 1 used (1 without confirmation), 0 expired unused" in " ".join(page.split())


def test_remedies_show_names_of_the_api_as_code() -> None:
    EngineClient("A").post("assignments/claim", {"limit": 0})

    page = logged_in("viewer").get(reverse("admin:engines")).content.decode()

    assert "named in </span><code>errors</code>" in page
    assert "`" not in page.partition("Errors returned")[2].partition("</table>")[0]


def test_a_permit_that_was_not_used_has_lapsed_once_its_time_is_over() -> None:
    desk = make_desk()
    let_time_pass(seconds=desk.experiment.decision.policy_version.permit_ttl_seconds + 1)

    day = engine_days()["A"]

    assert (day.permits, day.used, day.lapsed) == (1, 0, 1)


def test_a_day_without_anything_is_all_noughts() -> None:
    day = engine_days()["A"]

    assert (day.answers, day.percentiles, day.permits, day.incidents) == (0, (), 0, 0)
    assert (sum(day.bars), times_chart("A", day)) == (0, None)


def test_every_error_that_an_engine_is_answered_with_is_counted_by_its_code() -> None:
    a = EngineClient("A")
    for _ in range(3):
        assert a.get("trades/00000000-0000-0000-0000-000000000000").code == "not_found"
    assert a.post("assignments/claim", {"limit": 0}).code == "invalid"

    errors = engine_errors()

    assert [(row.code, row.today, row.week) for row in errors["A"]] == [("not_found", 3, 3), ("invalid", 1, 1)]
    assert errors["A"][0].remedy.startswith("Check the id")
    assert errors["B"] == []


def test_nobody_else_s_errors_are_counted() -> None:
    assert api_client("analyst").get("/api/v1/trades").status_code == 403
    assert Client().get("/api/v1/trades").status_code == 401
    assert Client().get("/api/v1/trades", headers={"Authorization": "Api-Key wrong"}).status_code == 401
    assert api_client("engine-a").get("/api/v1/trades").status_code == 200

    assert not EngineErrors.objects.exists()


def test_an_error_more_is_no_row_more() -> None:
    desk = make_desk()
    for _ in range(5):
        desk.b.open(desk.experiment, "REAL")

    (row,) = EngineErrors.objects.all()
    assert (row.engine, row.code, row.count) == ("B", "double_execution_prevented", 5)
    assert row.day == value("SELECT (now() AT TIME ZONE 'UTC')::date")


def test_errors_of_more_than_a_week_ago_and_codes_of_the_past_do_no_harm() -> None:
    execute("INSERT INTO engine_errors (engine, day, code, count) VALUES ('A', current_date - 8, 'conflict', 9)")
    execute("INSERT INTO engine_errors (engine, day, code, count) VALUES ('A', current_date - 3, 'long_gone', 2)")

    (row,) = engine_errors()["A"]

    assert (row.code, row.today, row.week, row.meaning) == ("long_gone", 0, 2, "")


def test_the_page_shows_it_all_and_its_links_lead_somewhere() -> None:
    traded_pair()
    EngineClient("B").post("quotes", {})
    client = logged_in("viewer")

    page = client.get(reverse("admin:engines")).content.decode()

    text = " ".join(page.split())
    assert "1 issued, 1 confirmed, 1 used, 0 expired unused" in text
    assert "double_execution_prevented" in text
    assert "1 to decide" in text
    assert "1 to acknowledge" in text
    links = LINK.findall(page.replace("&amp;", "&"))
    assert len(links) >= 6
    for link in links:
        answer = client.get(link)
        assert (answer.status_code, "was ignored" in answer.content.decode()) == (200, False), link
