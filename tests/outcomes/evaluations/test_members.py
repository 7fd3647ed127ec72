"""Which signals take part, what is missing in them, and what later facts do to a judged block."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from experiments.models import Experiment
from kernel.actors import Actor
from outcomes import services
from outcomes.evaluations import judging, lifecycle
from outcomes.evaluations.documents import evaluation_document
from outcomes.evaluations.verification import verify
from outcomes.models import EvaluationMark, EvaluationRun, Violation
from outcomes.services.amendments import accept_amendment
from outcomes.services.case import database_time
from policies.services import engage_halt, release_halt
from tests.database import execute
from tests.outcomes.desk import C70, C72_5_JULY, last_amendment, leg, let_time_pass, now, plan, quote
from tests.outcomes.evaluations.hall import Hall, blocks, make_phase, started

pytestmark = pytest.mark.django_db
OPERATOR = Actor("operator")


@pytest.fixture
def hall() -> Hall:
    make_phase()
    return Hall()


def document() -> dict[str, Any]:
    return evaluation_document(lifecycle.evaluation_named("spring"))


def test_a_signal_that_a_halt_could_have_stopped_is_not_compared(hall: Hall) -> None:
    started()
    halted = hall.signal()
    engage_halt(OPERATOR, reason="A test.")
    release_halt(OPERATOR, reason="A test.")
    hall.leave(halted, hall.enter(halted), a="2.78", b="0.98")
    hall.play(a="2.78")
    hall.play(day=1)

    judging.judge_due()

    (block,) = blocks()
    assert (block.n, block.arrived, block.counts["not_compared"]) == (1, 2, 1)
    # Divided by the root of both: whoever halts must not choose what the other weighs.
    assert [block.x_low, block.m] == pytest.approx([1 / 2**0.5, 1 / 2**0.5])
    assert document()["blocks"][0]["arrived"] == 2
    assert document()["counts"]["NOT_COMPARED"] == 1


def test_a_halt_after_the_first_real_fill_stops_nothing_any_more(hall: Hall) -> None:
    started()
    experiment = hall.signal()
    trades = hall.enter(experiment)
    engage_halt(OPERATOR, reason="A test.")
    hall.leave(experiment, trades, a="2.78", b="0.98")
    release_halt(OPERATOR, reason="A test.")
    hall.play(day=1)

    judging.judge_due()

    assert [(block.n, block.x_low) for block in blocks()] == [(1, 1.0)]


def test_a_signal_of_a_judged_block_takes_no_part(hall: Hall) -> None:
    started()
    for day in (0, 1, 2):
        hall.play(day)
    judging.judge_due()

    hall.play(0, a="2.78")
    judging.judge_due()

    assert [block.n for block in blocks()] == [1, 1]
    assert document()["counts"]["LATE_FOR_BLOCK"] == 1


def test_beyond_the_most_signals_of_a_block_the_first_by_arrival_count(hall: Hall) -> None:
    started(max_signals=2)
    hall.play()
    engage_halt(OPERATOR, reason="A test.")
    hall.signal()
    release_halt(OPERATOR, reason="A test.")
    for day in (0, 1):
        hall.play(day)

    judging.judge_due()

    # The halt lets no later signal in.
    assert [(block.n, block.arrived) for block in blocks()] == [(1, 2)]
    counts = document()["counts"]
    assert (counts["NOT_COMPARED"], counts["OVER_MAX_SIGNALS"]) == (1, 1)
    assert verify(lifecycle.evaluation_named("spring")) == []


def test_under_a_policy_that_always_trades_a_for_real_nothing_can_be_told_apart(hall: Hall) -> None:
    make_phase(configured_mode="ENGINE_A_PRIMARY")
    started()
    for day in (0, 1):
        hall.play(day)

    lifecycle.finish_evaluation(OPERATOR, "spring", reason="Enough.")
    judging.judge_due()

    found = document()
    assert (found["verdict"], found["flags"]) == ("NOT_SEPARABLE", ["NO_HISTORY", "NOT_SEPARABLE"])
    assert "A was always real" in found["sentence"]
    assert found["counts"]["NOT_COMPARED"] == 2


def test_neutral_prices_leave_what_the_engines_say_themselves_missing(hall: Hall) -> None:
    started(prices="NEUTRAL")
    for day in (0, 1):
        hall.play(day, a="2.78")

    judging.judge_due()

    (block,) = blocks()
    assert (block.missing_a, block.missing_b, block.x_low, block.x_high) == (1, 1, -2.0, 2.0)
    found = document()
    assert "MISSING_PRICES" in found["flags"]
    assert "too much has no price" in found["sentence"]


def age(days: int) -> None:
    """Move the live run and its signals into the past, by the triggers that keep them."""
    let_time_pass(seconds=days * 86400)
    execute("SET session_replication_role = replica")
    execute(f"UPDATE signals SET received_at = received_at - interval '{days} days'")
    execute(f"UPDATE execution_policy SET decided_at = decided_at - interval '{days} days'")
    execute(
        f"UPDATE evaluation_runs SET started_at = started_at - interval '{days} days',"
        f" begins_at = begins_at - interval '{days} days', starts_on = starts_on - {days}"
    )
    execute("SET session_replication_role = DEFAULT")


def live_signal(hall: Hall) -> Any:
    return hall.signal(replayed=False, timeframe="5m", timestamp=datetime.now(UTC))


def test_a_live_block_is_over_at_midnight_in_new_york_and_silence_counts_as_nothing(hall: Hall) -> None:
    started(clock="WALL", starts_at=None)
    live_signal(hall)
    let_time_pass(seconds=700)
    assert judging.judge_due() == 0

    age(days=2)

    assert judging.judge_due() == 1
    (block,) = blocks()
    assert (block.x_low, block.x_high, block.m) == (0.0, 0.0, 1.0)
    assert block.counts["a"] == block.counts["b"] == {"NO_ANSWER": 1}


def test_what_is_open_at_the_deadline_of_its_block_is_missing(hall: Hall) -> None:
    started(clock="WALL", starts_at=None, block_days=4, max_hold_days=2)
    experiment = live_signal(hall)
    executed = experiment.decision.executed_engine
    real, shadow = (hall.a, hall.b) if executed == "A" else (hall.b, hall.a)
    assert real.recommend(experiment, plan=plan(leg("XYZ", entry_price="1.39"))).status == 201
    assert shadow.recommend(experiment, action="DECLINE").status == 201
    assert real.confirm(experiment).status == 200
    assert real.open(experiment, legs=[leg("XYZ", entry_price="1.39")], entry_time=now()).status == 201

    age(days=5)  # the block is over, and its trades have two more days and an hour
    assert judging.judge_due() == 0
    age(days=3)

    assert judging.judge_due() == 1
    (block,) = blocks()
    assert (block.x_low, block.x_high) == (-1.0, 1.0)
    assert {block.missing_a, block.missing_b} == {0, 1}
    assert block.counts["hold_exceeded"] == 0  # its entry was not moved: only our clock's stamps were


def test_an_amendment_makes_a_revision_that_is_shown_and_no_other_verdict(hall: Hall) -> None:
    run = started()
    experiment = hall.play(a="2.78", b="0.98")
    hall.play(day=1)
    judging.judge_due()
    (before,) = blocks()
    executed = experiment.decision.executed_engine
    engine = hall.a if executed == "A" else hall.b
    trade_id = engine.get(f"trades?experiment_id={experiment.pk}").body["trades"][0]["trade_id"]
    told = {"instrument": C70 if executed == "A" else "TWX   140719C00072500", "effect": "CLOSE", "side": "LONG"}
    proposed = engine.post(
        f"trades/{trade_id}/amendments",
        {
            "kind": "CORRECT",
            "of": "exit",
            "values": {"legs": [told | {"quantity": "1", "price": "2.00"}]},
            "reason": "The broker corrected the price.",
            "evidence": "Notice 4711",
        },
    )
    assert proposed.status == 201, proposed.body
    accept_amendment(OPERATOR, last_amendment(), reason="Checked.")

    assert judging.judge_due() == 1
    assert judging.judge_due() == 0

    first, second = blocks()
    assert (first.pk, first.x_low, second.revision, second.judgement) == (before.pk, before.x_low, 2, None)
    assert second.x_low != first.x_low
    found = document()
    assert [block["revisions"][0]["revision"] for block in found["blocks"]] == [2]
    assert found["evidence"]["a"] == first.judgement["e_a"]
    assert verify(EvaluationRun.objects.get(pk=run.pk).evaluation) == []


def test_a_slice_is_judged_by_its_own_signals_and_shown_beside_the_whole(hall: Hall) -> None:
    started(slices=["symbol=QQQ", "direction=SHORT"])
    for day in range(3):
        hall.play(day, a="2.78")
        hall.leave(experiment := hall.signal(day, symbol="QQQ"), hall.enter(experiment), a="1.39", b="1.96")

    judging.judge_due()

    found = document()
    qqq, short = found["beside"]["slices"]
    # On SPY A doubles its money, on QQQ B does; whoever looks at QQQ alone needs twice the evidence.
    assert (qqq["slice"], qqq["signals"], qqq["blocks"], qqq["needed"]) == ("symbol=QQQ", 2, 2, "80.0")
    assert (qqq["mean_per_signal"], found["beside"]["mean_per_signal"]) == ("-1.0", "0.0")
    assert float(qqq["e_a"]) < 1 < float(qqq["e_b"])
    assert (short["slice"], short["blocks"], short["verdict"], short["e_a"]) == ("direction=SHORT", 0, "RUNNING", "1")
    assert verify(lifecycle.evaluation_named("spring")) == []


def test_both_kinds_of_exit_are_shown_of_the_same_signals_as_soon_as_they_are_known(hall: Hall) -> None:
    started()
    for day in (0, 1):
        experiment = hall.play(day, a="2.78", b="0.98")
    judging.judge_due()
    assert document()["beside"]["exits"] == {"n": 0, "synchronised": None, "own_exits": None}
    judged = blocks()

    first = Experiment.objects.exclude(pk=experiment.pk).get()
    shadow = hall.b if first.decision.executed_engine == "A" else hall.a
    price = {"A": "1.39", "B": "1.96"}[shadow.name]
    trade_id = shadow.get(f"trades?experiment_id={first.pk}").body["trades"][0]["trade_id"]
    instrument, at = (C70 if shadow.name == "A" else C72_5_JULY), f"{first.signal.timestamp.date()}T19:00:00.000000Z"
    left = shadow.close(
        trade_id, exit_time=at, exit_price=price, market_conditions={"quotes": {instrument: quote(price, price, at)}}
    )
    assert left.status == 202, left.body
    let_time_pass(seconds=120)
    services.settle_due()
    judging.judge_due()

    # Its own exit moves what stands beside the verdict, and neither the block nor the verdict.
    assert document()["beside"]["exits"] == {"n": 1, "synchronised": "1.00", "own_exits": "0.00"}
    assert blocks() == judged


def test_a_fact_marks_the_judged_block_of_its_day_and_no_other(hall: Hall) -> None:
    started()
    experiments = [hall.play(day) for day in range(3)]
    judging.judge_due()
    assert not EvaluationMark.objects.exists()

    for experiment in experiments:
        Violation.objects.create(
            experiment=experiment, engine="A", name="LATE_ENTRY", detail="A test.", found_at=database_time()
        )

    # The third day is not judged yet, so it will be looked at anyway.
    assert sorted(EvaluationMark.objects.values_list("number", flat=True)) == [1, 2]
    assert judging.judge_due() == 2
    assert not EvaluationMark.objects.exists()
    assert [(block.number, block.revision, block.missing_a) for block in blocks()] == [
        (1, 1, 0), (1, 2, 1), (2, 1, 0), (2, 2, 1),
    ]  # fmt: skip
