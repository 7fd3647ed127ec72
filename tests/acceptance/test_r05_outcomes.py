"""R5: what every trade came to, per engine, and why it was made."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from outcomes.models import RealOutcome, ShadowOutcome
from tests.factories import api_client
from tests.outcomes.desk import C70, C72_5_JULY, Desk, leg, make_desk, plan, quote

pytestmark = pytest.mark.django_db


def finished_pair(executed: str = "A") -> Desk:
    """Return a pair in which the real trade earned 60 and the shadow 33."""
    contracts = plan(leg(C70)), plan(leg(C72_5_JULY))
    plan_a, plan_b = contracts if executed == "A" else contracts[::-1]
    desk = make_desk(executed, plan_a=plan_a, plan_b=plan_b)
    real, shadow = (desk.a, desk.b) if executed == "A" else (desk.b, desk.a)
    real_id = real.open(desk.experiment).body["trade_id"]
    legs = [leg(C72_5_JULY, entry_price="0.98")]
    assert shadow.open(desk.experiment, "SHADOW", legs=legs).status == 201
    assert real.close(real_id, market_conditions={"quotes": {C72_5_JULY: quote()}}).status == 200
    return desk


def ask(path: str) -> Any:
    response = api_client("analyst").get(f"/api/v1/{path}")
    assert response.status_code == 200, response.json()
    return response.json()


def test_r5_1_a_completed_trade_has_its_outcome_with_everything_asked_for() -> None:
    desk = finished_pair()

    outcomes = [RealOutcome.objects.get(), ShadowOutcome.objects.get()]

    assert [(o.experiment_id, o.engine, o.pnl, o.entry_price, o.exit_price, o.exit_reason) for o in outcomes] == [
        (desk.experiment.pk, "A", Decimal(60), Decimal("1.39"), Decimal("1.99"), "TAKE_PROFIT"),
        (desk.experiment.pk, "B", Decimal(33), Decimal("0.98"), Decimal("1.31"), "SYNCHRONISED"),
    ]


def test_r5_2_real_and_shadow_outcomes_have_separate_tables() -> None:
    finished_pair()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT array_agg(pnl) FROM real_outcomes), (SELECT array_agg(pnl) FROM shadow_outcomes)"
        )
        row = cursor.fetchone()

    assert row == ([Decimal(60)], [Decimal(33)])


def test_r5_3_performance_is_aggregated_by_engine() -> None:
    finished_pair("A")
    finished_pair("B")

    engines = ask("performance")["engines"]

    totals = {
        (name, kind): (engines[name][kind]["n"], Decimal(engines[name][kind]["total_pnl"]))
        for name in ("A", "B")
        for kind in ("real", "shadow")
    }
    assert totals == {
        ("A", "real"): (1, Decimal(60)),
        ("B", "real"): (1, Decimal(60)),
        ("A", "shadow"): (1, Decimal(33)),
        ("B", "shadow"): (1, Decimal(33)),
    }


def test_r5_4_win_rate_average_and_sharpe_are_given_and_undefined_is_null() -> None:
    finished_pair()

    real = ask("performance")["engines"]["A"]["real"]

    assert (Decimal(real["win_rate"]), Decimal(real["average_pnl"])) == (Decimal(1), Decimal(60))
    assert real["sharpe_per_trade"] is None
    assert real["undefined"]["sharpe_per_trade"]


def test_r5_5_it_can_be_asked_which_engine_recommended_a_trade_and_why_it_executed() -> None:
    desk = finished_pair()

    story = ask(f"experiments/{desk.experiment.pk}")

    recommended = {name: engine["recommendation"] for name, engine in story["engines"].items()}
    assert {name: (one["action"], one["role"], one["reason"]) for name, one in recommended.items()} == {
        "A": ("OPEN", "REAL", "CONFIGURED"),
        "B": ("OPEN", "SHADOW", "CONFIGURED"),
    }
    assert (story["execution_mode"], story["executed_engine"], story["reason"]) == (
        "ENGINE_A_PRIMARY", "A", "CONFIGURED",
    )  # fmt: skip
    assert story["explanation"]
