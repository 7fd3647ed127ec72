"""What an evaluation fixes, how its promise is held against limits and history, and which signals it compares."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

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

PLAN: dict[str, Any] = {
    "name": "spring-2.1", "note": " B is better. ", "clock": "WALL", "metric": "R", "estimand": "SYNCHRONISED",
    "prices": "NEUTRAL", "block_days": "7", "max_hold_days": 3, "worst_block": "5.50", "horizon_blocks": 60,
}  # fmt: skip
NOON = datetime(2026, 3, 16, 12, tzinfo=UTC)
EVEN = Decimal(50)


def plan(**changes: Any) -> EvaluationPlan:
    return read_plan(PLAN | changes)


def refused(**changes: Any) -> str:
    with pytest.raises(DomainError) as raised:
        plan(**changes)
    assert raised.value.code == "invalid_evaluation"
    return raised.value.pointer


def test_numbers_may_be_text_and_mean_the_same_however_they_are_written() -> None:
    written = plan(worst_block="5.500", margin="", starts_at="2026-03-16T08:00:00-04:00")

    same = plan(block_days=7, worst_block=5.5, margin="0.0", starts_at="2026-03-16T12:00:00Z", alpha="0.05")

    assert written == same
    assert written.content_hash() == same.content_hash() == document_hash(written.document())
    assert written.document()["worst_block"] == "5.50"
    assert (written.note, written.margin, written.starts_at) == ("B is better.", Decimal(0), NOON)


def test_the_document_of_a_plan_reads_as_the_same_plan() -> None:
    written = plan(max_signals=20, busy_signals=9, reason="The desk's limit.")

    assert read_plan(written.document()) == written


@pytest.mark.parametrize("name", [name for name in PLAN if name != "note"])
def test_each_member_is_required_by_name(name: str) -> None:
    assert refused(**{name: None}) == f"/{name}"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"wager": 1}, "/wager"),
        ({"alpha": "0.1"}, "/alpha"),
        ({"name": "a/b"}, "/name"),
        ({"name": "x" * 81}, "/name"),
        ({"clock": "SUN"}, "/clock"),
        ({"block_days": 92}, "/block_days"),
        ({"block_days": "5"}, "/block_days"),  # less than twice the longest hold
        ({"block_days": "1.5"}, "/block_days"),
        ({"worst_block": "0"}, "/worst_block"),
        ({"worst_block": "NaN"}, "/worst_block"),
        ({"worst_block": "1e-13"}, "/worst_block"),
        ({"margin": "-1"}, "/margin"),
        ({"starts_at": "2026-03-16"}, "/starts_at"),
        ({"clock": "EVENT"}, "/starts_at"),
        ({"max_signals": "0"}, "/max_signals"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, Any], pointer: str) -> None:
    assert refused(**changes) == pointer


def test_without_history_a_busy_block_of_one_r_each_is_the_least_promise() -> None:
    assert least_worst_block(plan(busy_signals=9), History(), EVEN) == 3
    assert least_worst_block(plan(busy_signals=9), History(), Decimal(90)) == 15  # a weight of 5
    assert least_worst_block(plan(busy_signals=9), History(), None) == 3
    assert least_worst_block(plan(), History(), EVEN) is None


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


@pytest.mark.parametrize(
    ("changes", "is_refused"),
    [
        ({"worst_block": "3", "busy_signals": 9}, False),
        ({"worst_block": "2.9", "busy_signals": 9}, True),
        ({"worst_block": "2.9", "busy_signals": 9, "reason": "Limits."}, False),
        ({}, True),
        ({"reason": "Limits."}, False),
    ],
)
def test_a_smaller_promise_needs_a_reason(changes: dict[str, Any], is_refused: bool) -> None:
    if not is_refused:
        demand_reason(plan(**changes), History(), EVEN)
        return
    with pytest.raises(DomainError) as raised:
        demand_reason(plan(**changes), History(), EVEN)
    assert raised.value.code == "worst_block_too_small"


def decided(**changes: Any) -> Decided:
    split: dict[str, Any] = {
        "execution_mode": "SPLIT_CAPITAL", "reason": "SPLIT", "variant": "A", "split_percentage": Decimal(80),
        "both_available": True,
    }  # fmt: skip
    return Decided(**(split | changes))


@pytest.mark.parametrize(
    ("changes", "weight"),
    [
        ({}, 0.625),
        ({"variant": "B"}, 2.5),
        ({"split_percentage": Decimal(10)}, 5.0),
        ({"split_percentage": Decimal("9.99")}, None),
        ({"split_percentage": Decimal("90.01")}, None),
        ({"both_available": False}, None),
        ({"execution_mode": "ENGINE_A_PRIMARY", "reason": "CONFIGURED"}, None),
        ({"execution_mode": "SHADOW_ONLY", "reason": "CONFIGURED"}, None),
    ],
)
def test_a_signal_takes_part_where_chance_alone_says_who_is_real(changes: dict[str, Any], weight: float | None) -> None:
    found = weight_of(decided(**changes), SYNCHRONISED)

    assert found == (None if weight is None else pytest.approx(weight))


def test_by_own_exits_two_shadows_are_compared_where_the_policy_says_so_and_not_where_something_failed() -> None:
    shadows = decided(execution_mode="SHADOW_ONLY", reason="CONFIGURED", both_available=False)

    assert weight_of(shadows, OWN_EXIT) == 1
    assert weight_of(decided(execution_mode="SHADOW_ONLY", reason="ENGINE_A_UNAVAILABLE"), OWN_EXIT) is None


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
    assert block_ends_at(last_day) == ends
