"""How a source is watched is checked setting by setting, kept, and shown as a sentence."""

from __future__ import annotations

from datetime import date, time
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from kernel.errors import DomainError
from kernel.models import AuditEntry
from signals_app.admin.watching import watching_of
from signals_app.alerts.market_hours import MarketHours
from signals_app.watch_models import AlertStream, AlertWatch
from signals_app.watching.watches import WatchSettings, check_settings, market_hours, set_watch, settings_of
from tests.database import refusal_of
from tests.factories import make_source
from tests.signals_app.watching.senders import bars, deliver, look, missing, watched

DUE, SUNDAYS = "due 30 s after its close.", "Market hours: all day, Sun, UTC."
MORNINGS = "Market hours: 09:30 to 16:00, Mon, Tue, America/New_York."
LEARNING = "Still learning its usual silences (0 alerts)."
NUMBERS = "Every sequence number where messages have one, due 30 s after a higher one."


def wrong(**settings: Any) -> tuple[str, str]:
    """The setting that is refused, and why."""
    with pytest.raises(DomainError) as raised:
        check_settings(WatchSettings(**{"mode": "every_bar", **settings}), replay=settings.get("replay", False))
    assert raised.value.code == "watch_invalid"
    return raised.value.pointer, raised.value.detail


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"mode": "always"}, "/mode"),
        ({"grace_seconds": 4}, "/grace_seconds"),
        ({"grace_seconds": 3601}, "/grace_seconds"),
        ({"max_silence_minutes": 0}, "/max_silence_minutes"),
        ({"max_silence_minutes": 43_201}, "/max_silence_minutes"),
        ({"bar_clock": "10R"}, "/bar_clock"),
        ({"bar_clock": "2d"}, "/bar_clock"),
        ({"bar_clock": "soon"}, "/bar_clock"),
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"days": ()}, "/days"),
        ({"days": (0,)}, "/days"),
        ({"opens": time(9, 30)}, "/closes"),
        ({"holidays": ("Christmas",)}, "/holidays"),
        ({"holidays": ("2026-02-30",)}, "/holidays"),
        ({"holidays": ("2026-11-27 25:00",)}, "/holidays"),
        ({"holidays": ("2026-11-27 17:00",), "opens": time(9, 30), "closes": time(16)}, "/holidays"),
        ({"holidays": ("2026-11-27 09:30",), "opens": time(9, 30), "closes": time(16)}, "/holidays"),
        ({"holidays": ("2026-11-27 17:30",), "opens": time(18), "closes": time(17)}, "/holidays"),
        ({"holidays": tuple(f"20{year}-01-01" for year in range(10, 99)) * 5}, "/holidays"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(settings: dict[str, Any], pointer: str) -> None:
    assert wrong(**settings)[0] == pointer


def test_limits_themselves_are_allowed() -> None:
    for settings in (
        WatchSettings("every_bar", 5, "1h", 1),
        WatchSettings("habit", 3600, "", 43_200),
        WatchSettings("sequence", opens=time(18), closes=time(17), holidays=("2026-11-27 13:00", "2026-11-27 20:00")),
    ):
        check_settings(settings, replay=False)


def test_a_replay_is_not_watched() -> None:
    with pytest.raises(DomainError, match="replay source cannot be watched"):
        check_settings(WatchSettings("habit"), replay=True)
    check_settings(WatchSettings("off"), replay=True)


def test_hours_are_read_from_the_settings() -> None:
    settings = WatchSettings(
        timezone="America/New_York", days=(1, 2), opens=time(9, 30), closes=time(16),
        holidays=("2026-12-25", "2026-11-27 13:00"),
    )  # fmt: skip

    assert market_hours(settings) == MarketHours(
        "America/New_York",
        frozenset({1, 2}),
        time(9, 30),
        time(16),
        ((date(2026, 12, 25), None), (date(2026, 11, 27), time(13))),
    )


@pytest.mark.django_db
def test_a_watch_is_kept_as_entered_with_who_did_it() -> None:
    make_source()
    settings = WatchSettings("every_bar", 20, "60", 90, "Asia/Tokyo", (5, 1), time(9), time(15), ("2026-12-31",))

    watch = set_watch("tv", settings)

    assert settings_of(watch) == WatchSettings(
        "every_bar", 20, "1h", 90, "Asia/Tokyo", (1, 5), time(9), time(15), ("2026-12-31",)
    )
    assert AuditEntry.objects.filter(action="source.watched", subject="source tv", reason="every_bar").count() == 1
    with pytest.raises(DomainError, match="No webhook source"):
        set_watch("nobody", settings)


@pytest.mark.django_db
def test_another_mode_or_clock_begins_anew_and_another_grace_does_not() -> None:
    source = watched("every_bar")
    deliver(source, bars()[0])
    look()

    set_watch("tv", WatchSettings("every_bar", 60))
    assert AlertStream.objects.count() == 1
    set_watch("tv", WatchSettings("every_bar", 60, "1h"))
    assert AlertStream.objects.count() == 0


@pytest.mark.django_db
def test_a_silence_ends_where_nobody_watches_for_it_any_more() -> None:
    source = watched("habit", max_silence_minutes=5)
    look()
    set_watch("tv", WatchSettings("off"))

    assert [one.resolved_at is None for one in missing(source)] == [False]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("mode = 'always'", "alert_watches_mode_known"),
        ("grace_seconds = 4", "alert_watches_grace_within_limits"),
        ("max_silence_minutes = 0", "alert_watches_silence_within_limits"),
        ("days = '{8}'", "alert_watches_days_known"),
        ("days = '{}'", "alert_watches_days_known"),
        ("opens = '09:30'", "alert_watches_opens_and_closes"),
    ],
)
def test_the_database_refuses_it_as_well(change: str, constraint: str) -> None:
    watched("every_bar")

    assert refusal_of(f"UPDATE alert_watches SET {change}") == constraint


