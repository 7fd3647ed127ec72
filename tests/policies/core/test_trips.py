"""Guardrails on a stretch of history: when each would have tripped, and that a release forgets what came before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.core.settings import GUARDRAILS
from policies.core.trips import FEWEST_SIGNALS, Arrival, ClosedTrade, Return, Stretch, Tripped, trips
from tests.factories import policy_settings as limits

MORNING = datetime(2026, 3, 16, 9, tzinfo=UTC)


def hours(number: float) -> datetime:
    return MORNING + timedelta(hours=number)


def closed(*amounts: int, step: float = 1, currency: str = "USD") -> Stretch:
    return Stretch(closed=[ClosedTrade(hours(n * step), Decimal(pnl), currency) for n, pnl in enumerate(amounts)])


def one(history: Stretch, **limit: Any) -> Tripped:
    (found,) = trips(limits(**limit), history)
    return found


def test_without_limits_nothing_is_looked_at() -> None:
    assert trips(limits(), closed(-1, -1, -1)) == ()


def test_every_guardrail_of_the_settings_can_be_simulated() -> None:
    every = dict.fromkeys(GUARDRAILS, 1)

    assert [found.name for found in trips(limits(**every), Stretch())] == list(GUARDRAILS)
    assert all(not found.worst and not found.times for found in trips(limits(**every), Stretch()))


@pytest.mark.parametrize(("amounts", "worst", "tripped_at"), [
    ((-1, -1, 5, -1, -1), 2, []),
    ((-1, -1, -1), 3, [2]),
    ((-1, -1, -1, -1, -1, -1, -1), 3, [2, 5]),
    ((-1, -1, 0, -1), 2, []),
    ((), 0, []),
])  # fmt: skip
def test_losses_in_a_row_end_with_a_trade_that_is_none(
    amounts: tuple[int, ...], worst: int, tripped_at: list[int]
) -> None:
    found = one(closed(*amounts), max_consecutive_real_losses=3)

    assert (int(found.worst), found.times) == (worst, tuple(hours(n) for n in tripped_at))


@pytest.mark.parametrize(("amounts", "worst", "tripped_at"), [
    ((-60, 30, -60), 90, []),
    ((-60, 20, -60), 100, [2]),
    ((-100, -99), 100, [0]),
    ((-100, -100), 100, [0, 1]),
    ((500, -550), 50, []),
])  # fmt: skip
def test_the_loss_of_a_day_is_net_and_a_release_forgets_it(
    amounts: tuple[int, ...], worst: int, tripped_at: list[int]
) -> None:
    found = one(closed(*amounts), max_daily_real_loss="100")

    assert (int(found.worst), found.times) == (worst, tuple(hours(n) for n in tripped_at))


def test_each_utc_day_begins_anew() -> None:
    # The second trade is closed at 23:30 UTC, the third at 00:30.
    history = Stretch(closed=[ClosedTrade(hours(n), Decimal(-60), "USD") for n in (0, 14.5)])
    assert len(one(Stretch(closed=[history.closed[1]]), max_daily_real_loss="100").times) == 0

    next_day = Stretch(closed=[history.closed[1], ClosedTrade(hours(15.5), Decimal(-60), "USD")])

    assert len(one(history, max_daily_real_loss="100").times) == 1
    assert one(next_day, max_daily_real_loss="100").times == ()


def test_amounts_in_another_currency_are_no_part_of_the_loss_and_still_losses() -> None:
    history = closed(-500, -500, currency="EUR")

    assert one(history, max_daily_real_loss="100").worst == 0
    assert len(one(history, max_consecutive_real_losses=2).times) == 1


def test_the_share_of_failed_signals_needs_enough_of_them_within_an_hour() -> None:
    def arrivals(number: int, minutes: float) -> Stretch:
        return Stretch(arrivals=[Arrival(hours(n * minutes / 60), n % 2 == 0) for n in range(number)])

    assert one(arrivals(FEWEST_SIGNALS - 1, 1), max_failed_signal_percentage="50").worst == 0
    assert one(arrivals(FEWEST_SIGNALS, 1), max_failed_signal_percentage="50").worst == 50
    assert len(one(arrivals(FEWEST_SIGNALS, 1), max_failed_signal_percentage="50").times) == 1
    assert one(arrivals(100, 4), max_failed_signal_percentage="50").times == ()


def test_an_engine_flaps_by_itself_and_within_an_hour() -> None:
    both = Stretch(returns=[Return(hours(n / 10), "AB"[n % 2]) for n in range(4)])
    slow = Stretch(returns=[Return(hours(n / 2), "A") for n in range(9)])
    fast = Stretch(returns=[Return(hours(n / 10), "A") for n in range(6)])

    assert [int(one(history, max_engine_flaps=3).worst) for history in (both, slow)] == [2, 2]
    assert one(fast, max_engine_flaps=3).times == (hours(0.2), hours(0.5))


@given(st.lists(st.integers(-100, 100), max_size=30), st.integers(1, 10))
def test_a_lower_limit_never_trips_less_often(amounts: list[int], limit: int) -> None:
    history = closed(*amounts, step=0.1)

    strict, loose = (len(one(history, max_consecutive_real_losses=number).times) for number in (limit, limit + 1))

    assert strict >= loose
