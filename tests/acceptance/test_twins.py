"""Two engines with the same code must come out equal, whatever the market, the broker, the policy and luck do to them.

Every pair's difference is 0 within 1e-7 R; or one side is named missing, broken, overtaken, silent or not filled. Which
of the two it is, each test says: a referee that called every pair missing would be no use.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from outcomes import services
from outcomes.core.evaluation import OWN_EXIT, SYNCHRONISED
from outcomes.models import ExitDirective, ShadowTrade, Violation
from tests.acceptance.twin_steps import Step, leave, leave_for_real, part, roll, settle
from tests.acceptance.twin_table import Table, dress, make_table, standings
from tests.acceptance.twins import CALL, SPREAD, Leg
from tests.factories import api_client, make_policy
from tests.outcomes.desk import let_time_pass

pytestmark = pytest.mark.django_db(transaction=True)

FREE = {"fee_per_contract": "0", "fee_per_order": "0"}
CHARGED = {"fee_per_contract": "0.65", "fee_per_order": "1.00"}
LEAVING: dict[str, tuple[Sequence[Leg], list[Step]]] = {
    "at once": (CALL, [leave]),
    "a spread at once": (SPREAD, [leave]),
    "in parts": (CALL, [part(1, 3), leave]),
    "a spread in parts": (SPREAD, [part(1, 3), leave]),
    "rolled": (CALL, [roll, leave_for_real]),
    "worthless": (CALL, [settle("98.50", "EXPIRED")]),
    "a spread, worthless": (SPREAD, [settle("98.50", "EXPIRED")]),
    "settled in cash": (CALL, [settle("103.01", "CASH_SETTLED")]),
}


FEED, NO_FEED = {"feeder": True}, {"feeder": False}
SURROUNDINGS = {
    "neutral feed": FEED,
    "no feed": NO_FEED,
    "replayed feed": FEED | {"replayed": True},
    "replayed without a feed": NO_FEED | {"replayed": True},
}
by_feed = pytest.mark.parametrize("table", SURROUNDINGS.values(), ids=SURROUNDINGS, indirect=True)
without_a_feed = pytest.mark.parametrize("table", [NO_FEED], ids=["no feed"], indirect=True)


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Table:
    """A table with a neutral feed, unless the test asks for another."""
    return make_table(**getattr(request, "param", FEED))


@by_feed
@pytest.mark.parametrize("leaving", LEAVING)
def test_twins_are_equal_under_a_split_of_70_to_30(table: Table, leaving: str) -> None:
    legs, steps = LEAVING[leaving]
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="70", **CHARGED)
    dress(table, legs)
    number = table.signal({"A", "B"})

    table.enter()
    table.leave(steps)

    assert standings() == ["VALUED VALUED"] * number
    assert not Violation.objects.exists()


@without_a_feed
@pytest.mark.parametrize("leaving", LEAVING)
def test_twins_are_equal_when_the_real_exit_quotes_the_shadow(table: Table, leaving: str) -> None:
    legs, steps = LEAVING[leaving]
    make_policy(configured_mode="ENGINE_A_PRIMARY", **CHARGED)
    dress(table, legs, quotes_the_other=True)
    table.signal({"A"})

    table.enter()
    table.leave(steps)

    assert standings() == ["VALUED VALUED"]
    assert not ExitDirective.objects.exclude(request_hash="").exists()  # nobody had to ask the shadow's engine


@pytest.mark.parametrize("fees", [FREE, CHARGED], ids=["free", "charged"])
@pytest.mark.parametrize("executed", ["A", "B"])
def test_an_engine_that_always_trades_for_real_is_its_twins_equal(
    table: Table, executed: str, fees: dict[str, str]
) -> None:
    make_policy(configured_mode=f"ENGINE_{executed}_PRIMARY", **fees)
    dress(table, CALL)
    table.signal({executed})

    table.enter()
    table.leave([part(1, 3), leave])

    assert standings() == ["VALUED VALUED"]


@pytest.mark.parametrize("executed", ["A", "B"])
@pytest.mark.parametrize("leaving", LEAVING)
def test_twins_of_size_1_and_10_have_the_same_return_on_risk(table: Table, leaving: str, executed: str) -> None:
    legs, steps = LEAVING[leaving]
    make_policy(configured_mode=f"ENGINE_{executed}_PRIMARY", fee_per_contract="0.65", fee_per_order="0")
    dress(table, legs, "1")
    table.b.quantity = Decimal(10)
    table.signal({executed})

    table.enter()
    table.leave(steps)

    assert standings() == ["VALUED VALUED"]


@by_feed
@pytest.mark.parametrize(
    "building", [{"leg_by_leg": True}, {"first_fill": Decimal("0.5")}], ids=["leg by leg", "in two fills"]
)
def test_a_real_position_that_is_built_up_is_its_twins_equal(table: Table, building: dict[str, Any]) -> None:
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="50", fee_per_contract="0.65", fee_per_order="0")
    dress(table, SPREAD, "4", **building)
    number = table.signal({"A", "B"})

    table.enter()
    table.leave([part(1, 2), leave])

    assert standings() == ["VALUED VALUED"] * number
    assert not Violation.objects.exists()


@by_feed
@pytest.mark.parametrize("leaving", ["a spread at once", "a spread, worthless", "settled in cash"])
def test_twins_of_whom_nobody_trades_for_real_are_equal_by_their_own_exits(table: Table, leaving: str) -> None:
    legs, steps = LEAVING[leaving]
    make_policy(configured_mode="SHADOW_ONLY", **CHARGED)
    dress(table, legs)
    table.signal({None})

    table.enter()
    table.leave(steps)
    table.wait_for_own_exits()

    assert standings(SYNCHRONISED) == standings(OWN_EXIT) == ["VALUED VALUED"]
    assert all("UNPAIRED" in trade.flags for trade in ShadowTrade.objects.all())


@by_feed
def test_a_shadows_own_exit_is_worth_what_its_twins_real_one_is(table: Table) -> None:
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="50", **CHARGED)
    dress(table, CALL)
    number = table.signal({"A", "B"})

    table.enter()
    table.leave([leave])
    table.wait_for_own_exits()

    assert standings(OWN_EXIT) == ["VALUED VALUED"] * number


@by_feed
@pytest.mark.parametrize("slow", ["A", "B"])
@pytest.mark.parametrize("executed", ["A", "B"])
def test_a_slow_twin_is_equal_while_the_quotes_stand(table: Table, executed: str, slow: str) -> None:
    make_policy(configured_mode=f"ENGINE_{executed}_PRIMARY", **CHARGED)
    dress(table, CALL)
    table.signal({executed})
    engines = [table.a, table.b] if slow == "B" else [table.b, table.a]

    table.enter(engines[0])
    time.sleep(1.5)
    table.enter(engines[1])
    table.leave([part(1, 3), leave])

    assert standings() == ["VALUED VALUED"]


@by_feed
def test_a_shadow_that_comes_after_the_real_exit_is_overtaken(table: Table) -> None:
    make_policy(configured_mode="ENGINE_A_PRIMARY", **CHARGED)
    dress(table, CALL)
    table.signal({"A"})

    table.enter(table.a)
    table.leave([leave])
    table.enter(table.b)

    assert standings() == ["VALUED OVERTAKEN"]


@pytest.mark.parametrize("call", [1, 2, 3, 4, 5, 6])  # claim, recommendation, permit, opening, first exit, exit
@pytest.mark.parametrize("crashes", ["A", "B"])
@pytest.mark.parametrize("executed", ["A", "B"])
def test_a_twin_that_crashes_at_a_call_and_comes_back_is_equal(
    table: Table, executed: str, crashes: str, call: int
) -> None:
    make_policy(configured_mode=f"ENGINE_{executed}_PRIMARY", **CHARGED)
    dress(table, CALL)
    (table.a if crashes == "A" else table.b).crash_at = call
    table.signal({executed})

    table.enter()
    table.leave([part(1, 3), leave])

    assert standings() == ["VALUED VALUED"]


@without_a_feed
@pytest.mark.parametrize(
    ("crashes", "call", "expected"),
    [
        ("A", 1, "NO_ANSWER VALUED"),
        ("A", 2, "NOT_FILLED VALUED"),
        ("A", 3, "NOT_FILLED VALUED"),
        ("A", 4, "MISSING MISSING"),  # both are open for ever
        ("A", 5, "VALUED VALUED"),
        ("B", 1, "VALUED NO_ANSWER"),
        ("B", 2, "VALUED MISSING"),  # never opened
        ("B", 3, "VALUED MISSING"),  # nobody quotes its exit
        ("B", 4, "VALUED MISSING"),
    ],
)
def test_a_twin_that_dies_is_named(table: Table, crashes: str, call: int, expected: str) -> None:
    make_policy(configured_mode="ENGINE_A_PRIMARY", **CHARGED)
    dress(table, CALL)
    dying = table.a if crashes == "A" else table.b
    dying.crash_at, dying.restarts = call, False
    table.signal({"A"})

    table.enter()
    table.leave([leave])
    let_time_pass(seconds=4000)
    services.settle_due()

    assert standings() == [expected]


def test_110_pairs_of_twins_show_no_difference(table: Table) -> None:
    # The twins report one pair after the other: on a busy machine that takes longer than a report may.
    make_policy(configured_mode="ENGINE_A_PRIMARY", fee_per_contract="0.65", report_delay_seconds=900)
    dress(table, CALL)
    table.signal({"A"}, at_least=110)

    table.enter()
    table.leave([leave])

    pairs = api_client("analyst").get("/api/v1/performance").json()["pairs"]
    assert (pairs["n"], pairs["mean_difference"]) == (110, "0.00")
    assert standings() == ["VALUED VALUED"] * 110
