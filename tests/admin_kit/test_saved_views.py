"""Views of a list: kept under a name with filters and columns, opened, renamed and deleted, each user's for himself."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from kernel.models import SavedView
from kernel.values import parse_instant
from tests.factories import make_experiment
from tests.orchestrator_site.console.rows import logged_in
from tests.pages import table_rows

pytestmark = pytest.mark.django_db
PAGE = "experiments_experiment_changelist"
LIST = reverse(f"admin:{PAGE}")
QUERY = "signal__symbol=SPY&columns=signal_text&columns=reason&p=3&o=0"


def save(client: Client, name: str, query: str = QUERY, page: str = PAGE) -> str:
    """Keep a list under a name; return where that leads."""
    answer = client.post(reverse("admin:view_save"), {"page": page, "name": name, "query": query})
    return answer.headers.get("Location", str(answer.status_code))


def test_a_view_opens_the_list_with_its_filters_order_and_columns() -> None:
    make_experiment("A", symbol="SPY")
    make_experiment("B", symbol="QQQ")
    viewer = logged_in("viewer")

    opened = viewer.get(save(viewer, " Spiders "))

    assert opened.context["cl"].list_display == ["signal_text", "reason"]
    assert [row.signal.symbol for row in opened.context["cl"].result_list] == ["SPY"]
    view = SavedView.objects.get()
    # The page was a place in the list and is not kept.
    assert (view.name, view.query, view.columns) == ("Spiders", "signal__symbol=SPY&o=0", "signal_text,reason")
    assert 'aria-current="page">Spiders</a>' in opened.content.decode()


def test_a_view_of_the_same_name_is_replaced_and_others_are_renamed_and_deleted() -> None:
    viewer = logged_in("viewer")
    save(viewer, "Mine")
    save(viewer, "Mine", "traded=B")
    save(viewer, "Other")
    mine = SavedView.objects.get(name="Mine")
    assert mine.query == "traded=B"

    clash = viewer.post(reverse("admin:view_change", args=(mine.pk,)), {"name": "Other"}, follow=True)
    viewer.post(reverse("admin:view_change", args=(mine.pk,)), {"name": "B trades"})

    assert "You already have a view of this name." in clash.content.decode()
    assert set(SavedView.objects.values_list("name", flat=True)) == {"B trades", "Other"}
    gone = viewer.post(reverse("admin:view_change", args=(mine.pk,)), {"delete": "1"}, follow=True)
    assert "View B trades deleted." in gone.content.decode()
    assert SavedView.objects.count() == 1


def test_nobody_sees_or_changes_the_view_of_another() -> None:
    viewer, analyst = logged_in("viewer"), logged_in("analyst")
    save(viewer, "Private one")
    save(analyst, "Private one", "traded=A")
    view = SavedView.objects.get(query__contains="SPY")

    assert "SPY" not in analyst.get(LIST).content.decode()
    assert analyst.post(reverse("admin:view_change", args=(view.pk,)), {"delete": "1"}).status_code == 404
    assert SavedView.objects.count() == 2


@pytest.mark.parametrize(
    ("name", "query", "page", "answer"),
    [
        ("", QUERY, PAGE, LIST),
        ("x" * 61, QUERY, PAGE, LIST),
        ("\x00", QUERY, PAGE, LIST),
        ("Long", "q=" + "x" * 3000, PAGE, LIST),
        ("Nowhere", QUERY, "no_such_page", "404"),
    ],
)
def test_what_cannot_be_a_view_is_refused(name: str, query: str, page: str, answer: str) -> None:
    assert save(logged_in("viewer"), name, query, page) == answer
    assert SavedView.objects.count() == 0


def test_columns_that_do_not_exist_leave_the_usual_ones() -> None:
    fired = "2026-03-17T02:30:00Z"
    make_experiment("A", symbol="SPY", timestamp=parse_instant(fired))
    viewer = logged_in("viewer")
    usual = viewer.get(LIST).context["cl"].list_display

    assert viewer.get(LIST, {"columns": "password"}).context["cl"].list_display == usual
    few = viewer.get(LIST, {"columns": "order,variant,market_date,fired,strategy,source,outcome"})

    shown = [row[:6] for row in table_rows(few.content.decode())]
    assert [fired, "2026-03-16", "-", "-", "tv", "none"] in shown


def test_choosing_columns_keeps_search_filters_and_order_and_replaces_the_columns() -> None:
    make_experiment("A", symbol="SPY")
    query = {"q": "SPY", "traded": "A", "o": "0", "columns": ["created_at", "reason"], "p": "1"}

    shown = logged_in("viewer").get(LIST, query).context["cl"]

    assert dict(shown.kept_parameters) == {"q": "SPY", "traded": "A", "o": "0"}
    assert [name for name, _, is_shown in shown.column_choices if is_shown] == ["created_at", "reason"]


def test_a_list_is_called_as_in_the_sidebar() -> None:
    page = logged_in("viewer").get(LIST).content.decode()

    assert "<title> Signals |" in " ".join(page.split())
    assert "Select experiment to view" not in page
