"""Where both engines stand in an experiment, read from what the API has stored."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from experiments.models import Experiment
from kernel.values import format_timestamp
from outcomes import services
from outcomes.core.evaluation import OWN_EXIT, SYNCHRONISED
from outcomes.core.values import Side
from outcomes.standings import sides_of
from tests.outcomes.desk import C72_5_JULY, Desk, let_time_pass, make_desk, quote

pytestmark = pytest.mark.django_db

# More than anybody waits by the defaults of the policy.
LONG = 4000
QUOTED = {"quotes": {C72_5_JULY: quote()}}


def sides(desk: Desk, estimand: str = SYNCHRONISED) -> tuple[Side, Side]:
    found = sides_of(Experiment.objects.get(pk=desk.experiment.pk).decision, estimand)
    return found["A"], found["B"]


def test_a_closed_pair_is_valued_by_its_fills_less_the_schedule() -> None:
    desk = make_desk(policy={"fee_per_contract": "0.65"})
    real, _ = desk.open_real(fees="-0.17"), desk.open_shadow()
    desk.a.close(real, market_conditions=QUOTED)

    a, b = sides(desk)

    assert (a.standing, a.pnl, a.risk_amount) == ("VALUED", Decimal("58.70"), Decimal(139))
    assert (b.standing, b.pnl, b.risk_amount) == ("VALUED", Decimal("31.70"), Decimal(98))
    assert a.round_trip_fees == b.round_trip_fees == Decimal("1.30")


def test_what_is_open_or_unpriced_is_missing_with_the_risk_it_took() -> None:
    desk = make_desk()
    real, _ = desk.open_real(), desk.open_shadow()
    assert [side.standing for side in sides(desk)] == ["MISSING", "MISSING"]

    desk.a.close(real)
    let_time_pass(seconds=LONG)
    services.settle_due()

    a, b = sides(desk)
    assert (a.standing, b.standing, b.pnl, b.risk_amount) == ("VALUED", "MISSING", None, Decimal(98))


def test_a_violation_makes_its_own_engine_missing_and_no_other() -> None:
    desk = make_desk()
    real, _ = desk.open_real(quantity="2"), desk.open_shadow()  # twice what was planned

    desk.a.close(real, market_conditions=QUOTED)

    assert [side.standing for side in sides(desk)] == ["MISSING", "VALUED"]


def test_a_real_trade_told_when_none_was_to_be_expected_is_missing_and_no_longer_not_filled() -> None:
    desk = make_desk()
    desk.a.confirm(desk.experiment)
    assert sides(desk)[0].standing == "NOT_FILLED"
    let_time_pass(seconds=LONG)

    desk.a.close(desk.a.open(desk.experiment).body["trade_id"])

    assert sides(desk)[0].standing == "MISSING"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"b": {"action": "DECLINE"}}, ["NO_ANSWER", "DECLINED"]),
        ({"a": {}, "b": {"action": "DECLINE"}}, ["NOT_FILLED", "DECLINED"]),
        ({"a": {}, "b": {}}, ["NOT_FILLED", "MISSING"]),
    ],
)
def test_engines_that_trade_nothing_are_named(answers: dict[str, dict[str, Any]], expected: list[str]) -> None:
    desk = make_desk(recommended=False)
    for name, changes in answers.items():
        assert getattr(desk, name).recommend(desk.experiment, **changes).status == 201

    assert [side.standing for side in sides(desk)] == expected


def test_an_answer_after_its_time_is_none() -> None:
    desk = make_desk(recommended=False)
    let_time_pass(seconds=LONG)
    desk.b.recommend(desk.experiment)

    assert sides(desk)[1].standing == "NO_ANSWER"


def test_a_live_answer_after_the_real_exit_is_overtaken() -> None:
    desk = make_desk(recommended=False, replayed=False, timestamp=datetime.now(UTC), timeframe="5m")
    desk.a.recommend(desk.experiment)
    real = desk.open_real(entry_time=format_timestamp(datetime.now(UTC)))
    desk.a.close(real, exit_time=format_timestamp(datetime.now(UTC)))

    desk.b.recommend(desk.experiment)

    assert [side.standing for side in sides(desk)] == ["VALUED", "OVERTAKEN"]


def test_a_replayed_shadow_is_overtaken_by_the_times_of_the_market_alone() -> None:
    desk = make_desk()
    real = desk.open_real()
    desk.a.close(real, market_conditions=QUOTED)
    assert sides(desk)[1].standing == "MISSING"

    desk.open_shadow()

    assert sides(desk)[1].standing == "VALUED"


def test_own_exits_are_compared_with_the_real_trades_own() -> None:
    desk = make_desk()
    real, shadow = desk.open_real(), desk.open_shadow()
    desk.a.close(real, market_conditions=QUOTED)
    assert sides(desk, OWN_EXIT)[1].standing == "MISSING"

    at = "2014-06-05T19:00:00.000000Z"
    kept = desk.b.close(
        shadow, exit_time=at, exit_price="1.50", market_conditions={"quotes": {C72_5_JULY: quote("1.50", "1.60", at)}}
    )

    assert kept.status == 202
    assert [side.pnl for side in sides(desk, OWN_EXIT)] == [60, 52]
    assert [side.pnl for side in sides(desk)] == [60, 33]
