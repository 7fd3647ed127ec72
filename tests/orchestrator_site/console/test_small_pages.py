"""Check an alert, switch an engine, and the pages for errors."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from policies.models import Engine
from signals_app.alerts.check_alert import TRADINGVIEW_TEMPLATE
from signals_app.watching.watches import WatchSettings, set_watch
from tests.factories import make_source
from tests.orchestrator_site.console.rows import logged_in
from tests.pages import cells

pytestmark = pytest.mark.django_db


def checked(message: str, **more: str) -> str:
    form = {"message": message, "max_age_seconds": "300"} | more
    return logged_in("viewer").post(reverse("admin:check_alert"), form).content.decode()


def test_the_template_itself_is_accepted_field_by_field() -> None:
    page = checked(TRADINGVIEW_TEMPLATE)

    assert "Accepted" in page
    assert {"symbol", "direction", "timeframe", "timestamp", "strategy"} <= set(cells(page))


def test_a_message_without_a_symbol_is_told_what_to_write() -> None:
    page = checked('{"action": "buy"}')

    assert "Rejected" in page
    assert "symbol_missing" in page
    assert "What to do:" in page


def test_an_old_alert_is_recorded_and_why() -> None:
    page = checked('{"symbol": "SPY", "action": "buy", "interval": "5", "timenow": "2020-01-01T00:00:00Z"}')

    assert "Recorded" in page
    assert "stale" in page


def test_a_secret_is_named_and_not_shown_as_a_value() -> None:
    page = checked(TRADINGVIEW_TEMPLATE.replace("the body secret of the source", "hush-hush"))

    assert "Removed as secret and never stored: secret." in page


def test_an_exit_is_explained_by_the_field_that_decided_it() -> None:
    page = checked('{"symbol": "SPY", "action": "sell", "order_id": "Long TP"}')

    assert "Because:</strong> order_id is &quot;Long TP&quot;." in page


def test_a_source_is_checked_by_its_own_settings_and_gets_templates_that_fit() -> None:
    source = make_source(body_secret_hash="a" * 64, bare_sell="exit")
    set_watch("tv", WatchSettings("sequence"))

    page = checked('{"symbol": "SPY", "action": "sell"}', source=source.slug)

    assert "this source takes a bare sell for an exit" in page
    assert "No secret: the source requires one" in page
    assert "No sequence number: the source is watched by it." in page
    assert "{{plot(&quot;Sequence&quot;)}}" in page
    asked = logged_in("operator").get(reverse("admin:check_alert"), {"source": "tv"}).content.decode()
    assert "{{plot(&quot;Sequence&quot;)}}" in asked
    assert "the body secret of the source" in asked


def test_the_templates_are_there_to_be_copied() -> None:
    page = logged_in("viewer").get(reverse("admin:check_alert")).content.decode()

    assert "{{strategy.order.action}}" in page
    assert "Copy" in page


def test_an_engine_is_switched_off_and_on_with_a_reason() -> None:
    client, address = logged_in("operator"), reverse("admin:policies_engine_switch", args=("B",))

    client.post(address, {"reason": "Maintenance."})
    off = Engine.objects.get(name="B")
    client.post(address, {"reason": "Done."})

    assert not off.enabled
    assert "Maintenance." in off.disabled_reason
    assert Engine.objects.get(name="B").enabled


@pytest.mark.parametrize("reason", ["", "   "])
def test_without_a_reason_no_engine_is_switched(reason: str) -> None:
    address = reverse("admin:policies_engine_switch", args=("A",))

    page = logged_in("operator").post(address, {"reason": reason})

    assert page.context["form"].errors
    assert Engine.objects.get(name="A").enabled


@pytest.mark.parametrize("name", ["C", "AB", "a", "A\0"])
def test_an_engine_that_is_none_is_not_found(name: str) -> None:
    assert logged_in("operator").get(reverse("admin:policies_engine_switch", args=(name,))).status_code == 404


def test_an_unknown_page_says_so_with_its_request_id(client: Client) -> None:
    answer = client.get("/nowhere/", headers={"X-Request-Id": "abc-123"})

    assert answer.status_code == 404
    assert "Check the URL" in answer.content.decode()
    assert "abc-123" in answer.content.decode()


def test_what_is_not_allowed_says_who_can_change_that() -> None:
    answer = logged_in("viewer").get(reverse("admin:kill_switch"))

    assert answer.status_code == 403
    assert "An administrator gives roles" in answer.content.decode()


def test_an_unforeseen_error_shows_the_request_id_and_no_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    client = logged_in("viewer")
    client.raise_request_exception = False
    monkeypatch.setattr("orchestrator_site.console.alert_page.check_alert", lambda *_: 1 / 0)

    form = {"message": "x", "max_age_seconds": "300"}
    answer = client.post(reverse("admin:check_alert"), form, headers={"X-Request-Id": "abc-123"})

    assert answer.status_code == 500
    assert "abc-123" in answer.content.decode()
    assert "ZeroDivisionError" not in answer.content.decode()
