"""The inbox as an operator works with it: an alert is found, explained and checked, rejected ones are judged again."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from experiments.worker.pipeline import drain
from signals_app.models import Signal, WebhookDelivery
from tests.browser.axe import barriers_here
from tests.browser.person import DESKTOP, Person
from tests.factories import make_policy, make_source
from tests.signals_app.webhook.webhook import TOKEN, alert, send

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_alert_is_found_explained_checked_and_rejected_ones_are_judged_again(person: Person) -> None:
    make_policy(configured_mode="ENGINE_A_PRIMARY")
    source = make_source(token=TOKEN)
    send(alert(symbol="GOOG", order_id="order-4711"))
    send(alert(symbol="GOOG", direction="exit long"))
    drain()
    WebhookDelivery.objects.create(
        received_at=timezone.now(), source=source, body=json.dumps(alert(symbol="IWM")).encode(), body_sha256="0" * 64,
        outcome="rejected", code="direction_missing", duration_ms=1,
    )  # fmt: skip

    # The alert that TradingView says it sent, and what became of it.
    person.open("index")
    person.click("Inbox")
    person.reads("1 accepted, 1 recorded, 1 rejected", "direction_missing")
    drawn = "return Chart.getChart(document.querySelector('#inbox canvas'))?.data.datasets.length"
    person.until(lambda: person.driver.execute_script(drawn) == 5, lambda: "bars of every outcome")
    assert barriers_here(person) == []
    person.screen(DESKTOP)
    person.types("Alert contains", "order-47")
    person.submit("Apply filters")
    person.until(lambda: "q=order-47" in person.driver.current_url, lambda: person.driver.current_url)
    assert len(person.finds("tbody[data-rows] tr, [data-rows] tbody tr")) == 1
    person.click("Why")
    person.reads("Nobody trades for real because engine A was never heard from")

    # An exit is in the inbox, too, and says what it would be today.
    person.open("inbox", outcome="recorded")
    person.click("Check")
    person.reads("Check an alert")
    assert "exit long" in person.value("Message")
    person.submit("Check")
    person.reads("The alert closes a position.")

    # All rejected ones that match, first as a look.
    person.open("inbox", q="iwm")
    person.click("Re-evaluate rejected alerts")
    person.reads("1 alert would become", "1 accepted")
    assert Signal.objects.filter(symbol="IWM").count() == 0
    assert barriers_here(person) == []
    person.screen(DESKTOP)
    person.types("Reason", "The vocabulary knows it now.")
    person.submit("Re-evaluate 1 alert")
    person.reads("Re-evaluated: 1 accepted.")
    assert Signal.objects.filter(symbol="IWM").count() == 1
