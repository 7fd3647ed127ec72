"""Which alerts are missing: exactly those that did not come, once each, however often and late somebody looks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals_app.alerts.market_hours import MarketHours, bar_closes
from signals_app.alerts.missing import (
    MOST_BARS,
    MOST_NUMBERS,
    Count,
    Habit,
    Heard,
    MissingNumber,
    Stream,
    alarm_by_weeks,
    bar_heard,
    earlier_silences,
    hear,
    learn,
    longest_silence,
    missing_bars,
    missing_numbers,
)
from tests.signals_app.alerts.test_market_hours import ALWAYS, STOCKS

START = datetime(2026, 3, 16, 13, 30, tzinfo=UTC)
GRACE = timedelta(seconds=30)
STREAM = Stream("NYSE", "T", "5m", "")
SECOND = timedelta(seconds=1)


def heard(number: int | None = None, *, fired: float | None = 0, after: float = 1) -> Heard:
    """An alert that fired so many seconds after the start and took so long."""
    fired_at = None if fired is None else START + fired * SECOND
    return Heard(STREAM, (fired_at or START) + after * SECOND, fired_at, number)


def body(**members: Any) -> bytes:
    return json.dumps({"symbol": "NYSE:T", "action": "buy", "interval": "5", **members}).encode()


def test_an_alert_tells_its_stream_its_time_and_its_number() -> None:
    alert = hear(body(timenow="2026-03-16T13:35:01Z", strategy="s", sequence="17"), START)

    assert alert == Heard(Stream("NYSE", "T", "5m", "s"), START, START + 301 * SECOND, 17)


def test_of_the_opening_of_a_bar_its_close_is_taken() -> None:
    alert = hear(body(time="2026-03-16T13:30:00Z"), START)

    assert alert is not None
    assert alert.fired_at == START + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [("sequence", 17, 17), ("seq", "17.0", 17), ("sequenceNumber", " 0 ", 0), ("SEQ_NO", 17.0, 17),
     ("alert_number", "9" * 18, 10**18 - 1), ("sequence", 1.5, None), ("sequence", -1, None), ("sequence", True, None),
     ("sequence", "{{plot_0}}", None), ("sequence", "9" * 19, None), ("sequence", None, None), ("nonce", 5, None)],
)  # fmt: skip
def test_a_number_is_whole_and_has_one_of_its_names(name: str, value: Any, number: int | None) -> None:
    alert = hear(body(**{name: value}), START)

    assert alert is not None
    assert alert.sequence == number


def test_an_alert_without_times_and_inside_an_envelope_is_heard_as_well() -> None:
    assert hear(json.dumps({"data": {"ticker": "T", "action": "exit"}}).encode(), START) == Heard(
        Stream("", "T", "", ""), START, None, None
    )


@pytest.mark.parametrize(
    "members",
    [{"interval": "soon"}, {"timenow": "16.03.2026"}, {"strategy": "{{x}}"}, {"exchange": "TSX"}, {"action": "hold"}],
)
def test_what_the_webhook_rejects_is_heard_by_what_it_tells(members: dict[str, Any]) -> None:
    alert = hear(body(**{"sequence": 7, "strategy": "s", "timenow": "2026-03-16T13:35:01Z"} | members), START)

    assert alert is not None
    assert (alert.stream.symbol, alert.sequence) == ("T", 7)
    assert (alert.stream.timeframe, alert.fired_at, alert.stream.strategy, alert.stream.exchange) == (
        "" if "interval" in members else "5m",
        None if "timenow" in members else START + 301 * SECOND,
        "" if "strategy" in members else "s",
        "" if "exchange" in members else "NYSE",
    )


@pytest.mark.parametrize("garbage", [b"", b"{", b"***", b'{"action": "buy"}', b'{"symbol": 7}', b"\xff"])
def test_what_names_no_symbol_is_not_heard(garbage: bytes) -> None:
    assert hear(garbage, START) is None


@pytest.mark.parametrize(
    ("fired", "received", "close"),
    [
        (300, 301, 300),  # at the close
        (304, 330, 300),  # late on its way
        (590, 600, 300),  # within the next bar
        (297, 298, 300),  # a clock that is early
        (None, 301, 300),  # no clock at all
        (9000, 301, 300),  # a clock that is hours ahead
        (-86_400 + 600, 301, -86_400 + 600),  # sent again a day later, of a market that never closes
    ],
)
def test_an_alert_is_about_the_bar_that_had_just_closed(fired: float | None, received: float, close: float) -> None:
    fired_at = None if fired is None else START + fired * SECOND
    alert = Heard(STREAM, START + received * SECOND, fired_at, None)

    assert bar_heard(alert, ALWAYS, "5m") == START + close * SECOND


@pytest.mark.parametrize(("fired", "close"), [(8.9, 0), (9, 10)])
def test_a_clock_may_be_early_by_a_tenth_of_a_short_bar(fired: float, close: float) -> None:
    assert bar_heard(heard(fired=fired), ALWAYS, "10s") == START + close * SECOND


def test_an_alert_of_a_range_chart_is_about_no_bar() -> None:
    assert bar_heard(heard(), ALWAYS, "10R") is None


MARKETS = st.sampled_from([STOCKS, ALWAYS])
INDICES = st.sets(st.integers(0, 100), max_size=30)
LOOKS = st.lists(st.integers(0, 3 * 86_400), max_size=8)


@given(MARKETS, st.sampled_from(["5m", "1h"]), INDICES, LOOKS)
def test_exactly_the_bars_without_an_alert_are_missing_however_often_one_looks(
    hours: MarketHours, timeframe: str, lost: set[int], looks: list[int]
) -> None:
    end = START + timedelta(days=3)
    bars = list(bar_closes(hours, timeframe, START, end - GRACE))
    came = {close for place, close in enumerate(bars) if place not in lost}

    accounted, found = START, []
    for moment in (*(START + seconds * SECOND for seconds in sorted(looks)), end):
        accounted, more = missing_bars(
            hours, timeframe, accounted=accounted, heard=came, known_until=moment, grace=GRACE
        )
        assert all(bar.due_at == bar.expected_at + GRACE <= moment for bar in more)
        found += more

    assert [bar.expected_at for bar in found] == [close for close in bars if close not in came]


def test_no_bar_is_missing_before_it_is_due() -> None:
    due = START + timedelta(minutes=5) + GRACE

    early = missing_bars(ALWAYS, "5m", accounted=START, heard=(), known_until=due - timedelta.resolution, grace=GRACE)
    _, found = missing_bars(ALWAYS, "5m", accounted=START, heard=(), known_until=due, grace=GRACE)

    assert early == (START, [])
    assert [bar.due_at for bar in found] == [due]


def test_after_a_long_night_bars_are_named_a_thousand_at_a_time() -> None:
    later = START + timedelta(days=2)

    accounted, found = missing_bars(ALWAYS, "1m", accounted=START, heard=(), known_until=later, grace=GRACE)
    _, rest = missing_bars(ALWAYS, "1m", accounted=accounted, heard=(), known_until=later, grace=GRACE)

    assert len(found) == len(rest) == MOST_BARS
    assert found[-1].expected_at + timedelta(minutes=1) == rest[0].expected_at


def count_up(alerts: list[Heard], looks: list[float]) -> tuple[Count, list[MissingNumber]]:
    """Look at these seconds after the start, and once when all is over, as the worker does."""
    count, used, found = Count(), set(), []
    for seconds in (*sorted(looks), 10**7):
        known_until = START + seconds * SECOND
        waiting = [alert for alert in alerts if alert.received_at <= known_until and alert not in used]
        count, more, now_used = missing_numbers(count, waiting, known_until=known_until, grace=GRACE)
        assert all(number.due_at <= known_until for number in more)
        used |= set(now_used)
        found += more
    return count, found


DELAYS = st.lists(st.floats(0, 29), min_size=100, max_size=100)


@given(st.integers(0, 10**17), st.sets(st.integers(1, 60), max_size=40), DELAYS, st.lists(st.floats(0, 90), max_size=6))
def test_exactly_the_numbers_without_an_alert_are_missing(
    first: int, lost: set[int], delays: list[float], looks: list[float]
) -> None:
    # Alerts overtake each other by less than the grace; the first and the last one come.
    alerts = [heard(first + place, fired=place, after=delays[place]) for place in range(62) if place not in lost]

    count, found = count_up(alerts, looks)

    assert sorted(number.number - first for number in found) == sorted(lost)
    assert count.latest == first + 61


@given(st.sets(st.integers(1, 18)), st.sets(st.integers(1, 18)), DELAYS, st.lists(st.floats(0, 90), max_size=6))
def test_a_count_that_begins_again_is_another_one(
    lost: set[int], lost_later: set[int], delays: list[float], looks: list[float]
) -> None:
    before = [heard(place, fired=place, after=delays[place]) for place in range(20) if place not in lost]
    # Whoever counts anew takes longer for it than any alert is late.
    after = [heard(place, fired=60 + place, after=delays[place]) for place in range(20) if place not in lost_later]

    count, found = count_up(before + after, looks)

    assert sorted((number.series, number.number) for number in found) == sorted(
        [(0, place) for place in lost] + [(1, place) for place in lost_later]
    )
    assert count.series == 1


def test_a_number_is_missing_as_soon_as_it_is_due() -> None:
    due = START + SECOND + GRACE

    _, found, _ = missing_numbers(Count(0, 1), [heard(3)], known_until=due, grace=GRACE)

    assert found == [MissingNumber(0, 2, due)]


def test_a_count_ends_where_it_fired_last_and_not_where_it_came_last() -> None:
    alerts = [heard(1), heard(4, fired=1, after=100), heard(1, fired=50)]

    count, found = count_up(alerts, [])

    assert [(number.series, number.number) for number in found] == [(0, 2), (0, 3)]
    assert (count.series, count.latest) == (1, 1)


def test_a_repeated_alert_is_neither_missing_nor_another_count() -> None:
    alerts = [heard(1), heard(2, fired=1), heard(2, fired=1, after=6), heard(2, fired=1, after=90), heard(3, fired=2)]
    fired_again = heard(3, fired=60)

    assert count_up([*alerts, fired_again], [35, 100]) == (Count(0, 3, START + 60 * SECOND), [])


def test_a_number_that_comes_after_it_was_missed_begins_no_other_count() -> None:
    late = heard(2, fired=1, after=60)

    count, found = count_up([heard(1), heard(3, fired=2), late, heard(4, fired=3)], [40, 70])

    assert found == [MissingNumber(0, 2, START + 3 * SECOND + GRACE)]
    assert (count.series, count.latest) == (0, 4)


def test_a_late_alert_of_the_count_before_is_no_jump_ahead() -> None:
    alerts = [heard(57), heard(1, fired=100), heard(58, fired=1, after=120), heard(2, fired=101)]

    assert count_up(alerts, [40, 140, 200])[1] == []


def test_a_jump_too_far_is_another_count() -> None:
    near = count_up([heard(1), heard(1 + MOST_NUMBERS, fired=1)], [])
    far = count_up([heard(1), heard(2 + MOST_NUMBERS, fired=1)], [])

    overtaken = count_up([heard(1 + MOST_NUMBERS, fired=None), heard(1, fired=None, after=2)], [])

    assert (near[0].series, len(near[1])) == (0, MOST_NUMBERS - 1)
    assert len(overtaken[1]) == MOST_NUMBERS - 1
    assert (far[0].series, far[1]) == (1, [])


def test_without_a_time_a_lower_number_is_late_and_never_another_count() -> None:
    late = [heard(5, fired=None, after=60), heard(1, fired=None, after=61)]
    alerts = [heard(5, fired=None), heard(6, fired=None, after=2), *late]

    assert count_up(alerts, [40]) == (Count(0, 6, None), [])


def every(seconds: float, times: int, since: datetime = START) -> list[datetime]:
    return [since + place * seconds * SECOND for place in range(times)]


def test_a_habit_is_known_after_twenty_alerts_and_five_days() -> None:
    assert longest_silence(learn(Habit(), ALWAYS, every(60, 200))) is None
    assert longest_silence(learn(Habit(), ALWAYS, every(86_400, 19))) is None
    assert longest_silence(learn(Habit(), ALWAYS, every(22_800, 20))) == timedelta(hours=19)


def test_a_silence_is_usual_if_at_least_19_of_20_are_no_longer() -> None:
    silences = tuple(60.0 * minutes for minutes in range(20, 0, -1))

    assert longest_silence(Habit(21, START, START + timedelta(days=5), silences)) == timedelta(minutes=3 * 19)


def test_a_silence_of_a_minute_is_one() -> None:
    assert learn(Habit(), ALWAYS, every(60, 3)).silences == (60.0, 60.0)


def test_one_long_silence_does_not_make_the_next_one_usual() -> None:
    usual = every(600, 800)
    after_an_outage = every(600, 40, usual[-1] + timedelta(hours=9))

    assert longest_silence(learn(Habit(), ALWAYS, usual + after_an_outage)) == timedelta(minutes=30)


def test_a_source_that_becomes_slower_is_soon_taken_as_it_is() -> None:
    usual = every(600, 800)
    slower = every(7200, 10, usual[-1])

    assert longest_silence(learn(Habit(), ALWAYS, usual + slower)) == timedelta(hours=6)


def test_a_night_is_no_silence_and_alerts_of_one_bar_are_one_occasion() -> None:
    days = [START + timedelta(days=day) for day in (0, 1, 2, 3, 4, 7)]
    bars = [day + minutes * timedelta(minutes=1) for day in days for minutes in range(5, 390, 5)]
    charts = [bar + place * SECOND for bar in bars for place in range(20)]

    assert longest_silence(learn(Habit(), STOCKS, charts)) == timedelta(minutes=5 * 3 - 1, seconds=3)


def test_the_shortest_alarm_is_five_minutes() -> None:
    habit = learn(Habit(), ALWAYS, every(30, 15_000))

    assert (habit.silences, longest_silence(habit)) == ((), timedelta(minutes=5))


@given(st.lists(st.integers(0, 86_400 * 9)), st.integers(0, 50))
def test_a_habit_is_learned_alike_in_one_go_and_in_parts(seconds: list[int], part: int) -> None:
    moments = sorted(START + second * SECOND for second in seconds)

    in_parts = learn(learn(Habit(), STOCKS, moments[:part]), STOCKS, moments[max(part - 3, 0) :])

    assert in_parts == learn(Habit(), STOCKS, moments)


LIMIT, DAY = timedelta(minutes=15), timedelta(days=1)
USUAL = LIMIT / 3


def test_a_week_tells_of_a_silence_once_it_is_known_whole() -> None:
    habit = Habit(50, START, START + 20 * DAY)

    def weeks(since: datetime) -> list[datetime]:
        return earlier_silences(habit, since, LIMIT)

    assert weeks(START + 7 * DAY - USUAL - SECOND) == earlier_silences(Habit(), START, LIMIT) == []
    assert weeks(START + 7 * DAY - USUAL) == [START]
    assert weeks(START + 15 * DAY) == [START + 8 * DAY + USUAL, START + DAY + USUAL]


@pytest.mark.parametrize(
    ("heard_after", "alarm"),
    [
        ([], None),
        ([None], None),
        ([0, None], None),
        # In the rhythm of the source, or before: the longest silence alone decides.
        ([0], 15),
        ([0, 5], 15),
        # The latest hour of the weeks, and a usual silence more.
        ([5, 65], 75),
    ],
)
def test_an_alarm_waits_for_the_hour_in_which_each_week_was_heard_again(
    heard_after: list[float | None], alarm: float | None
) -> None:
    begins = [START + USUAL - week * 7 * DAY for week in range(1, len(heard_after) + 1)]
    heard_then = {
        begin: None if minutes is None else begin + timedelta(minutes=minutes)
        for begin, minutes in zip(begins, heard_after, strict=True)
    }

    expected = None if alarm is None else START + timedelta(minutes=alarm)
    assert alarm_by_weeks(START, LIMIT, heard_then) == expected
