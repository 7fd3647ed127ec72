"""Guardrails: off by default, tripped by stored facts, one-way, released by an operator only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from experiments.history.replay import Selection, replay
from experiments.models import Experiment
from experiments.services import discard_failed
from experiments.worker.pipeline import drain, trip_guardrail
from kernel.errors import DomainError
from policies.core.rules import Trip
from policies.core.settings import GUARDRAILS
from policies.models import EngineAvailability, GuardrailTrip, PolicyVersion
from policies.selectors import active_policy, state_in_force
from policies.services import release_guardrail
from signals_app.models import Signal
from tests.database import execute, refusal_of, value
from tests.experiments.raw_rows import without_triggers
from tests.factories import make_available, make_experiment, make_policy, make_signal
from tests.outcomes.closed_trades import Closed, close_pair, close_trades
from tests.policies.control import ADA, BOB, actions_of, entries

pytestmark = pytest.mark.django_db

SEVERAL = ("-10", "-20", "-30")


def lose(*pnls: str, exit_time: datetime | None = None) -> None:
    """Close real trades of engine A with these results, one after the other, just now unless told otherwise."""
    for pnl in pnls:
        close_pair("A", Closed(a=pnl, exit_time=exit_time or timezone.now()))


def guard(**limits: Any) -> PolicyVersion:
    make_available("A", "B")
    return make_policy(configured_mode="ENGINE_A_PRIMARY", **limits)


def decide() -> Experiment:
    signal = make_signal()
    assert drain() == 1
    return Experiment.objects.select_related("decision").get(signal=signal)


def outcome(experiment: Experiment) -> tuple[str, str | None, str]:
    decision = experiment.decision
    return decision.execution_mode, decision.executed_engine, decision.reason


REAL, STOPPED = ("ENGINE_A_PRIMARY", "A", "CONFIGURED"), ("SHADOW_ONLY", None, "GUARDRAIL")


def fail_share(failed: int, total: int) -> None:
    """Let that many of all signals have failed for good, and the others be decided."""
    signals = [make_signal() for _ in range(total)]
    Signal.objects.filter(pk__in=[signal.pk for signal in signals[:failed]]).update(status="FAILED", attempts=5)
    assert drain() == total - failed


def beats(engine: str, *gaps: int) -> None:
    """Store stretches of heartbeats of a minute each, that many minutes ago."""
    for minutes in gaps:
        begin = timezone.now() - timedelta(minutes=minutes)
        EngineAvailability.objects.create(
            engine_id=engine, first_heartbeat_at=begin, last_heartbeat_at=begin,
            available_until=begin + timedelta(minutes=1),
            engine_version="1", rules_hash="a" * 64,
        )  # fmt: skip


# Off unless asked for


def test_every_guardrail_is_off_in_the_first_version() -> None:
    policy = active_policy()

    assert [getattr(policy, name) for name in GUARDRAILS] == [None] * 4


def test_without_limits_nothing_trips_whatever_happened() -> None:
    lose("-1000000", "-1000000")
    fail_share(30, 30)
    beats("A", 50, 40, 30, 20)
    guard()

    assert outcome(decide()) == REAL
    assert GuardrailTrip.objects.count() == 0


# Consecutive real losses


@pytest.mark.parametrize(("pnls", "expected"), [
    (("-1", "-1"), REAL), (("-1", "-1", "-1"), STOPPED), (("-1", "-1", "0", "-1"), REAL),
    (("-1", "-1", "-1", "5"), REAL), (("9", "-1", "-1", "-0.01"), STOPPED),
])  # fmt: skip
def test_losses_in_a_row_are_counted_from_the_last_trade_that_was_none(
    pnls: tuple[str, ...], expected: tuple[str, str | None, str]
) -> None:
    lose(*pnls)
    guard(max_consecutive_real_losses=3)

    assert outcome(decide()) == expected


def test_shadow_losses_count_for_no_guardrail() -> None:
    for _ in range(4):
        close_pair("A", Closed(b="-5000", exit_time=timezone.now()))
    guard(max_consecutive_real_losses=1, max_daily_real_loss="1")

    assert outcome(decide()) == REAL


# Loss of the day


@pytest.mark.parametrize(("pnls", "expected"), [
    (("-99.99",), REAL), (("-100",), STOPPED), (("-60", "-60"), STOPPED), (("-160", "61"), REAL), (("500",), REAL),
])  # fmt: skip
def test_the_days_net_real_loss_trips_at_its_limit(
    pnls: tuple[str, ...], expected: tuple[str, str | None, str]
) -> None:
    lose(*pnls)
    guard(max_daily_real_loss="100")

    assert outcome(decide()) == expected


def test_losses_in_another_currency_than_the_limits_are_not_added_to_the_days() -> None:
    lose("-60")
    close_pair("A", Closed(a="-60", exit_time=timezone.now(), currency="EUR"))
    guard(max_daily_real_loss="100")

    assert outcome(decide()) == REAL


def test_the_day_begins_at_midnight_utc_whatever_zone_the_session_has() -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    lose("-1000", exit_time=midnight - timedelta(microseconds=1))
    lose("-60", exit_time=midnight)
    guard(max_daily_real_loss="60")
    execute("SET LOCAL TIME ZONE 'Pacific/Kiritimati'")

    tripped = trip_guardrail(state_in_force())

    assert tripped == Trip("max_daily_real_loss", "60.00", "60.00")


# Failed signals


@pytest.mark.parametrize(("failed", "total", "expected"), [
    (20, 39, STOPPED), (10, 39, REAL), (19, 19, STOPPED), (18, 18, REAL), (0, 30, REAL),
])  # fmt: skip
def test_the_share_of_failed_signals_trips_of_at_least_twenty(
    failed: int, total: int, expected: tuple[str, str | None, str]
) -> None:
    fail_share(failed, total)
    guard(max_failed_signal_percentage="50")

    assert outcome(decide()) == expected


def test_signals_that_failed_more_than_an_hour_ago_count_no_more() -> None:
    fail_share(30, 30)
    with without_triggers():
        execute("UPDATE signals SET received_at = now() - interval '61 minutes'")
    guard(max_failed_signal_percentage="50")

    assert outcome(decide()) == REAL


def test_failed_signals_that_were_given_up_still_count_until_the_guardrail_is_released() -> None:
    fail_share(20, 39)
    failed = Signal.objects.filter(status="FAILED").values_list("pk", flat=True)
    discard_failed(BOB, list(failed), reason="Not ours.")
    guard(max_failed_signal_percentage="50")

    assert outcome(decide()) == STOPPED


# Engines that come and go


@pytest.mark.parametrize(("gaps", "expected"), [
    ((90, 50, 40, 30), STOPPED), ((50, 40, 30), REAL), ((90, 50, 40), REAL), ((400, 300, 200), REAL), ((), REAL),
])  # fmt: skip
def test_an_engine_that_came_back_too_often_within_the_hour_trips(
    gaps: tuple[int, ...], expected: tuple[str, str | None, str]
) -> None:
    beats("B", *gaps)
    guard(max_engine_flaps=3)

    assert outcome(decide()) == expected


def test_two_engines_that_each_came_back_are_not_added_up() -> None:
    beats("A", 90, 50, 40)
    beats("B", 90, 50, 40)
    guard(max_engine_flaps=3)

    assert outcome(decide()) == REAL


# What a trip is


def test_what_tripped_is_stored_with_the_decision_and_replay_agrees() -> None:
    lose(*SEVERAL)
    guard(max_consecutive_real_losses=3)

    experiment = decide()

    trip = {"name": "max_consecutive_real_losses", "value": "3", "limit": "3"}
    assert experiment.decision.inputs["guardrail"] == trip
    assert [one.differences for one in replay(Selection(experiment=experiment.pk))] == [()]


def test_a_decision_without_a_trip_stores_nothing_of_guardrails() -> None:
    guard(max_consecutive_real_losses=3)

    assert "guardrail" not in decide().decision.inputs


def test_a_trip_is_kept_once_and_holds_when_the_facts_have_passed() -> None:
    still_open = make_experiment("A")
    lose(*SEVERAL)
    guard(max_consecutive_real_losses=3)
    decide()

    close_trades(still_open, Closed(a="5000", exit_time=timezone.now()))

    assert outcome(decide()) == STOPPED
    assert GuardrailTrip.objects.count() == 1


def test_a_trip_holds_when_a_later_version_turns_the_guardrail_off() -> None:
    lose(*SEVERAL)
    guard(max_consecutive_real_losses=3)
    decide()

    guard()

    assert outcome(decide()) == STOPPED


def test_a_guardrail_takes_real_trading_away_and_never_gives_it() -> None:
    lose(*SEVERAL)
    make_available("B")
    make_policy(configured_mode="ENGINE_B_PRIMARY", max_consecutive_real_losses=3)

    assert outcome(decide())[1] is None


# Release


def trip_and_release() -> GuardrailTrip:
    lose(*SEVERAL)
    guard(max_consecutive_real_losses=3)
    decide()
    return release_guardrail(BOB, GuardrailTrip.objects.get().pk, reason=" Looked at it. ")


def test_a_release_lets_trading_go_on_and_is_kept_with_name_and_reason() -> None:
    trip = trip_and_release()

    assert (trip.released_by, trip.release_reason) == ("bob", "Looked at it.")
    assert outcome(decide()) == REAL
    (entry,) = entries("guardrail.released")
    assert (entry.actor, entry.reason, entry.address) == ("bob", "Looked at it.", "192.0.2.2")


def test_after_a_release_only_later_facts_count() -> None:
    trip_and_release()

    lose("-1", "-1")
    guard(max_consecutive_real_losses=3)
    assert outcome(decide()) == REAL

    lose("-1")
    guard(max_consecutive_real_losses=3)
    assert outcome(decide()) == STOPPED
    assert GuardrailTrip.objects.count() == 2


def test_a_release_of_one_guardrail_forgives_no_other() -> None:
    trip_and_release()

    guard(max_consecutive_real_losses=3, max_daily_real_loss="60")

    assert decide().decision.inputs["guardrail"] == {"name": "max_daily_real_loss", "value": "60.00", "limit": "60.00"}


def test_what_does_not_hold_cannot_be_released() -> None:
    trip = trip_and_release()

    for identity in (trip.pk, trip.pk + 1):
        with pytest.raises(DomainError) as caught:
            release_guardrail(ADA, identity, reason="x")
        assert caught.value.code == "not_tripped"
    assert actions_of(ADA) == []


def test_a_release_needs_a_reason() -> None:
    lose(*SEVERAL)
    guard(max_consecutive_real_losses=3)
    decide()

    with pytest.raises(DomainError) as caught:
        release_guardrail(ADA, GuardrailTrip.objects.get().pk, reason=" ")

    assert caught.value.code == "reason_missing"
    assert value("SELECT count(*) FROM guardrail_trips WHERE released_at IS NULL") == 1


def test_the_database_keeps_every_trip() -> None:
    trip_and_release()

    assert "is append-only" in refusal_of("DELETE FROM guardrail_trips")
    assert refusal_of("UPDATE guardrail_trips SET released_by = ''") == "guardrail_trips_released_by_somebody"


# Odd facts raise nothing


def test_figures_at_their_limits_are_measured_and_raise_nothing() -> None:
    lose("-9999999999.99")
    fail_share(1, 20)
    beats("A", 10, 5)
    guard(
        max_consecutive_real_losses=1000, max_daily_real_loss="999999999999.99",
        max_failed_signal_percentage="100", max_engine_flaps=1000,
    )  # fmt: skip

    assert outcome(decide()) == REAL


def test_a_huge_loss_is_told_to_the_cent() -> None:
    lose("-99999999.99", "-0.01")
    guard(max_daily_real_loss="0.01")

    assert decide().decision.inputs["guardrail"]["value"] == f"{Decimal(100_000_000):.2f}"


def test_real_outcomes_without_a_price_count_as_nothing() -> None:
    close_pair("A", Closed(a=None, exit_time=timezone.now()))
    guard(max_consecutive_real_losses=1, max_daily_real_loss="0.01")

    assert outcome(decide()) == REAL
