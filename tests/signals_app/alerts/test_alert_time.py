"""The timeframe and the timestamp of an alert, and which alerts are too old or too early (R1.1, R8.1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from signals_app.alerts.alert import NewSignal, RecordedOnly
from signals_app.alerts.fields import duration
from tests.signals_app.alerts.alerts import RECEIVED_AT, accept, judge, make_alert, refuse


@pytest.mark.parametrize(
    ("value", "timeframe"),
    [
        ("1", "1m"), ("5", "5m"), (5, "5m"), (15.0, "15m"), ("15.0", "15m"), ("45", "45m"), ("60", "1h"), (240, "4h"),
        ("90", "90m"), ("1440", "1d"), ("2880", "2d"), ("25h", "25h"), ("10R", "10R"), ("100t", "100T"),
        ("50 ticks", "50T"), ("D", "1d"), ("1D", "1d"), ("2d", "2d"), ("W", "1w"), ("1W", "1w"), ("M", "1M"),
        ("1M", "1M"), ("3M", "3M"), ("12M", "12M"), ("S", "1s"), ("5S", "5s"), ("60s", "1m"), ("1m", "1m"),
        ("60m", "1h"), ("1h", "1h"), ("4H", "4h"), ("H", "1h"), ("15 min", "15m"), ("15-min", "15m"), ("45MIN", "45m"),
        ("1 hour", "1h"), ("2 hrs", "2h"), ("1 day", "1d"), ("1month", "1M"), ("1mo", "1M"), ("M15", "15m"),
        ("m15", "15m"), ("H4", "4h"), ("D1", "1d"), ("MN1", "1M"), ("MN", "1M"), ("daily", "1d"), ("Weekly", "1w"),
        (" 5 ", "5m"), ("05", "5m"),
    ],
)  # fmt: skip
def test_a_timeframe_has_one_canonical_form(value: object, timeframe: str) -> None:
    assert accept(make_alert(timeframe=value)).timeframe == timeframe


@pytest.mark.parametrize(
    "value",
    [
        "0", 0, -5, "-5m", 2.5, "2.5", "15m,30m", "5m 15m", "abc", "0T", "100000R", "1x", "m5m", "15M", "100000",
        "9999999m", 10**30, 1e300, "\u0665", "5\u043c", "5m\n\n;", "D-", "{}",
    ],
)  # fmt: skip
def test_what_is_no_timeframe_is_refused(value: object) -> None:
    assert refuse(make_alert(timeframe=value)).code == "timeframe_invalid"


@pytest.mark.parametrize("value", [True, [5], {"a": 5}])
def test_a_timeframe_of_another_type_is_refused(value: object) -> None:
    assert refuse(make_alert(timeframe=value)).code == "timeframe_type"


@pytest.mark.parametrize("name", ["timeframe", "interval", "tf", "chartTimeframe", "trigger_timeframe", "period"])
def test_the_timeframe_has_these_names(name: str) -> None:
    assert accept(make_alert(**{"timeframe": ..., name: "60"})).timeframe == "1h"


def test_two_timeframes_may_agree_but_not_differ() -> None:
    assert accept(make_alert(interval="5m", period=14)).timeframe == "5m"
    assert refuse(make_alert(interval="15")).code == "conflicting_alias"


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-16T14:30:00Z", "2026-03-16t14:30:00z", "2026-03-16 14:30:00+00:00", "2026-03-16T14:30Z",
        "2026-03-16T10:30:00-04:00", "2026-03-16T10:30:00-0400", "2026-03-16T16:30:00+02", "2026-03-16 14:30:00 UTC",
        "20260316T143000Z", "2026-03-17T04:30:00+14:00", "1773671400", " 1773671400 ", 1773671400, 1773671400.0,
        1773671400000, "1773671400000", "1773671400.000",
    ],
)  # fmt: skip
def test_these_name_the_same_instant(value: object) -> None:
    assert accept(make_alert(timestamp=value)).timestamp == datetime(2026, 3, 16, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "microsecond"),
    [
        ("2026-03-16T14:30:00.25Z", 250_000),
        ("2026-03-16T14:30:00,25Z", 250_000),
        ("2026-03-16T14:30:00.123456789Z", 123_456),
        (1773671400.75, 750_000),
        (1773671400123, 123_000),
        ("1773671400123.5", 123_500),
        ("1773671400.1234569", 123_456),
    ],
)
def test_fractions_are_kept_to_the_microsecond(value: object, microsecond: int) -> None:
    timestamp = accept(make_alert(timestamp=value)).timestamp

    assert timestamp == datetime(2026, 3, 16, 14, 30, 0, microsecond, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (..., "timestamp_missing"),
        (None, "timestamp_missing"),
        ("", "timestamp_missing"),
        (True, "timestamp_type"),
        ([1773671400], "timestamp_type"),
        ({"a": 1}, "timestamp_type"),
        ("NaN", "timestamp_unparseable"),
        ("now", "timestamp_unparseable"),
        ("26/03/16/14:30", "timestamp_unparseable"),
        ("2026-02-30T00:00:00Z", "timestamp_unparseable"),
        ("2026-03-16T24:00:00Z", "timestamp_unparseable"),
        ("2026-03-16T14:30:60Z", "timestamp_unparseable"),
        ("2026-03-16T14:30:00+01:75", "timestamp_unparseable"),
        ("2026-03-16T14:30:00 EST", "timestamp_unparseable"),
        ("٢٠٢٦-03-16T14:30:00Z", "timestamp_unparseable"),
        ("1.7e9", "timestamp_unparseable"),
        ("2026-03-16 14:30", "timestamp_naive"),
        ("2026-03-16T14:30:00", "timestamp_naive"),
        ("2026-03-16", "timestamp_naive"),
        ("2026-03-16T14:30:00+14:01", "timestamp_out_of_range"),
        ("0000-01-01T00:00:00Z", "timestamp_out_of_range"),
        ("0001-01-01T00:00:00+14:00", "timestamp_out_of_range"),
        ("9999-12-31T23:59:59-14:00", "timestamp_out_of_range"),
        ("1969-12-31T23:59:59Z", "timestamp_out_of_range"),
        ("1970-01-01T00:00:00+01:00", "timestamp_out_of_range"),
        ("2101-01-01T00:00:00Z", "timestamp_out_of_range"),
        (-1, "timestamp_out_of_range"),
        ("-1", "timestamp_out_of_range"),
        (1773671400000000, "timestamp_out_of_range"),
        (10**300, "timestamp_out_of_range"),
        (1e300, "timestamp_out_of_range"),
        ("2026-03-16T14:35:03Z", "timestamp_future"),
        ("2100-12-31T23:59:59Z", "timestamp_future"),
    ],
)
def test_what_is_no_time_of_an_alert_is_refused_with_its_code(value: object, code: str) -> None:
    assert refuse(make_alert(timestamp=value)).code == code


def test_a_clock_that_is_five_minutes_ahead_is_taken() -> None:
    assert accept(make_alert(timestamp="2026-03-16T14:35:02Z"))


def test_the_names_of_the_timestamp_are_preferred_in_this_order() -> None:
    second = iter(range(60))
    names = ["timestamp", "timenow", "alertTimestamp", "time", "ts", "datetime", "created_at", "order_time"]
    payload = make_alert(timestamp=..., bar={"time": "2026-03-16T14:25:00Z"})
    for name in reversed(names):
        payload[name] = f"2026-03-16T14:29:{next(second):02}Z"

    for name in names:
        assert accept(payload).timestamp == datetime.fromisoformat(payload.pop(name))
    assert accept(payload).timestamp == datetime(2026, 3, 16, 14, 25, tzinfo=UTC)


def test_a_time_and_its_bar_may_differ_but_two_names_of_one_rank_may_not() -> None:
    assert accept(make_alert(time="2026-03-16T14:25:00Z"))
    assert refuse(make_alert(timestamp=..., ts=1773671400, date="2026-03-16T14:29:00Z")).code == "conflicting_alias"


@pytest.mark.parametrize(
    ("members", "is_stale"),
    [
        ({"timestamp": "2026-03-16T14:25:02Z"}, False),
        ({"timestamp": "2026-03-16T14:25:01.999999Z"}, True),
        ({"timestamp": ..., "timenow": "2026-03-16T14:25:01Z"}, True),
        # The opening time of a bar: the bar of five minutes ended at 14:25:02.
        ({"timestamp": ..., "time": "2026-03-16T14:20:02Z"}, False),
        ({"timestamp": ..., "time": "2026-03-16T14:20:01Z"}, True),
        ({"timestamp": ..., "bar": {"time": "2026-03-16T14:20:02Z"}}, False),
        ({"timestamp": ..., "time": "2026-03-15T14:30:00Z", "timeframe": "D"}, False),
        ({"timestamp": ..., "time": "2026-03-15T14:20:00Z", "timeframe": "D"}, True),
        ({"timestamp": ..., "time": "2026-03-09T14:30:00Z", "timeframe": "1W"}, False),
        ({"timestamp": ..., "time": "2026-02-16T00:00:00Z", "timeframe": "1M"}, False),
        ({"timestamp": ..., "time": "2026-01-01T00:00:00Z", "timeframe": "1M"}, True),
    ],
)
def test_an_alert_that_is_too_old_is_recorded_as_stale(members: dict[str, Any], *, is_stale: bool) -> None:
    understood = judge(make_alert(**members))

    recorded = (understood.reason, understood.intent) if isinstance(understood, RecordedOnly) else None
    assert recorded == (("stale", "LONG") if is_stale else None)


def test_a_source_without_a_limit_takes_alerts_of_any_age() -> None:
    assert isinstance(judge(make_alert(timestamp="2019-08-27T09:56:00Z"), max_age_seconds=0), NewSignal)


ISO = 'send an ISO 8601 time with a time zone, such as "2026-03-16T14:30:00Z", or epoch seconds or milliseconds.'
YEARS = (
    "it must be within the years 1970 to 2100, with an offset of at most 14 hours. "
    "Epoch values have at least 10 digits for seconds, 13 for milliseconds."
)


@pytest.mark.parametrize(
    ("members", "code", "pointer", "detail"),
    [
        (
            {"timeframe": ...}, "timeframe_missing", "/timeframe",
            'The alert has no timeframe; add "timeframe": "{{interval}}".',
        ),
        (
            {"timeframe": [5]}, "timeframe_type", "/timeframe",
            'timeframe must be text such as "5m", or minutes, not an array.',
        ),
        (
            {"timeframe": "15M"}, "timeframe_invalid", "/timeframe",
            ('timeframe is "15M"; send one timeframe: minutes as a number, or a number with s, m, h, d, w, M for '
            'months (at most 12), R for ranges or T for ticks, such as "5m".'),
        ),
        (
            {"interval": "15"}, "conflicting_alias", "/interval",
            'timeframe is "5" but interval is "15"; send only one of them, or make them agree.',
        ),
        (
            {"timestamp": ...}, "timestamp_missing", "/timestamp",
            'The alert has no timestamp; add "timestamp": "{{timenow}}".',
        ),
        (
            {"timestamp": True}, "timestamp_type", "/timestamp",
            "timestamp must be an ISO 8601 time with a time zone, or epoch seconds or milliseconds, not true.",
        ),
        ({"timestamp": "now"}, "timestamp_unparseable", "/timestamp", f'timestamp is "now"; {ISO}'),
        (
            {"timestamp": "2026-02-30T00:00:00Z"}, "timestamp_unparseable", "/timestamp",
            f'timestamp is "2026-02-30T00:00:00Z"; {ISO}',
        ),
        (
            {"timestamp": "2026-03-16T14:30:00+01:60"}, "timestamp_unparseable", "/timestamp",
            f'timestamp is "2026-03-16T14:30:00+01:60"; {ISO}',
        ),
        (
            {"timestamp": "2026-03-16 14:30"}, "timestamp_naive", "/timestamp",
            'timestamp is "2026-03-16 14:30", which has no time zone; add Z or an offset, or send "{{timenow}}".',
        ),
        ({"timestamp": -1}, "timestamp_out_of_range", "/timestamp", f"timestamp is -1; {YEARS}"),
        (
            {"timestamp": "0000-01-01T00:00:00Z"}, "timestamp_out_of_range", "/timestamp",
            f'timestamp is "0000-01-01T00:00:00Z"; {YEARS}',
        ),
        (
            {"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp_out_of_range", "/timestamp",
            f'timestamp is "0001-01-01T00:00:00+14:00"; {YEARS}',
        ),
        (
            {"timestamp": "2026-03-16T14:30:00-14:01"}, "timestamp_out_of_range", "/timestamp",
            f'timestamp is "2026-03-16T14:30:00-14:01"; {YEARS}',
        ),
        (
            {"timestamp": "2101-01-01T00:00:00Z"}, "timestamp_out_of_range", "/timestamp",
            f'timestamp is "2101-01-01T00:00:00Z"; {YEARS}',
        ),
        (
            {"timestamp": "2026-03-16T14:35:03Z"}, "timestamp_future", "/timestamp",
            ("timestamp is 2026-03-16T14:35:03.000000Z, more than 300 seconds in the future; check the time zone, or "
            'send "{{timenow}}".'),
        ),
    ],
)  # fmt: skip
def test_every_refusal_of_a_time_says_what_was_sent_and_what_to_send(
    members: dict[str, Any], code: str, pointer: str, detail: str
) -> None:
    error = refuse(make_alert(**members))

    assert (error.code, error.pointer, error.detail) == (code, pointer, detail)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (10**9, datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)),
        ("1000000000", datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1970-01-01T14:00:00+14:00", datetime(1970, 1, 1, tzinfo=UTC)),
        # The smallest number that is read as milliseconds; one less would be seconds of the year 5138.
        (100_000_000_000, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        ("2026-03-16T14:30:00+00:59", datetime(2026, 3, 16, 13, 31, tzinfo=UTC)),
        ("2026-03-16T13:30:00-0030", datetime(2026, 3, 16, 14, 0, tzinfo=UTC)),
        ("2026-03-16T14:30:00 GMT", datetime(2026, 3, 16, 14, 30, tzinfo=UTC)),
        ("2026-03-16T00:30:00-14:00", datetime(2026, 3, 16, 14, 30, tzinfo=UTC)),
        ("2026-03-15Z", datetime(2026, 3, 15, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_exactly_to_the_ends_of_its_range(value: object, moment: datetime) -> None:
    understood = judge(make_alert(timestamp=value), max_age_seconds=0)

    assert isinstance(understood, NewSignal)
    assert understood.timestamp == moment


@pytest.mark.parametrize("value", [99_999_999_999, "4133980799.999999", 4133980799999, "2100-12-31T23:59:59.999999Z"])
def test_a_time_to_come_is_in_the_future_until_the_last_year_ends(value: object) -> None:
    expected = "timestamp_out_of_range" if value == 99_999_999_999 else "timestamp_future"

    assert refuse(make_alert(timestamp=value)).code == expected


@pytest.mark.parametrize("value", [4133980800, 4133980800000, "2101-01-01T00:00:00Z", "4133980800.0"])
def test_after_the_last_year_there_is_no_time(value: object) -> None:
    assert refuse(make_alert(timestamp=value)).code == "timestamp_out_of_range"


@pytest.mark.parametrize(
    ("value", "timeframe"),
    [
        ("86400s", "1d"), ("59s", "59s"), ("61s", "61s"), ("10080", "7d"), ("720h", "30d"), ("366d", "366d"),
        ("53w", "53w"), ("12M", "12M"), ("120s", "2m"), ("3600s", "1h"), ("MN12", "12M"),
    ],
)  # fmt: skip
def test_a_timeframe_reaches_to_the_largest_of_its_unit(value: str, timeframe: str) -> None:
    assert accept(make_alert(timeframe=value)).timeframe == timeframe


@pytest.mark.parametrize("value", ["86401s", "10081", "721h", "367d", "54w", "13M", "MN13", "0m"])
def test_a_timeframe_beyond_the_largest_of_its_unit_is_refused(value: str) -> None:
    assert refuse(make_alert(timeframe=value)).code == "timeframe_invalid"


@pytest.mark.parametrize(
    ("timeframe", "seconds"),
    [("5s", 5), ("5m", 300), ("2h", 7200), ("3d", 259_200), ("2w", 1_209_600), ("12M", 12 * 31 * 86_400)],
)
def test_a_bar_spans_its_timeframe(timeframe: str, seconds: int) -> None:
    assert duration(timeframe).total_seconds() == seconds


@pytest.mark.parametrize("value", [17736714, "17736714", 999_999_999, "999999999.9", 0, "20260316", 1e-3])
def test_an_epoch_that_has_lost_digits_is_no_day_long_ago(value: object) -> None:
    assert refuse(make_alert(timestamp=value)).code == "timestamp_out_of_range"


@pytest.mark.parametrize(("age", "outcome"), [(300, NewSignal), (301, RecordedOnly)])
def test_a_bar_of_ticks_has_no_length_so_its_opening_is_what_ages(age: int, outcome: type) -> None:
    opened = (RECEIVED_AT - timedelta(seconds=age)).isoformat()

    assert isinstance(judge(make_alert(timestamp=..., time=opened, timeframe="100T")), outcome)
