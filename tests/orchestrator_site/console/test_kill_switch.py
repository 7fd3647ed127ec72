"""The kill switch on every page: a reason, a typed word, and a banner while it holds."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from kernel.actors import Actor
from policies.models import Halt
from policies.selectors import open_halt
from policies.services import engage_halt
from tests.orchestrator_site.console.rows import logged_in

pytestmark = pytest.mark.django_db

PAGE = "admin:kill_switch"
EVERYWHERE = ("admin:index", "admin:signals_app_signal_changelist", "admin:report", "admin:check_alert")


@pytest.fixture
def operator() -> Client:
    return logged_in("operator")


def test_a_reason_and_the_typed_word_stop_everything(operator: Client) -> None:
    operator.post(reverse(PAGE), {"reason": "Broker is down.", "confirmation": "HALT"})

    halt = open_halt()
    assert halt is not None
    assert (halt.reason, halt.engaged_by) == ("Broker is down.", "operator")


@pytest.mark.parametrize("form", [
    {"reason": "x", "confirmation": ""}, {"reason": "x", "confirmation": "halt"},
    {"reason": "x", "confirmation": "RESUME"},
    {"reason": "", "confirmation": "HALT"}, {"reason": "   ", "confirmation": "HALT"}, {},
])  # fmt: skip
def test_without_both_nothing_is_stopped(operator: Client, form: dict[str, str]) -> None:
    page = operator.post(reverse(PAGE), form)

    assert page.context["form"].errors
    assert "shown on every page while trading is halted" in page.content.decode()
    assert open_halt() is None


def test_releasing_needs_its_own_word_and_reason(operator: Client) -> None:
    engage_halt(Actor("tests"), reason="A test.")

    page = operator.post(reverse(PAGE), {"reason": "Works again.", "confirmation": "HALT"})
    assert open_halt() is not None
    assert "shown on every page while trading is halted" not in page.content.decode()
    operator.post(reverse(PAGE), {"reason": "Works again.", "confirmation": "RESUME"})

    halt = Halt.objects.get()
    assert open_halt() is None
    assert (halt.release_reason, halt.released_by) == ("Works again.", "operator")


def test_a_word_typed_before_somebody_else_halted_does_not_release(operator: Client) -> None:
    operator.get(reverse(PAGE))
    engage_halt(Actor("tests"), reason="Somebody was faster.")

    page = operator.post(reverse(PAGE), {"reason": "Mine.", "confirmation": "HALT"})

    assert open_halt() is not None
    assert "Type RESUME" in page.content.decode()


@pytest.mark.parametrize("view", EVERYWHERE)
def test_every_page_has_the_button_and_while_it_holds_the_banner(operator: Client, view: str) -> None:
    calm = operator.get(reverse(view)).content.decode()
    engage_halt(Actor("tests"), reason="Broker <b>down</b>.")
    alarmed = operator.get(reverse(view)).content.decode()

    assert "to-halt-button" in calm
    assert "to-halt-banner" not in calm
    assert "to-halt-banner" in alarmed
    assert "Broker &lt;b&gt;down&lt;/b&gt;." in alarmed


def test_a_viewer_sees_the_banner_and_no_button() -> None:
    viewer = logged_in("viewer")
    engage_halt(Actor("tests"), reason="A test.")

    page = viewer.get(reverse("admin:signals_app_signal_changelist")).content.decode()

    assert "to-halt-banner" in page
    assert reverse(PAGE) not in page


def test_the_banner_costs_one_statement_a_page(operator: Client) -> None:
    address = reverse("admin:check_alert")
    operator.get(address)

    with CaptureQueriesContext(connection) as queries:
        operator.get(address)

    assert sum('FROM "halts"' in query["sql"] for query in queries) == 1


def test_the_log_in_page_asks_for_no_halt(client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        page = client.get(reverse("admin:login"))

    assert page.status_code == 200
    assert not any("halts" in query["sql"] for query in queries)
