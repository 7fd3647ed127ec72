"""The worker names what is missing once, soon, and takes it back when it comes after all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import TestCase
from django.utils import timezone
from structlog.testing import capture_logs

from experiments.worker.queue import DUE_SECONDS, DUE_WORK
from signals_app.watch_models import AlertArrival, AlertStream, AlertWatch
from signals_app.watching import look as look_module
from signals_app.watching.look import LOOK_IS_DUE, LOOK_SECONDS, look_for_missing
from signals_app.watching.watches import WatchSettings, set_watch, stop_expecting
from signals_app.webhook.sources import set_source_active
from tests.database import refusal_of, value
from tests.signals_app.watching.senders import HOUR, MINUTE, bars, deliver, events, look, missing, watched
from tests.threads import in_background, tables_without_constraints, uncommitted, unguarded, wait_for_blocked_sessions

SECOND = timedelta(seconds=1)
TABLES = ("alert_streams", "alert_arrivals", "missing_alerts")


@pytest.mark.django_db
def test_each_bar_without_an_alert_is_named_with_its_time() -> None:
    source = watched("every_bar")
    first, second, third, fourth, fifth, sixth = bars()
    for bar in (first, second, fifth):
        deliver(source, bar + SECOND)

    assert look() == 3

    found = missing(source)
    assert [(one.symbol, one.timeframe, one.expected_at, one.sequence) for one in found] == [
        ("SPY", "5m", bar, None) for bar in (third, fourth, sixth)
    ]
    assert all(one.due_at == (one.expected_at or one.due_at) + 5 * SECOND <= one.noticed_at for one in found)
    assert all(one.resolved_at is None for one in found)


@pytest.mark.django_db
def test_looking_again_names_nothing_again() -> None:
    source = watched("every_bar")
    deliver(source, bars()[0])

    assert (look(), look(), look()) == (5, 0, 0)
    assert len(missing(source)) == 5


@pytest.mark.django_db
def test_symbols_exchanges_and_timeframes_have_clocks_of_their_own() -> None:
    source = watched("every_bar")
    first, *_, last = bars(3)
    for symbol, interval in (("NYSE:T", "5"), ("TSX:T", "5"), ("QQQ", "5"), ("QQQ", "10R")):
        deliver(source, first, symbol=symbol, interval=interval)
    deliver(source, last, symbol="TSX:T")

    look()

    middle = first + 5 * MINUTE
    assert {(one.exchange, one.symbol, one.expected_at) for one in missing(source)} == {
        ("NYSE", "T", middle), ("NYSE", "T", last), ("TSX", "T", middle), ("", "QQQ", middle), ("", "QQQ", last),
    }  # fmt: skip


@pytest.mark.django_db
def test_a_clock_that_is_set_counts_whatever_the_alerts_say() -> None:
    source = watched("every_bar", bar_clock="5m")
    first, *_, last = bars(3)
    deliver(source, first, interval="100T")
    deliver(source, last, interval="1")

    look()

    assert [(one.timeframe, one.expected_at) for one in missing(source)] == [("5m", first + 5 * MINUTE)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("outcome", "code", "members"),
    [
        ("recorded", "exit", {"action": "exit", "interval": None}),
        ("duplicate", "", {}),
        ("conflict", "", {}),
        ("rejected", "direction_invalid", {"action": "hold"}),
    ],
)
def test_whatever_came_for_a_bar_is_an_alert_for_it(outcome: str, code: str, members: dict[str, Any]) -> None:
    source = watched("every_bar")
    first, last = bars(2)
    deliver(source, first)
    deliver(source, last, outcome=outcome, code=code, **members)

    assert look() == 0


@pytest.mark.django_db
def test_what_was_not_believed_is_no_alert() -> None:
    source = watched("every_bar")
    first, last = bars(2)
    deliver(source, first)
    deliver(source, last, outcome="rejected", code="unauthorized")

    look()

    assert [one.expected_at for one in missing(source)] == [last]


@pytest.mark.django_db
def test_an_alert_that_comes_after_all_resolves_its_bar_once() -> None:
    source = watched("every_bar")
    first, second, third = bars(3)
    deliver(source, first)
    look()
    late = deliver(source, timezone.now(), timenow=f"{second:%Y-%m-%dT%H:%M:%SZ}")

    look()
    deliver(source, timezone.now(), timenow=f"{second:%Y-%m-%dT%H:%M:%SZ}")
    look()

    resolved, still = missing(source)
    assert (resolved.expected_at, resolved.delivery) == (second, late)
    assert resolved.resolved_at is not None
    assert resolved.resolved_at >= resolved.noticed_at
    assert (still.expected_at, still.resolved_at) == (third, None)


@pytest.mark.django_db
def test_what_is_missing_and_what_comes_late_is_logged() -> None:
    source = watched("every_bar")
    first, last = bars(2)
    deliver(source, first)

    with capture_logs() as lines, TestCase.captureOnCommitCallbacks(execute=True):
        look()
    with capture_logs() as later, TestCase.captureOnCommitCallbacks(execute=True):
        deliver(source, timezone.now(), timenow=f"{last:%Y-%m-%dT%H:%M:%SZ}")
        look()

    (line,) = events(lines, "alert.missing")
    assert (line["source"], line["symbol"], line["timeframe"]) == ("tv", "SPY", "5m")
    assert line["expected_at"] == f"{last:%Y-%m-%dT%H:%M:%S}.000000Z"
    assert events(lines, "alert.arrived_late") == []
    assert [line["expected_at"] for line in events(later, "alert.arrived_late")] == [line["expected_at"]]


@pytest.mark.django_db
def test_each_missing_number_is_named_and_resolved_when_it_comes() -> None:
    source = watched("sequence")
    start = timezone.now() - 10 * MINUTE
    for place in (1, 2, 5, 6):
        deliver(source, start + place * SECOND, sequence=str(place), strategy="breakout")
    deliver(source, start + 5 * SECOND, sequence=9, strategy="another")

    assert look() == 2
    late = deliver(source, timezone.now(), sequence=3, strategy="breakout", timenow=f"{start:%Y-%m-%dT%H:%M:%SZ}")
    assert look() == 0

    third, fourth = missing(source)
    assert [(one.kind, one.strategy, one.sequence, one.series) for one in (third, fourth)] == [
        ("sequence", "breakout", 3, 0), ("sequence", "breakout", 4, 0),
    ]  # fmt: skip
    assert third.due_at == start + 10 * SECOND
    assert (third.delivery, fourth.delivery) == (late, None)


@pytest.mark.django_db
def test_a_number_of_another_count_resolves_nothing() -> None:
    source = watched("sequence")
    start = timezone.now() - 10 * MINUTE
    for place, number in enumerate((7, 9, 1, 2, 3, 4, 5, 6, 7, 8)):
        deliver(source, start + place * SECOND, sequence=number)

    look()
    deliver(source, timezone.now(), sequence=8)
    look()

    assert [(one.sequence, one.resolved_at) for one in missing(source)] == [(8, None)]


@pytest.mark.django_db
def test_alerts_without_numbers_miss_none() -> None:
    source = watched("sequence")
    for place in range(3):
        deliver(source, timezone.now() - (10 - place) * MINUTE)

    assert look() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["sequence", "Seq_No", "alert-number"])
def test_numbers_are_followed_by_whatever_name_they_come_and_other_alerts_are_not_read(name: str) -> None:
    source = watched("habit")
    start = timezone.now() - 10 * MINUTE
    for place, number in enumerate((1, None, 2, 4)):
        members: dict[str, Any] = {name: number}
        deliver(source, start + place * SECOND, **members)

    assert look() == 1
    assert [(one.kind, one.sequence) for one in missing(source)] == [("sequence", 3)]
    assert AlertArrival.objects.filter(sequence__isnull=True).count() == 0


@pytest.mark.django_db
def test_nothing_is_expected_while_the_market_is_closed() -> None:
    another_day = (timezone.now().isoweekday() + 2) % 7 + 1
    hours: dict[str, Any] = {"days": (another_day,), "opens": datetime.min.time(), "closes": datetime.min.time()}
    source = watched("every_bar", ago=30 * MINUTE, **hours)
    silent = watched("habit", slug="silent", ago=30 * MINUTE, max_silence_minutes=1, **hours)
    deliver(source, timezone.now() - 20 * MINUTE)

    assert look() == 0
    assert missing(silent) == []


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["off", "disabled", "replay"])
def test_a_source_that_is_not_watched_misses_nothing(change: str) -> None:
    source = watched("every_bar")
    deliver(source, bars()[0])
    if change == "off":
        AlertWatch.objects.update(mode="off")
    elif change == "disabled":
        set_source_active("tv", is_active=False)
    else:
        type(source).objects.update(replay=True, max_age_seconds=0)

    assert look() == 0
    AlertWatch.objects.update(next_look_at=timezone.now() - MINUTE)
    assert value(LOOK_IS_DUE) is False


@pytest.mark.django_db
def test_nothing_is_missing_of_the_time_before_a_change_of_the_settings() -> None:
    source = watched("every_bar")
    deliver(source, bars()[0])
    look_for_missing_before = look()
    set_source_active("tv", is_active=False)
    set_source_active("tv", is_active=True)
    set_watch("tv", WatchSettings(mode="every_bar", grace_seconds=6))

    assert look_for_missing_before == 5
    assert look() == 0


@pytest.mark.django_db
def test_a_symbol_that_is_silent_for_a_week_or_was_stopped_is_expected_no_longer() -> None:
    source = watched("every_bar", ago=8 * 24 * HOUR, bar_clock="1h")
    old = bars(1)[0] - 8 * 24 * HOUR
    deliver(source, old + MINUTE, symbol="GONE")
    deliver(source, timezone.now() - 5 * HOUR, symbol="HERE")
    AlertWatch.objects.update(known_until=old)
    stopped = watched("every_bar", slug="stopped")
    deliver(stopped, bars()[0])
    look()
    stop_expecting(AlertStream.objects.filter(source=stopped))

    assert {one.symbol for one in missing(source)} == {"HERE"}
    deliver(stopped, bars()[-1])
    before = len(missing(stopped))
    assert look() == 0
    assert len(missing(stopped)) == before == 5


@pytest.mark.django_db
def test_more_deliveries_than_one_look_reads_are_read_by_the_next_and_miss_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(look_module, "MOST_DELIVERIES", 4)
    source = watched("every_bar")
    for bar in bars(9):
        deliver(source, bar)

    assert look() == 0
    assert AlertStream.objects.get().accounted_until == bars(1)[0]
    assert AlertWatch.objects.get().next_look_at > timezone.now()


@pytest.mark.django_db
def test_a_delivery_that_commits_after_later_ones_is_read_all_the_same() -> None:
    source = watched("sequence")
    now = timezone.now()
    deliver(source, now - 8 * SECOND, sequence=1)
    deliver(source, now - 6 * SECOND, sequence=3)
    look()
    deliver(source, now - 7 * SECOND, sequence=2)

    look()

    assert all(one.resolved_at for one in missing(source))
    assert AlertArrival.objects.count() == 3


@pytest.mark.django_db
def test_what_is_accounted_for_is_forgotten_after_a_minute() -> None:
    source = watched("every_bar")
    for bar in bars():
        deliver(source, bar)
    deliver(source, bars()[0], symbol=7)

    look()
    look()

    assert AlertArrival.objects.filter(received_at__lt=timezone.now() - 2 * MINUTE).count() == 0


@pytest.mark.django_db
def test_the_worker_looks_as_soon_as_a_look_is_due() -> None:
    watched("every_bar")

    assert value(LOOK_IS_DUE) is True
    look_for_missing()
    assert value(LOOK_IS_DUE) is False
    assert (LOOK_IS_DUE, "signals_app.watching.look.look_for_missing") in DUE_WORK
    assert LOOK_SECONDS + DUE_SECONDS < 60


@pytest.mark.django_db
def test_what_was_expected_never_changes_and_is_never_deleted() -> None:
    source = watched("every_bar")
    first, last = bars(2)
    deliver(source, first)
    look()

    for change in ("expected_at = now()", "symbol = 'QQQ'", "noticed_at = now()", "due_at = due_at - interval '1 s'"):
        assert "never changes" in refusal_of(f"UPDATE missing_alerts SET {change}"), change
    assert "append-only" in refusal_of("DELETE FROM missing_alerts")

    deliver(source, timezone.now(), timenow=f"{last:%Y-%m-%dT%H:%M:%SZ}")
    look()

    assert "never changes" in refusal_of("UPDATE missing_alerts SET resolved_at = NULL, delivery_id = NULL")


def two_workers(*, patched: bool) -> int:
    """One worker has looked and not committed yet when another looks; how many rows they leave."""
    source = watched("every_bar")
    deliver(source, bars()[0])
    AlertWatch.objects.update(next_look_at=timezone.now() - MINUTE)
    run = unguarded(look_for_missing) if patched else look_for_missing
    with uncommitted(run) as commit, in_background(run) as second:
        if patched:
            wait_for_blocked_sessions()
        else:
            assert second.result() == 0
        commit()
        second.result()
    return int(value(f"SELECT count(*) FROM {'unguarded.' if patched else ''}missing_alerts"))


@pytest.mark.django_db(transaction=True)
def test_two_workers_name_each_missing_bar_once() -> None:
    assert two_workers(patched=False) == 5


@pytest.mark.django_db(transaction=True)
def test_control_without_lock_and_key_two_workers_name_it_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **_: self)

    with tables_without_constraints(*TABLES):
        assert two_workers(patched=True) == 10


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_before_its_commit_has_named_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    source = watched("every_bar")
    deliver(source, bars()[0])
    name = look_module._name

    def dies(*arguments: Any) -> int:
        name(*arguments)
        raise SystemExit

    monkeypatch.setattr(look_module, "_name", dies)
    with pytest.raises(SystemExit):
        look()
    assert (missing(source), AlertArrival.objects.count()) == ([], 0)
    monkeypatch.setattr(look_module, "_name", name)

    assert look() == 5
    assert len(missing(source)) == 5
