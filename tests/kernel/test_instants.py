"""Times as engines write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.values import (
    EPOCHS,
    INSTANT_PATTERN,
    MOMENT_PATTERN,
    epoch_instant,
    epoch_microseconds,
    format_timestamp,
    from_epoch_microseconds,
    parse_instant,
)


@pytest.mark.parametrize(
    "text",
    [
        "2014-06-05T18:00:00Z",
        "2014-06-05t18:00:00z",
        "2014-06-05 18:00:00.000000+00:00",
        "2014-06-05T14:00:00-04:00",
        "2014-06-05T23:30:00.0+05:30",
    ],
)
def test_all_spellings_of_an_instant_are_one(text: str) -> None:
    assert parse_instant(text) == datetime(2014, 6, 5, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2014-06-05T18:00:00",
        "2014-06-05",
        "2014-06-05T18:00:00.1234567890Z",
        "2014-02-30T00:00:00Z",
        "2014-06-05T25:00:00Z",
        "2014-06-05T18:00:60Z",
        "0001-01-01T00:00:00+14:00",
        "1969-12-31T23:59:59Z",
        "2101-01-01T00:00:00Z",
        "2014-06-05T18:00:00+99:00",
        "\u0662014-06-05T18:00:00Z",
        "yesterday",
        "",
        1401991200,
        None,
        True,
    ],
)
def test_what_names_no_instant_exactly_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_instant(value)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_written_instant_is_read_back_to_the_microsecond(moment: datetime) -> None:
    assert parse_instant(format_timestamp(moment)) == moment


def test_nanoseconds_are_cut_to_microseconds() -> None:
    assert parse_instant("2014-06-05T18:00:00.123456999Z") == datetime(2014, 6, 5, 18, 0, 0, 123456, UTC)


@pytest.mark.parametrize("number", ["1401991200", "1401991200000", "1401991200.000000999", "1401991200000.0009"])
def test_epoch_seconds_and_milliseconds_are_told_apart_by_their_size(number: str) -> None:
    assert epoch_instant(Decimal(number)) == datetime(2014, 6, 5, 18, tzinfo=UTC)


@pytest.mark.parametrize("number", ["-1", "4133980800000", "1e30", "-1e30"])
def test_an_epoch_outside_the_years_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="1970"):
        epoch_instant(Decimal(number))


@given(st.from_regex(INSTANT_PATTERN, fullmatch=True, alphabet=st.characters(codec="ascii")))
def test_all_of_the_documented_form_is_an_instant(text: str) -> None:
    assert 1970 <= parse_instant(text).year <= 2100


FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
SECONDS = st.decimals(0, int((LAST - FIRST).total_seconds()), places=6)
INSTANTS = SECONDS.map(lambda seconds: FIRST + timedelta(microseconds=int(seconds * 10**6)))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(INSTANTS, ZONES)
def test_every_instant_is_of_the_documented_form(moment: datetime, zone: timezone) -> None:
    assert re.fullmatch(INSTANT_PATTERN, format_timestamp(moment))
    # On the first and the last day in UTC only.
    if FIRST + timedelta(days=2) < moment < LAST - timedelta(days=2):
        assert re.fullmatch(INSTANT_PATTERN, moment.astimezone(zone).isoformat())


@pytest.mark.parametrize(
    "text",
    ["2014-02-29", "2100-02-29", "2014-04-31", "2014-13-01", "2014-00-01", "2014-01-00", "1969-12-31", "2101-01-01"],
)
def test_a_day_that_there_is_not_is_not_of_the_documented_form(text: str) -> None:
    assert re.fullmatch(INSTANT_PATTERN, f"{text}T00:00:00Z") is None


@pytest.mark.parametrize(("_", "first", "end"), EPOCHS)
def test_numbers_are_read_as_far_as_the_document_says(_: str, first: int, end: int) -> None:
    last = Decimal(end) - Decimal("0.001")

    assert 1970 <= epoch_instant(Decimal(first)).year <= epoch_instant(last).year == 2100
    for beyond in (Decimal(first) - 1, Decimal(end)):
        with pytest.raises(ValueError, match="1970"):
            epoch_instant(beyond)


@given(INSTANTS)
def test_a_moment_in_a_cursor_is_the_same_moment(moment: datetime) -> None:
    text = str(epoch_microseconds(moment))

    assert re.fullmatch(MOMENT_PATTERN, text)
    assert from_epoch_microseconds(text) == moment
