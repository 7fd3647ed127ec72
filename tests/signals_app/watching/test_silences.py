"""A source that is silent against its own habit: when that is an alarm, and when it is the night."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any

import pytest
from django.test import TestCase
from django.utils import timezone
from structlog.testing import capture_logs

from signals_app.watch_models import AlertWatch
from tests.signals_app.watching.senders import HOUR, MINUTE, bars, deliver, events, look, missing, watched


def habit(source: Any, *, until: datetime) -> None:
    """Eight days with an alert every hour."""
    for hours in range(8 * 24):
        deliver(source, until - hours * HOUR)


@pytest.mark.django_db
def test_a_silence_against_its_habit_raises_one_alarm_until_the_source_is_heard_again() -> None:
    source = watched("habit", ago=4 * HOUR)
    last = timezone.now() - 3 * HOUR - MINUTE
    habit(source, until=last)

    with capture_logs() as lines, TestCase.captureOnCommitCallbacks(execute=True):
        assert (look(), look()) == (1, 0)

    (silence,) = missing(source)
    assert (silence.kind, silence.symbol, silence.expected_at) == ("silence", "", last + 3 * HOUR)
    assert [line["source"] for line in events(lines, "source.silent")] == ["tv"]

    with capture_logs() as lines, TestCase.captureOnCommitCallbacks(execute=True):
        deliver(source, timezone.now())
        assert (look(), look()) == (0, 0)

    silence.refresh_from_db()
    assert silence.resolved_at is not None
    assert [line["source"] for line in events(lines, "source.heard")] == ["tv"]


@pytest.mark.django_db
def test_a_usual_silence_is_no_alarm() -> None:
    source = watched("sequence")
    habit(source, until=timezone.now() - 3 * HOUR + MINUTE)

    assert look() == 0
    assert AlertWatch.objects.get(source=source).alerts == 8 * 24


def mornings(source: Any, *, until: datetime) -> None:
    """Fifteen days with an alert every five minutes of two hours, which end then."""
    for day, place in itertools.product(range(15), range(25)):
        deliver(source, until - day * 24 * HOUR - place * 5 * MINUTE)


@pytest.mark.django_db
@pytest.mark.parametrize("heard", [(), (7,), (7, 14)])
def test_where_no_hours_are_set_an_alarm_waits_for_the_hour_of_the_weeks_before(heard: tuple[int, ...]) -> None:
    source = watched("habit", ago=2 * HOUR)
    last = timezone.now() - HOUR
    mornings(source, until=last)
    for days in heard:
        deliver(source, last - days * 24 * HOUR + 12 * MINUTE)

    named = look()

    # Fifteen minutes are unusual; in the weeks before an alert came after twelve, and five are usual.
    assert named == (len(heard) == 2)
    assert [one.expected_at for one in missing(source)] == [last + 17 * MINUTE] * named


@pytest.mark.django_db
def test_where_hours_are_set_it_does_not() -> None:
    days = tuple(day for day in range(1, 8) if day != (timezone.now().isoweekday() + 2) % 7 + 1)
    source = watched("habit", ago=2 * HOUR, days=days)
    last = timezone.now() - HOUR
    mornings(source, until=last)

    assert look() == 1


@pytest.mark.django_db
def test_a_source_of_which_every_bar_is_expected_is_silent_as_well() -> None:
    source = watched("every_bar", max_silence_minutes=15)
    deliver(source, bars()[0])

    look()

    assert [one.kind for one in missing(source)].count("silence") == 1


@pytest.mark.django_db
def test_a_longest_silence_that_is_set_counts_from_when_the_source_is_watched() -> None:
    source = watched("habit", max_silence_minutes=59)
    early = watched("habit", slug="early", max_silence_minutes=61)

    look()

    (silence,) = missing(source)
    assert silence.expected_at == AlertWatch.objects.get(source=source).since + 59 * MINUTE
    assert missing(early) == []
