"""R4: the engine that does not execute shadows, and leaves as the real trade does."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from outcomes.models import ExitDirective, RealOutcome, RealTrade, ShadowOutcome, ShadowTrade, Violation
from tests.outcomes.desk import C72_5_JULY, leg, make_desk, plan, quote

pytestmark = pytest.mark.django_db

QUOTED = {"underlying": {"symbol": "TWX", "last": "71.51"}, "quotes": {C72_5_JULY: quote("1.31", "1.37")}}


@pytest.mark.parametrize(("executed", "shadows"), [("A", {"B"}), ("B", {"A"}), (None, {"A", "B"})])
def test_r4_1_the_shadow_engine_must_create_shadow_trades_and_can_create_no_others(
    executed: str | None, shadows: set[str]
) -> None:
    desk = make_desk(executed, plan_b=plan())
    engines = {"A": desk.a, "B": desk.b}

    refused = {name: engines[name].open(desk.experiment, "REAL").code for name in shadows}
    stored = {name: engines[name].open(desk.experiment, "SHADOW").status for name in shadows}
    executing = engines.keys() - shadows
    misplaced = [engines[name].open(desk.experiment, "SHADOW").code for name in executing]

    assert set(refused.values()) == {"double_execution_prevented"}
    assert set(stored.values()) == {201}
    assert set(ShadowTrade.objects.values_list("engine", flat=True)) == shadows
    assert misplaced == ["role_mismatch"] * len(executing)


def test_r4_2_the_real_exit_triggers_the_shadow_exit_with_the_same_time_and_conditions() -> None:
    desk = make_desk()
    real_id, shadow_id = desk.open_real(), desk.open_shadow()

    desk.a.close(real_id, exit_time="2014-06-05T18:00:00.123456Z", market_conditions=QUOTED)

    real, shadow, directive = RealTrade.objects.get(), ShadowTrade.objects.get(), ExitDirective.objects.get()
    assert real.exit_time == shadow.exit_time == directive.exit_time
    assert real.conditions_hash == shadow.conditions_hash == directive.conditions_hash
    assert directive.market_conditions == QUOTED
    assert desk.b.get(f"trades/{shadow_id}").body["exit_time"] == "2014-06-05T18:00:00.123456Z"


def test_r4_2_a_shadow_that_the_conditions_do_not_quote_is_priced_by_its_engine_as_of_the_same_time() -> None:
    desk = make_desk()
    real_id, _ = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id)

    [pending] = desk.b.pending()
    too_late = desk.b.report(pending["id"], quotes={C72_5_JULY: quote(quote_time="2014-06-05T18:00:00.000001Z")})
    in_time = desk.b.report(pending["id"], quotes={C72_5_JULY: quote()})

    assert (too_late.code, in_time.status) == ("lookahead", 200)
    assert RealTrade.objects.get().exit_time == ShadowTrade.objects.get().exit_time


@pytest.mark.parametrize(
    ("entry", "bid", "ask", "pnl"),
    [
        ("0.98", "1.31", "1.37", "33.00"),
        ("0.42", "0.61", "0.64", "19.00"),
        ("1.63", "1.71", "1.89", "8.00"),
        ("4.70", "5.00", "5.15", "30.00"),
    ],
)
def test_r4_2_the_shadow_is_worth_its_own_contract_never_the_real_ones(
    entry: str, bid: str, ask: str, pnl: str
) -> None:
    desk = make_desk()
    real_id = desk.open_real()
    shadow_id = desk.open_shadow(legs=[leg(C72_5_JULY, entry_price=entry)])

    real = desk.a.close(real_id, market_conditions={"quotes": {C72_5_JULY: quote(bid, ask)}})

    assert real.body["pnl"] == "60.00"
    assert desk.b.get(f"trades/{shadow_id}").body["pnl"] == pnl


def test_r4_3_shadow_outcomes_are_tracked_apart_from_real_ones() -> None:
    desk = make_desk()
    real_id, _ = desk.open_real(), desk.open_shadow()

    desk.a.close(real_id, market_conditions=QUOTED)

    assert (RealOutcome.objects.get().engine, RealOutcome.objects.get().pnl) == ("A", Decimal(60))
    assert (ShadowOutcome.objects.get().engine, ShadowOutcome.objects.get().pnl) == ("B", Decimal(33))


def test_r4_4_a_shadow_trade_is_linked_to_its_experiment_by_the_database() -> None:
    desk = make_desk()

    desk.open_shadow()

    assert ShadowTrade.objects.get().experiment_id == desk.experiment.pk
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE shadow_trades SET experiment_id = gen_random_uuid()")


def test_r4_5_a_pair_that_enters_and_leaves_alike_is_valid() -> None:
    desk = make_desk()
    real_id, _ = desk.open_real(), desk.open_shadow()

    desk.a.close(real_id, market_conditions=QUOTED)

    assert not Violation.objects.exists()


def test_r4_5_a_trade_by_other_rules_or_in_another_contract_is_a_named_violation() -> None:
    desk = make_desk(recommended=False)
    desk.a.recommend(desk.experiment, plan=plan(leg(C72_5_JULY)))
    desk.b.recommend(desk.experiment, plan=plan(leg(C72_5_JULY)), rules_hash="b" * 64)
    real_id, _ = desk.open_real(), desk.open_shadow()

    desk.a.close(real_id, market_conditions=QUOTED)

    found = Violation.objects.filter(experiment=desk.experiment)
    assert set(found.values_list("engine", "name")) == {("A", "PLAN_DIFFERS"), ("B", "RULES_HASH_DIFFERS")}
