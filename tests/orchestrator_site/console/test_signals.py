"""Failed signals are retried or discarded from the list, after one question."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from experiments.models import Experiment
from experiments.worker.pipeline import drain
from kernel.models import AuditEntry
from signals_app.models import Signal
from tests.factories import make_experiment, make_signal
from tests.orchestrator_site.console.rows import fail, logged_in

pytestmark = pytest.mark.django_db

LIST = "admin:signals_app_signal_changelist"


def choose(client: Client, *signals: Signal, action: str = "retry", **more: str) -> str:
    """Choose an action for these signals and return the page that follows."""
    keys = [str(signal.pk) for signal in signals]
    return client.post(reverse(LIST), {"action": action, "_selected_action": keys} | more, follow=True).content.decode()


def discard(client: Client, *signals: Signal, reason: str = "The sender was wrong.") -> str:
    return choose(client, *signals, action="discard", confirmed="1", reason=reason)


def test_trying_again_asks_first() -> None:
    signal = fail(make_signal(symbol="TWX"), error="It broke.")

    page = choose(logged_in("operator"), signal)

    signal.refresh_from_db()
    assert signal.status == "FAILED"
    assert "It broke." in page


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


@pytest.mark.parametrize("action", ["retry", "discard"])
def test_without_a_failed_one_nothing_is_asked(action: str) -> None:
    client = logged_in("operator", "viewer")

    assert "None of the selected signals has failed." in choose(client, make_signal(), action=action)


# Giving up


def test_discarding_asks_for_the_reason_first() -> None:
    signal = fail(make_signal(symbol="TWX"), error="It broke.")

    page = choose(logged_in("operator"), signal, action="discard")

    signal.refresh_from_db()
    assert signal.discarded_at is None
    assert "It broke." in page
    assert 'name="reason"' in page


@pytest.mark.parametrize("reason", ["", "  ", "\x00"])
def test_without_a_reason_nothing_is_given_up(reason: str) -> None:
    signal = fail(make_signal())

    page = discard(logged_in("operator"), signal, reason=reason)

    signal.refresh_from_db()
    assert signal.discarded_at is None
    assert 'name="reason"' in page


def test_a_discarded_signal_says_who_when_and_why_and_is_told_in_the_audit_log() -> None:
    signal = fail(make_signal(), error="It broke.")

    discard(logged_in("operator"), signal)

    signal.refresh_from_db()
    assert (signal.status, signal.discarded_by, signal.discard_reason) == (
        "FAILED",
        "operator",
        "The sender was wrong.",
    )
    assert (signal.last_error, signal.attempts) == ("It broke.", 5)
    entry = AuditEntry.objects.latest("pk")
    assert (entry.actor, entry.action, entry.subject) == ("operator", "signals.discarded", f"signal {signal.pk}")
    assert (entry.reason, entry.address) == ("The sender was wrong.", "127.0.0.1")
    page = logged_in("viewer").get(reverse("admin:signals_app_signal_change", args=(signal.pk,))).content.decode()
    assert "FAILED, discarded" in page
    assert "The sender was wrong." in page


def test_a_discarded_signal_is_neither_tried_again_nor_given_up_twice() -> None:
    client, signal = logged_in("operator"), fail(make_signal())
    discard(client, signal)

    assert "None of the selected signals has failed." in choose(client, signal)
    assert "Discarded: 0 signals." in discard(client, signal, reason="Once more.")

    signal.refresh_from_db()
    assert (signal.status, signal.discard_reason) == ("FAILED", "The sender was wrong.")


def test_only_failed_ones_of_a_selection_are_given_up() -> None:
    processed, waiting, failed = make_experiment("A").signal, make_signal(), fail(make_signal())

    discard(logged_in("operator"), processed, waiting, failed)

    discarded = Signal.objects.filter(discarded_at__isnull=False)
    assert [signal.pk for signal in discarded] == [failed.pk]


def test_a_viewer_cannot_give_a_signal_up() -> None:
    signal = fail(make_signal())

    discard(logged_in("viewer"), signal)

    signal.refresh_from_db()
    assert signal.discarded_at is None


def test_the_filter_tells_open_failures_from_discarded_ones() -> None:
    client = logged_in("operator")
    fail(make_signal(symbol="BROKEN"))
    discard(client, fail(make_signal(symbol="GIVENUP")))

    shown = {kind: client.get(reverse(LIST), {"failure": kind}).content.decode() for kind in ("open", "discarded")}

    assert ("BROKEN" in shown["open"], "GIVENUP" in shown["open"]) == (True, False)
    assert ("BROKEN" in shown["discarded"], "GIVENUP" in shown["discarded"]) == (False, True)


# The rest of the list


@pytest.mark.parametrize("garbage", ["x", "\x00", "1' OR 1=1", ""])
def test_a_selection_that_is_none_breaks_nothing(garbage: str) -> None:
    client = logged_in("operator")
    for action in ("retry", "discard"):
        form = {"action": action, "_selected_action": [garbage], "confirmed": "1", "reason": "x"}

        assert client.post(reverse(LIST), form, follow=True).status_code == 200


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
