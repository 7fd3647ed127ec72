"""Missing alerts in the admin: how a source is watched, what is missing, as a list, a page and a file."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from signals_app.models import WebhookSource
from signals_app.watch_models import AlertStream, AlertWatch
from tests.factories import make_source
from tests.orchestrator_site.console.now import asks
from tests.orchestrator_site.console.rows import logged_in
from tests.pages import table_rows
from tests.signals_app.watching.senders import bars, deliver, look, missing, watched

pytestmark = pytest.mark.django_db
LIST = reverse("admin:signals_app_missingalert_changelist")
FORM = {
    "mode": "every_bar", "grace_seconds": "20", "bar_clock": "15", "max_silence_minutes": "", "days": ["1", "2"],
    "timezone": "America/New_York", "opens": "09:30", "closes": "16:00", "holidays": "2026-12-25\n2026-11-27 13:00\n",
}  # fmt: skip


@pytest.fixture
def operator() -> Client:
    return logged_in("operator")


def watch_page(source: WebhookSource) -> str:
    return reverse("admin:signals_app_webhooksource_watch_source", args=(source.pk,))


def missing_bars(count: int = 2) -> WebhookSource:
    source = watched("every_bar")
    deliver(source, bars(count + 1)[0], symbol="NYSE:T")
    look()
    return source


def test_an_operator_says_how_a_source_is_watched(operator: Client) -> None:
    source = make_source()

    answer = operator.post(watch_page(source), FORM, follow=True)

    page = answer.content.decode()
    assert "Webhook source tv is watched as of now." in page
    assert "Every 15m bar, due 20 s after its close." in page
    assert "Market hours: 09:30 to 16:00, Mon, Tue, America/New_York." in page
    watch = AlertWatch.objects.get()
    assert watch.holidays == ["2026-11-27 13:00", "2026-12-25"]
    shown = operator.get(watch_page(source)).content.decode()
    assert 'value="09:30"' in shown
    assert "2026-11-27 13:00\n2026-12-25" in shown


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"timezone": "New York"}, "timezone", "Enter an IANA time zone, such as America/New_York or UTC."),
        ({"closes": ""}, "closes", "Enter both times, or leave both blank for the whole day."),
        ({"bar_clock": "10R"}, "bar_clock", "Enter a timeframe whose bars close at known times"),
        ({"holidays": "Easter"}, "holidays", "Easter: enter a date as YYYY-MM-DD"),
        ({"grace_seconds": "1"}, "grace_seconds", "greater than or equal to 5"),
        ({"days": []}, "days", "This field is required."),
    ],
)
def test_a_wrong_setting_is_told_beside_its_field(
    operator: Client, change: dict[str, Any], field: str, message: str
) -> None:
    answer = operator.post(watch_page(make_source()), FORM | change)

    assert message in str(answer.context["form"].errors[field])
    assert AlertWatch.objects.count() == 0


def test_whoever_may_not_change_a_source_may_not_watch_it() -> None:
    assert logged_in("viewer").post(watch_page(make_source()), FORM).status_code == 403


def test_the_list_names_what_is_missing_and_each_row_has_its_page(operator: Client) -> None:
    source = missing_bars()
    first, second = missing(source)

    page = operator.get(LIST).content.decode()

    rows = [row for row in table_rows(page) if "NYSE:T" in row]
    assert [row[-1] for row in rows] == ["missing", "missing"]
    assert f"{second.expected_at:%Y-%m-%dT%H:%M:%SZ}" in rows[0]
    detail = operator.get(reverse("admin:signals_app_missingalert_change", args=(first.pk,)))
    assert detail.status_code == 200


def test_filters_tell_what_came_late_from_what_did_not(operator: Client) -> None:
    source = missing_bars()
    deliver(source, timezone.now(), symbol="NYSE:T", timenow=f"{bars(1)[0]:%Y-%m-%dT%H:%M:%SZ}")
    look()

    for arrival, count in (("late", 1), ("none", 1), ("other", 2)):
        shown = operator.get(LIST, {"arrival": arrival, "kind__exact": "bar"})
        assert len(shown.context["cl"].result_list) == count, arrival


def test_the_same_list_comes_as_a_file(operator: Client) -> None:
    first, second = missing(missing_bars())
    assert 'href="?as=csv"' in operator.get(LIST).content.decode()

    answer = operator.get(LIST, {"as": "csv", "arrival": "none"})
    nothing = operator.get(LIST, {"as": "csv", "arrival": "late"})

    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert answer["Content-Disposition"] == 'attachment; filename="missing_alerts.csv"'
    assert [(row["id"], row["symbol"], row["resolved_at"]) for row in rows] == [
        (str(second.pk), "T", ""), (str(first.pk), "T", ""),
    ]  # fmt: skip
    assert nothing.getvalue().decode().count("\r\n") == 1


def test_what_is_expected_is_listed_and_can_be_stopped(operator: Client) -> None:
    missing_bars()
    stream = AlertStream.objects.get()
    form = {"action": "stop", "_selected_action": [stream.pk]}

    answer = operator.post(reverse("admin:signals_app_alertstream_changelist"), form, follow=True)

    assert "No longer expected: 1 stream." in answer.content.decode()
    assert AlertStream.objects.count() == 0


def test_missing_alerts_and_silent_sources_ask_for_attention(operator: Client) -> None:
    missing_bars()
    watched("habit", slug="quiet", max_silence_minutes=5)
    look()

    found = asks(operator)

    assert found["missing_alerts"].text == "Alerts missing in the last 24 hours: 2."
    assert found["silent_sources"].text == "Silent for longer than usual: quiet."
    for one, count in ((found["missing_alerts"], 2), (found["silent_sources"], 1)):
        shown = operator.get(f"{LIST}?{one.query}")
        assert len(shown.context["cl"].result_list) == count


def test_the_numbers_stand_in_the_metrics(client: Client) -> None:
    missing_bars()
    watched("habit", slug="quiet", max_silence_minutes=5)
    look()

    lines = client.get("/metrics").content.decode().splitlines()

    assert "orchestrator_alerts_missing 2.0" in lines
    assert "orchestrator_sources_silent 1.0" in lines
