"""What senders, engines and operators write is shown as text and never runs."""

from __future__ import annotations

import pytest
from django.urls import reverse

from signals_app.models import WebhookDelivery
from tests.factories import MOMENT, make_experiment, make_signal
from tests.orchestrator_site.console.rows import fail, logged_in, make_everything
from tests.outcomes.desk import EngineClient

pytestmark = pytest.mark.django_db

ATTACK = '<script>alert("x")</script>'
ATTRIBUTE = '"><img src=x onerror=alert(1)>'
VALID = {"symbol": "SPY", "direction": "long", "timeframe": "5m", "timestamp": MOMENT.isoformat()}
PAYLOAD = {ATTACK: ATTRIBUTE, "note": f"{ATTACK}{ATTRIBUTE}", "close": 1.5}


def assert_harmless(page: str) -> None:
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_names_and_payload_of_a_signal_are_escaped_in_list_and_page() -> None:
    signal = fail(make_signal(symbol="<B>X</B>", strategy=ATTACK, payload=VALID | PAYLOAD), error=ATTACK)
    client = logged_in(superuser=True)

    for address in (
        reverse("admin:signals_app_signal_changelist"),
        reverse("admin:signals_app_signal_change", args=(signal.pk,)),
    ):
        page = client.get(address).content.decode()
        assert_harmless(page)
        assert "<B>X</B>" not in page


def test_the_page_of_an_experiment_escapes_payload_and_recommendation() -> None:
    experiment = make_experiment("A", timestamp=MOMENT, strategy=ATTACK, payload=VALID | PAYLOAD)
    engine = EngineClient("A")
    engine.recommend(experiment, strategy_version=ATTRIBUTE, recommendation={ATTACK: ATTRIBUTE})
    client = logged_in(superuser=True)

    page = client.get(reverse("admin:experiments_experiment_change", args=(experiment.pk,))).content.decode()

    assert_harmless(page)
    assert "&lt;script&gt;alert" in page
    recommendation = experiment.recommendations.get()
    assert_harmless(
        client.get(reverse("admin:outcomes_recommendation_change", args=(recommendation.pk,))).content.decode()
    )


def test_the_body_of_a_delivery_is_text() -> None:
    make_everything()
    WebhookDelivery.objects.update(body=ATTACK.encode() + b"\xff", detail=ATTACK)
    delivery = WebhookDelivery.objects.get()
    client = logged_in(superuser=True)

    assert_harmless(client.get(reverse("admin:signals_app_webhookdelivery_changelist")).content.decode())
    assert_harmless(client.get(reverse("admin:inbox")).content.decode())
    page = client.get(reverse("admin:signals_app_webhookdelivery_change", args=(delivery.pk,))).content.decode()

    assert_harmless(page)
    assert "\ufffd" in page


def test_what_is_typed_into_a_form_comes_back_as_text() -> None:
    client = logged_in(superuser=True)

    for view, form in (
        ("check_alert", {"message": ATTACK + ATTRIBUTE, "max_age_seconds": "300"}),
        ("kill_switch", {"reason": ATTRIBUTE, "confirmation": ATTACK}),
        ("policies_policyversion_new_version", {"note": ATTACK, "split_percentage": ATTRIBUTE}),
        ("signals_app_webhooksource_new_source", {"slug": ATTRIBUTE, "allowed_addresses": ATTACK}),
    ):
        assert_harmless(client.post(reverse(f"admin:{view}"), form).content.decode())


def test_filters_of_the_report_come_back_as_text() -> None:
    client = logged_in(superuser=True)

    for name in ("symbol", "strategy", "since", "direction"):
        assert_harmless(client.get(reverse("admin:report"), {name: ATTACK + ATTRIBUTE}).content.decode())


def test_a_search_comes_back_as_text() -> None:
    client = logged_in(superuser=True)

    page = client.get(reverse("admin:signals_app_signal_changelist"), {"q": ATTACK + ATTRIBUTE})

    assert_harmless(page.content.decode())
