"""Two engines with the same code under an evaluation: overlapping trades, fees, unequal sizes, and no winner."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from kernel.actors import Actor
from kernel.values import format_timestamp
from outcomes import services
from outcomes.core.evaluation import EvaluationPlan, read_plan
from outcomes.evaluations import judging, lifecycle
from outcomes.evaluations.documents import evaluation_document
from outcomes.evaluations.verification import verify
from tests.acceptance.twin_steps import leave
from tests.acceptance.twin_table import Table, dress, make_table
from tests.acceptance.twins import LATER, MIDNIGHT
from tests.factories import make_policy
from tests.outcomes.desk import let_time_pass

pytestmark = pytest.mark.django_db(transaction=True)
# Of the past, as a replay is; the contract of the twins is listed by then.
FIRST_DAY = MIDNIGHT - timedelta(days=10)
ANN, BOB = Actor("ann"), Actor("bob")


def plan() -> EvaluationPlan:
    """Blocks of two days, in which trades may be held overnight."""
    return read_plan(
        {
            "name": "twins",
            "note": "They are the same.",
            "clock": "EVENT",
            "starts_at": format_timestamp(FIRST_DAY),
            "metric": "R",
            "estimand": "SYNCHRONISED",
            "prices": "NEUTRAL",
            "block_days": 2,
            "max_hold_days": 1,
            "worst_block": "9",
            "margin": "0.1",
            "horizon_blocks": 100,
            "busy_signals": 4,
        }
    )


def trade_a_block(table: Table) -> None:
    """A signal or more on each of two days; those of the first day are still held when the second's are entered."""
    for _ in range(2):
        table.market.moment += timedelta(days=1)
        table.signal({"A", "B"})
        table.enter()
    table.leave([leave])
    let_time_pass(seconds=120)
    services.settle_due()


def test_identical_engines_get_no_winner_under_an_evaluation() -> None:
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="70", fee_per_contract="0.65", fee_per_order="0")
    table = make_table(replayed=True)
    dress(table, [(LATER, "LONG")])
    table.a.quantity, table.b.quantity = Decimal(10), Decimal(1)
    evaluation = lifecycle.create_evaluation(ANN, plan())
    lifecycle.approve_evaluation(BOB, "twins", content_hash=evaluation.content_hash)
    table.market.moment = FIRST_DAY - timedelta(hours=12)
    lifecycle.start_evaluation(ANN, "twins")

    for _ in range(3):
        trade_a_block(table)
    lifecycle.finish_evaluation(ANN, "twins", reason="Enough.")
    judging.judge_due()

    found = evaluation_document(lifecycle.evaluation_named("twins"))
    assert found["verdict"] == "INCONCLUSIVE"
    assert [abs(float(block["x_low"])) + abs(float(block["x_high"])) < 1e-7 for block in found["blocks"]] == [True] * 3
    assert found["counts"]["a"] == found["counts"]["b"] == {"VALUED": found["counts"]["compared"]}
    assert found["counts"]["compared"] >= 6
    assert [float(found["evidence"][side]) for side in ("a", "b")] == [pytest.approx(1), pytest.approx(1)]
    assert verify(lifecycle.evaluation_named("twins")) == []