@pytest.mark.parametrize(
    ("watch", "sentence"),
    [
        (None, "Off"),
        (AlertWatch(mode="off"), "Off"),
        (
            AlertWatch(mode="every_bar", days=[1, 2], opens=time(9, 30), closes=time(16), timezone="America/New_York"),
            f"Every bar of each symbol and timeframe, {DUE} {LEARNING} {MORNINGS}",
        ),
        (
            AlertWatch(mode="habit", max_silence_minutes=5),
            f"{NUMBERS} Alarm after 5 min of silence. Market hours: all day, every day, UTC.",
        ),
        (
            AlertWatch(mode="every_bar", bar_clock="1h", days=[7]),
            f"Every 1h bar, {DUE} {LEARNING} {SUNDAYS}",
        ),
        (
            AlertWatch(mode="sequence", max_silence_minutes=90, days=[7]),
            f"Every sequence number, due 30 s after a higher one. Alarm after 90 min of silence. {SUNDAYS}",
        ),
        (
            AlertWatch(mode="habit", alerts=7, days=[7]),
            f"{NUMBERS} Still learning its usual silences (7 alerts). {SUNDAYS}",
        ),
    ],
)
def test_it_is_told_in_a_sentence(watch: AlertWatch | None, sentence: str) -> None:
    assert watching_of(watch) == sentence


@pytest.mark.django_db
def test_the_command_line_watches_a_source_as_well() -> None:
    make_source()
    given = ("--grace", "20", "--bar-clock", "15", "--timezone", "America/New_York", "--days", "12345")

    call_command(
        "source",
        "watch",
        "tv",
        "every_bar",
        *given,
        "--hours",
        "09:30-16:00",
        "--holiday",
        "2026-12-25",
        stdout=StringIO(),
    )

    assert settings_of(AlertWatch.objects.get()) == WatchSettings(
        "every_bar", 20, "15m", None, "America/New_York", (1, 2, 3, 4, 5), time(9, 30), time(16), ("2026-12-25",)
    )
    call_command("source", "watch", "tv", "off", stdout=StringIO())
    assert settings_of(AlertWatch.objects.get()) == WatchSettings("off")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--hours", "9-16"), "Enter hours such as"),
        (("--hours", "24:00-16:00"), "Enter hours such as"),
        (("--days", "mon"), "Enter hours such as"),
        (("--timezone", "New York"), "Enter an IANA time zone"),
    ],
)
def test_what_cannot_be_read_on_the_command_line_is_told(given: tuple[str, str], message: str) -> None:
    make_source()

    with pytest.raises(CommandError, match=message):
        call_command("source", "watch", "tv", "habit", *given)
