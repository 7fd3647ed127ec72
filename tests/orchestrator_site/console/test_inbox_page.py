"""The inbox: what came, minute by minute and one by one, what should have come, and rejected alerts judged again."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from experiments.worker.pipeline import drain
from kernel.models import AuditEntry
from orchestrator_site.console.inbox_page import minutes
from signals_app.models import Signal, WebhookDelivery, WebhookSource
from signals_app.watch_models import MissingAlert
from tests.factories import make_policy, make_source
from tests.orchestrator_site.console.rows import logged_in
from tests.pages import table_rows
from tests.signals_app.webhook.webhook import TOKEN, alert, send

pytestmark = pytest.mark.django_db
INBOX, AGAIN = reverse("admin:inbox"), reverse("admin:inbox_redrive")


@pytest.fixture
def source() -> WebhookSource:
    """A source whose alert was accepted, sent again twice, contradicted, and followed by an exit and a rejected one."""
    made = make_source(token=TOKEN)
    make_policy(configured_mode="ENGINE_A_PRIMARY")
    body = alert(symbol="GOOG", order_id="order-4711")
    for sent in (
        body,
        body,
        body,
        body | {"close": 1},
        alert(symbol="GOOG", direction="exit long"),
        {"symbol": "TSLA"},
    ):
        send(sent)
    return made


@pytest.fixture
def operator(source: WebhookSource) -> Client:
    return logged_in("operator")


def rows_of(client: Client, **query: Any) -> list[list[str]]:
    return [row for row in table_rows(client.get(INBOX, query).content.decode()) if row[1:2] == ["tv"]]


def test_it_lists_every_alert_with_what_became_of_it_and_how_often_it_was_sent(operator: Client) -> None:
    drain()

    rows = rows_of(operator)

    outcomes = [row[2] for row in rows]
    assert outcomes[0].startswith("rejected ")
    assert outcomes[1:] == [
        "recorded exit",
        "conflict resend 3",
        "duplicate resend 2",
        "duplicate resend 1",
        "accepted",
    ]
    assert [row[4] for row in rows] == ["", "", "Why", "Why", "Why", "Why"]
    assert rows[-1][3].startswith("GOOG long 5m 2")
    assert {row[5] for row in rows} == {"Check"}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 6), ({"q": "goog"}, 5), ({"q": "order-4711"}, 4), ({"q": '"exit'}, 1),
        ({"q": "tsla", "outcome": "rejected"}, 1),
        ({"outcome": "duplicate"}, 2), ({"code": "exit"}, 1), ({"source": "tv"}, 6), ({"source": "other"}, 0),
        ({"within": "15m"}, 6), ({"until": "2020-01-01T00:00"}, 0), ({"since": "2020-01-01T00:00"}, 6),
        ({"q": "nothing"}, 0), ({"since": "yesterday"}, 0), ({"outcome": "x"}, 0), ({"before": "x"}, 6),
        ({"q": "\x00"}, 0),
    ],
)  # fmt: skip
def test_filters_and_words_narrow_it(operator: Client, query: dict[str, str], count: int) -> None:
    assert len(rows_of(operator, **query)) == count


def test_older_ones_are_a_page_away(operator: Client, source: WebhookSource) -> None:
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            received_at=timezone.now(), source=source, body=b"{}", body_sha256="0" * 64, outcome="recorded",
            code="stale", duration_ms=1,
        )
        for _ in range(60)
    )  # fmt: skip

    first = operator.get(INBOX, {"outcome": "recorded"})
    second = operator.get(f"{INBOX}?{first.context['older']}")

    assert (len(first.context["rows"]), len(second.context["rows"]), second.context["older"]) == (50, 11, None)


def test_the_minutes_of_an_hour_are_counted_by_outcome(operator: Client, source: WebhookSource) -> None:
    now = timezone.now()

    chart = minutes(now)

    assert chart is not None
    assert {one.name: sum(one.values) for one in chart.series} == {
        "accepted": 1, "duplicate": 2, "recorded": 1, "conflict": 1, "rejected": 1,
    }  # fmt: skip
    assert len(chart.labels) == 60
    assert minutes(now - timedelta(days=1)) is None
    assert "accepted" in operator.get(INBOX, {"csv": "inbox"}).content.decode()


def test_missing_alerts_stand_above_those_that_came(operator: Client) -> None:
    now = timezone.now()
    bar = {"source": "watched", "symbol": "T", "timeframe": "5m", "expected_at": now, "due_at": now}
    MissingAlert.objects.create(kind="bar", **bar)
    MissingAlert.objects.create(kind="silence", source="quiet", expected_at=now, due_at=now)

    page = operator.get(INBOX).content.decode()

    assert "watched: T 5m" in page
    assert "quiet has sent nothing since" in page
    assert "has not come" in page
    assert "has not come" not in logged_in().get(INBOX).content.decode()


def test_an_alert_that_came_is_checked_again_with_its_source(operator: Client) -> None:
    exited = WebhookDelivery.objects.get(outcome="recorded")

    page = operator.get(reverse("admin:check_alert"), {"delivery": exited.pk})

    assert page.context["form"].initial["source"] == "tv"
    assert "exit long" in page.context["form"].initial["message"]
    for nonsense in ("0", "x", "\x00", "9" * 30):
        assert operator.get(reverse("admin:check_alert"), {"delivery": nonsense}).status_code == 200
    detail = operator.get(reverse("admin:signals_app_webhookdelivery_change", args=(exited.pk,))).content.decode()
    assert f"{reverse('admin:check_alert')}?delivery={exited.pk}" in detail


def rejected(source: WebhookSource, at: datetime) -> WebhookDelivery:
    body = json.dumps(alert(symbol="IWM")).encode()
    return WebhookDelivery.objects.create(
        received_at=at, source=source, body=body, body_sha256="0" * 64, outcome="rejected", code="direction_missing",
        duration_ms=1,
    )  # fmt: skip


def test_all_that_match_are_judged_again_after_a_look_and_with_a_reason(
    operator: Client, source: WebhookSource
) -> None:
    delivery = rejected(source, timezone.now())
    query = {"q": "iwm"}

    looked = operator.get(AGAIN, query)
    assert (looked.context["count"], looked.context["outcomes"]) == (1, [("accepted", 1)])
    assert Signal.objects.filter(symbol="IWM").count() == 0
    refused = operator.post(AGAIN, {"ids": looked.context["ids"], "reason": " "}, query_params=query)
    assert "This field is required." in refused.content.decode()
    done = operator.post(AGAIN, {"ids": looked.context["ids"], "reason": "It is known now."}, follow=True)

    assert "Re-evaluated: 1 accepted." in done.content.decode()
    assert Signal.objects.filter(symbol="IWM").count() == 1
    assert AuditEntry.objects.get(action="deliveries.redriven").actor == "operator"
    again = operator.post(AGAIN, {"ids": looked.context["ids"], "reason": "Once more."}, follow=True)
    assert "nothing that was still to be done" in again.content.decode()
    detail = operator.get(reverse("admin:signals_app_webhookdelivery_change", args=(delivery.pk,))).content.decode()
    assert "by operator: It is known now." in detail


def test_a_viewer_sees_the_inbox_and_judges_nothing_again(source: WebhookSource) -> None:
    viewer = logged_in("viewer")

    assert "Re-evaluate rejected alerts" not in viewer.get(INBOX).content.decode()
    assert viewer.get(AGAIN).status_code == viewer.post(AGAIN, {"ids": "1", "reason": "x"}).status_code == 403
    assert logged_in().get(INBOX).status_code == 403


def test_an_empty_inbox_says_how_to_fill_it() -> None:
    viewer = logged_in("viewer")

    assert "No alert has come yet" in viewer.get(INBOX).content.decode()
    assert "No alert matches" in viewer.get(INBOX, {"q": "goog"}).content.decode()


def test_it_takes_no_more_statements_for_more_rows(operator: Client) -> None:
    operator.get(INBOX)
    with CaptureQueriesContext(connection) as statements:
        operator.get(INBOX)

    assert len(statements) <= 12, [one["sql"][:80] for one in statements]
    assert not any("COUNT(*)" in one["sql"] for one in statements)
