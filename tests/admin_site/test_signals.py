"""Failed signals are tried again from the list, after one question."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from experiments.models import Experiment
from experiments.pipeline import drain
from signals_app.models import Signal
from tests.admin_site.rows import fail, logged_in
from tests.factories import make_experiment, make_signal

pytestmark = pytest.mark.django_db

LIST = "admin:signals_app_signal_changelist"


def choose(client: Client, *signals: Signal, **more: str) -> object:
    keys = [str(signal.pk) for signal in signals]
    return client.post(reverse(LIST), {"action": "try_again", "_selected_action": keys} | more)


def test_trying_again_asks_first() -> None:
    signal = fail(make_signal(symbol="TWX"), error="It broke.")

    page = choose(logged_in("operator"), signal)

    signal.refresh_from_db()
    assert signal.status == "FAILED"
    assert b"It broke." in page.content  # type: ignore[attr-defined]


def test_confirmed_the_signal_waits_again_and_gets_its_decision() -> None:
    signal = fail(make_signal(symbol="TWX"))

    choose(logged_in("operator"), signal, confirmed="1")

    signal.refresh_from_db()
    assert (signal.status, signal.attempts, signal.last_error) == ("PENDING", 0, "")
    drain()
    assert Experiment.objects.filter(signal=signal).exists()


def test_only_failed_ones_of_a_selection_are_tried_again() -> None:
    processed, failed = make_experiment("A").signal, fail(make_signal())

    choose(logged_in("operator"), processed, failed, confirmed="1")

    processed.refresh_from_db()
    failed.refresh_from_db()
    assert (processed.status, failed.status) == ("PROCESSED", "PENDING")


def test_without_a_failed_one_nothing_is_asked() -> None:
    page = logged_in("operator").post(
        reverse(LIST), {"action": "try_again", "_selected_action": [str(make_signal().pk)]}, follow=True
    )

    assert "there is nothing to try again" in page.content.decode()


@pytest.mark.parametrize("garbage", ["x", "\x00", "1' OR 1=1", ""])
def test_a_selection_that_is_none_breaks_nothing(garbage: str) -> None:
    answer = logged_in("operator").post(
        reverse(LIST), {"action": "try_again", "_selected_action": [garbage], "confirmed": "1"}, follow=True
    )

    assert answer.status_code == 200


def test_the_filter_shows_failed_signals_only() -> None:
    fail(make_signal(symbol="BROKEN"))
    make_signal(symbol="WAITING")

    page = logged_in("viewer").get(reverse(LIST), {"status__exact": "FAILED"}).content.decode()

    assert "BROKEN" in page
    assert "WAITING" not in page


def test_a_signal_links_to_its_context_and_experiment() -> None:
    experiment = make_experiment("A")

    page = logged_in("viewer").get(reverse("admin:signals_app_signal_change", args=(experiment.signal_id,)))

    assert reverse("admin:experiments_experiment_change", args=(experiment.pk,)) in page.content.decode()
    assert reverse("admin:signals_app_marketcontext_change", args=(experiment.signal_id,)) in page.content.decode()
