"""Times as engines write them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.values import epoch_instant, format_timestamp, parse_instant


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
