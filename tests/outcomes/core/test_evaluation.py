"""What an evaluation fixes, how its promise is held against limits and history, and which signals it compares."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kernel.canonical import document_hash
from kernel.errors import DomainError
from outcomes.core.evaluation import (
    OWN_EXIT,
    SYNCHRONISED,
    Decided,
    EvaluationPlan,
    History,
    block_ends_at,
    demand_reason,
    least_worst_block,
    read_plan,
    was_halted,
    weight_of,
)
from outcomes.core.evidence import Wager
from outcomes.core.judging import Cut

PLAN: dict[str, Any] = {
    "name": "spring-2.1", "note": " B is better. ", "clock": "WALL", "metric": "R", "estimand": "SYNCHRONISED",
    "prices": "NEUTRAL", "block_days": "7", "max_hold_days": 3, "worst_block": "5.50", "horizon_blocks": 60,
}  # fmt: skip
NOON = datetime(2026, 3, 16, 12, tzinfo=UTC)
EVEN = Decimal(50)


def plan(**changes: Any) -> EvaluationPlan:
    return read_plan(PLAN | changes)


def refused(**changes: Any) -> DomainError:
    with pytest.raises(DomainError) as raised:
        plan(**changes)
    assert raised.value.code == "invalid_evaluation"
    return raised.value


def test_numbers_may_be_text_and_mean_the_same_however_they_are_written() -> None:
    written = plan(worst_block="5.500", margin="", starts_at="2026-03-16T08:00:00-04:00")

    same = plan(block_days=7, worst_block=5.5, margin="0.0", starts_at="2026-03-16T12:00:00Z", alpha="0.05")

    assert written == same
    assert written.content_hash() == same.content_hash() == document_hash(written.document())
    assert written.document()["worst_block"] == "5.50"
    assert (written.note, written.margin, written.starts_at) == ("B is better.", Decimal(0), NOON)


def test_the_document_of_a_plan_reads_as_the_same_plan() -> None:
    written = plan(max_signals=20, busy_signals=9, reason="The desk's limit.", slices=["symbol=SPY"])
    assert written.slices == ("symbol=SPY",)

    assert read_plan(written.document()) == written


@pytest.mark.parametrize("name", [name for name in PLAN if name != "note"])
def test_each_member_is_required_by_name(name: str) -> None:
    assert refused(**{name: None}).pointer == f"/{name}"


AMOUNT = "Must be a number, 0 or more, with at most twelve decimals."


@pytest.mark.parametrize(
    ("changes", "name", "detail"),
    [
        ({"alpha": "0.1"}, "alpha", "Is always 0.05."),
        ({"name": "a/b"}, "name", "Use letters, digits, hyphens, underscores and dots."),
        ({"name": "x" * 81}, "name", "At most 80 characters."),
        ({"note": " "}, "note", "Is required."),
        ({"note": "x" * 2001}, "note", "At most 2000 characters."),
        ({"clock": "SUN"}, "clock", "Must be WALL or EVENT."),
        ({"metric": "r"}, "metric", "Must be R or CURRENCY."),
        ({"estimand": "OWN"}, "estimand", "Must be SYNCHRONISED or OWN_EXIT."),
        ({"prices": "MIDDLE"}, "prices", "Must be NEUTRAL or ENGINES."),
        ({"block_days": 92}, "block_days", "Must be a whole number from 1 to 91."),
        ({"block_days": "0", "max_hold_days": 0}, "block_days", "Must be a whole number from 1 to 91."),
        ({"block_days": "1.5"}, "block_days", "Must be a whole number from 1 to 91."),
        ({"block_days": "5"}, "block_days", "Must be at least twice max_hold_days: 6 days or more."),
        ({"max_hold_days": 92}, "max_hold_days", "Must be a whole number from 0 to 91."),
        ({"worst_block": "0"}, "worst_block", "Must be greater than 0."),
        ({"worst_block": ""}, "worst_block", AMOUNT),
        ({"worst_block": "NaN"}, "worst_block", AMOUNT),
        ({"worst_block": "Infinity"}, "worst_block", AMOUNT),
        ({"worst_block": "much"}, "worst_block", AMOUNT),
        ({"worst_block": "1e-13"}, "worst_block", AMOUNT),
        ({"worst_block": "1e12"}, "worst_block", AMOUNT),
        ({"margin": "-1"}, "margin", AMOUNT),
        ({"horizon_blocks": 0}, "horizon_blocks", "Must be a whole number from 1 to 100000."),
        ({"horizon_blocks": 100_001}, "horizon_blocks", "Must be a whole number from 1 to 100000."),
        ({"starts_at": "2026-03-16"}, "starts_at", "Must be a time with its zone, like 2026-03-16T14:30:00Z."),
        ({"clock": "EVENT"}, "starts_at", "An EVENT evaluation needs the signals' own time from which on they count."),
        ({"max_signals": "0"}, "max_signals", "Must be a whole number from 1 to 1000000."),
        ({"max_signals": 1_000_001}, "max_signals", "Must be a whole number from 1 to 1000000."),
        ({"busy_signals": "0"}, "busy_signals", "Must be a whole number from 1 to 1000000."),
        ({"busy_signals": 1_000_001}, "busy_signals", "Must be a whole number from 1 to 1000000."),
        ({"slices": 7}, "slices", "Must be a list of texts like symbol=SPY."),
        ({"slices": ["symbol=SPY", "symbol=SPY"]}, "slices", "Each once."),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, Any], name: str, detail: str) -> None:
    error = refused(**changes)

    assert (error.pointer, error.detail) == (f"/{name}", f"{name}: {detail}")


def test_a_document_names_nothing_but_the_members_of_a_plan() -> None:
    members = (
        "name, note, clock, starts_at, metric, estimand, prices, block_days, max_hold_days, worst_block, margin, "
        "horizon_blocks, max_signals, busy_signals, reason, slices"
    )

    error = refused(wager=1)
    assert (error.pointer, error.detail) == ("/wager", f"wager: Unknown field; the fields are {members}.")

    # given two of them, the first by name is told
    assert refused(wager=1, bet=2).pointer == "/bet"

    with pytest.raises(DomainError) as raised:
        read_plan("spring-2.1")
    assert (raised.value.code, raised.value.pointer) == ("invalid_evaluation", "")
    assert raised.value.detail == f"Expected an object with {members}."


def test_the_longest_and_the_largest_that_may_be() -> None:
    largest = plan(
        name="x" * 80, note="x" * 2000, block_days=91, max_hold_days="45", worst_block="999999999999.999999999999",
        margin="0.000000000001", horizon_blocks=100_000, max_signals=1_000_000, busy_signals=1_000_000,
        reason=f" {'x' * 2000}y ",
    )  # fmt: skip

    assert (largest.block_days, largest.max_hold_days, largest.horizon_blocks) == (91, 45, 100_000)
    assert (largest.max_signals, largest.busy_signals) == (1_000_000, 1_000_000)
    assert (largest.worst_block, largest.margin) == (Decimal("999999999999.999999999999"), Decimal("1e-12"))
    assert largest.reason == "x" * 2000


def test_the_least_that_may_be() -> None:
    least = plan(
        block_days=1, max_hold_days=0, horizon_blocks=1, max_signals=1, busy_signals=1, worst_block="0.000000000001"
    )

    assert (least.block_days, least.max_hold_days, least.horizon_blocks) == (1, 0, 1)
    assert (least.max_signals, least.busy_signals, least.reason) == (1, 1, "")
    # Twice the longest hold is enough, and an empty member of a form is none.
    assert plan(block_days=6, max_signals="", busy_signals="", starts_at="") == plan(block_days="6")


def test_the_bet_and_the_blocks_of_a_plan_are_what_it_says() -> None:
    written = plan(margin="0.2", max_signals=20)

    assert written.wager == Wager(5.5, 0.2, 0.05, 60)
    assert written.cut(date(2026, 3, 16)) == Cut(date(2026, 3, 16), 7, "R", 20)
    assert plan(clock="EVENT", starts_at="2026-03-16T12:00:00Z").document() == {
        "name": "spring-2.1", "note": "B is better.", "clock": "EVENT", "starts_at": "2026-03-16T12:00:00.000000Z",
        "metric": "R", "estimand": "SYNCHRONISED", "prices": "NEUTRAL", "block_days": 7, "max_hold_days": 3,
        "worst_block": "5.50", "margin": "0.00", "alpha": "0.05", "horizon_blocks": 60, "max_signals": None,
        "busy_signals": None, "reason": "", "slices": [],
    }  # fmt: skip


def test_without_history_a_busy_block_of_one_r_each_is_the_least_promise() -> None:
    assert least_worst_block(plan(busy_signals=9), History(), EVEN) == 3
    assert least_worst_block(plan(busy_signals=9), History(), Decimal(90)) == 15  # a weight of 5
    assert least_worst_block(plan(busy_signals=9), History(), Decimal(10)) == 15
    assert least_worst_block(plan(busy_signals=9), History(), None) == 3
    assert least_worst_block(plan(), History(), EVEN) is None
    # No more decimals than an amount may have.
    assert least_worst_block(plan(busy_signals=2), History(), EVEN) == Decimal("1.414213562373")


def test_sixty_earlier_blocks_count_and_fifty_nine_do_not() -> None:
    history = History.of([(-1.0, 0.5), (2.0, 2.5)] * 30, [4] * 57 + [100] * 3, Decimal(300))

    assert (history.blocks, history.largest, history.busy_signals) == (60, Decimal("2.5"), 4)
    assert least_worst_block(plan(busy_signals=900), history, EVEN) == Decimal("7.5")
    few = History.of([(2.0, 2.5)] * 59, [4] * 59, Decimal(300))
    assert least_worst_block(plan(busy_signals=9), few, EVEN) == 3


def test_in_currency_one_r_is_the_largest_risk_there_was() -> None:
    history = History.of([(0.0, 1.0)] * 60, [4] * 60, Decimal(300))

    assert least_worst_block(plan(metric="CURRENCY"), history, EVEN) == 600
    assert least_worst_block(plan(metric="CURRENCY", busy_signals=4), History(), EVEN) is None


NOTHING_TELLS = (
    "Nothing tells how bad a block can be: give busy_signals, how many a busy block has, "
    "or the reason for this worst_block."
)
NO_RISK = "Nothing tells how bad a block can be: give the reason for this worst_block."
TOO_SMALL = "worst_block is less than 3.00, which limits and history ask for; give the reason."


@pytest.mark.parametrize(
    "changes",
    [
        {"worst_block": "3", "busy_signals": 9},
        {"worst_block": "2.9", "busy_signals": 9, "reason": "Limits."},
        {"reason": "Limits."},
    ],
)
def test_a_promise_that_is_large_enough_or_has_its_reason_is_taken(changes: dict[str, Any]) -> None:
    demand_reason(plan(**changes), History(), EVEN)


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"worst_block": "2.9", "busy_signals": 9}, TOO_SMALL),
        ({}, NOTHING_TELLS),
        ({"metric": "CURRENCY", "busy_signals": 9}, NO_RISK),
    ],
)
def test_a_smaller_promise_needs_a_reason(changes: dict[str, Any], detail: str) -> None:
    with pytest.raises(DomainError) as raised:
        demand_reason(plan(**changes), History(), EVEN)

    assert (raised.value.code, raised.value.pointer) == ("worst_block_too_small", "/worst_block")
    assert raised.value.detail == detail


def test_a_promise_is_held_against_the_history_and_the_split_that_are_given() -> None:
    history = History.of([(0.0, 2.5)] * 60, [4] * 60, Decimal(300))

    with pytest.raises(DomainError, match=r"less than 7\.50"):
        demand_reason(plan(busy_signals=9), history, EVEN)
    with pytest.raises(DomainError, match=r"less than 15\.00"):
        demand_reason(plan(busy_signals=9), History(), Decimal(90))


def test_without_earlier_blocks_a_history_says_nothing_but_the_risk() -> None:
    assert History.of([], [], Decimal(300)) == History(0, None, None, Decimal(300))
    # Of either end the further from 0, and the 95th percentile of the signals.
    assert History.of([(-3.25, 0.5), (1.0, 2.0)], [7, 2], Decimal(0)) == History(2, Decimal("3.25"), 7, Decimal(0))


def decided(**changes: Any) -> Decided:
    split: dict[str, Any] = {
        "configured_mode": "SPLIT_CAPITAL", "execution_mode": "SPLIT_CAPITAL", "reason": "SPLIT", "variant": "A",
        "split_percentage": Decimal(80), "both_available": True,
    }  # fmt: skip
    return Decided(**(split | changes))


@pytest.mark.parametrize(
    ("changes", "weight"),
    [
        ({}, 0.625),
        ({"variant": "B"}, 2.5),
        ({"split_percentage": Decimal(10)}, 5.0),
        ({"split_percentage": Decimal(90), "variant": "B"}, 5.0),
        ({"split_percentage": Decimal("9.99")}, None),
        ({"split_percentage": Decimal("90.01")}, None),
        ({"both_available": False}, None),
        ({"configured_mode": "AUTO", "execution_mode": "ENGINE_A_PRIMARY", "reason": "PAPER_DEFAULT"}, None),
        ({"configured_mode": "SHADOW_ONLY", "execution_mode": "SHADOW_ONLY", "reason": "CONFIGURED"}, None),
    ],
)
def test_a_signal_takes_part_where_chance_alone_says_who_is_real(changes: dict[str, Any], weight: float | None) -> None:
    found = weight_of(decided(**changes), SYNCHRONISED)

    assert found == (None if weight is None else pytest.approx(weight))


def test_by_own_exits_two_shadows_are_compared_where_the_policy_says_so_and_not_where_something_failed() -> None:
    shadows = {"configured_mode": "SHADOW_ONLY", "execution_mode": "SHADOW_ONLY", "both_available": False}

    assert weight_of(decided(**shadows, reason="CONFIGURED"), OWN_EXIT) == 1
    assert weight_of(decided(**shadows, reason="HALTED"), OWN_EXIT) is None
    assert weight_of(decided(execution_mode="SHADOW_ONLY", reason="ENGINE_A_UNAVAILABLE"), OWN_EXIT) is None


@pytest.mark.parametrize("reason", ["HALTED", "GUARDRAIL", "ENGINE_A_UNAVAILABLE", "ENGINE_B_UNAVAILABLE"])
def test_what_a_halt_or_an_absence_left_out_has_arrived_all_the_same(reason: str) -> None:
    left_out = {"execution_mode": "SHADOW_ONLY", "reason": reason, "both_available": False}

    assert decided(**left_out).is_comparable(SYNCHRONISED)
    assert not decided(**left_out, split_percentage=Decimal(95)).is_comparable(SYNCHRONISED)
    assert not decided(**left_out | {"configured_mode": "SHADOW_ONLY"}).is_comparable(SYNCHRONISED)
    assert decided(**left_out | {"configured_mode": "SHADOW_ONLY"}).is_comparable(OWN_EXIT)


@pytest.mark.parametrize(
    ("halt", "expected"),
    [
        ((NOON - timedelta(minutes=2), NOON - timedelta(minutes=1)), False),
        ((NOON - timedelta(minutes=2), NOON), True),
        ((NOON + timedelta(minutes=1), NOON + timedelta(minutes=2)), True),
        ((NOON + timedelta(minutes=5), None), True),
        ((NOON + timedelta(minutes=6), None), False),
        ((NOON - timedelta(days=1), None), True),
    ],
)
def test_a_halt_counts_while_it_can_stop_anything(halt: tuple[datetime, datetime | None], expected: bool) -> None:
    assert was_halted(NOON, NOON + timedelta(minutes=5), [halt]) is expected


@pytest.mark.parametrize(
    ("last_day", "ends"),
    [
        (date(2026, 3, 6), datetime(2026, 3, 7, 5, tzinfo=UTC)),
        (date(2026, 3, 8), datetime(2026, 3, 9, 4, tzinfo=UTC)),  # summer time has begun
    ],
)
def test_a_block_ends_at_midnight_in_new_york(last_day: date, ends: datetime) -> None:
    found = block_ends_at(last_day)

    assert (found, found.tzinfo) == (ends, ZoneInfo("UTC"))
