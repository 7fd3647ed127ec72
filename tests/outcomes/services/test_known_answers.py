"""The known answers to the cent, and the fee schedule that both sides pay in the comparison."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from outcomes.models import RealOutcome, ShadowOutcome, TradeFill
from outcomes.services import settle_due
from tests.factories import api_client
from tests.outcomes.desk import (
    C70,
    C72_5_JULY,
    Desk,
    leg,
    let_time_pass,
    make_desk,
    neutral_quote,
    plan,
    quote,
    violations,
)

pytestmark = pytest.mark.django_db

# Contracts of 5 June 2014, entered at the ask and left at the bid.
KNOWN = [
    (C72_5_JULY, "0.98", "1.31", "33.00"),
    ("TWX   140621C00072500", "0.42", "0.61", "19.00"),
    ("TWX   141018P00065000", "1.63", "1.71", "8.00"),
    ("TWX   150117C00067500", "4.70", "5.00", "30.00"),
]


def shadow_of(contract: str, entry: str, bid: str, **policy: Any) -> Desk:
    """A pair in which B holds the contract and the real exit's conditions quote it."""
    desk = make_desk(plan_b=plan(leg(contract)), policy=policy)
    real_id, _ = desk.open_real(), desk.open_shadow(legs=[leg(contract, entry_price=entry)])
    answer = desk.a.close(real_id, market_conditions={"quotes": {contract: quote(bid, "9.99")}})
    assert answer.status == 200, answer.body
    return desk


@pytest.mark.parametrize(("contract", "entry", "bid", "pnl"), KNOWN)
def test_without_fees_a_shadow_in_another_contract_has_its_own_result(
    contract: str, entry: str, bid: str, pnl: str
) -> None:
    shadow_of(contract, entry, bid)

    assert RealOutcome.objects.get().pnl == Decimal("60.00")
    assert ShadowOutcome.objects.get().pnl == Decimal(pnl)
    assert ShadowOutcome.objects.get().price_provenance == "SAME_SNAPSHOT_QUOTE"
    assert violations() == set()


@pytest.mark.parametrize(("contract", "entry", "bid", "pnl"), KNOWN)
def test_with_the_schedule_each_is_less_by_it_on_both_sides_alike(
    contract: str, entry: str, bid: str, pnl: str
) -> None:
    shadow_of(contract, entry, bid, fee_per_contract="0.65")

    real, shadow = RealOutcome.objects.get(), ShadowOutcome.objects.get()
    # The real trade reported no fees: its own figures have none, the comparison charges what the shadow pays.
    assert (real.pnl, real.fees, real.compared_pnl) == (Decimal(60), Decimal(0), Decimal("58.70"))
    assert shadow.pnl == shadow.compared_pnl == Decimal(pnl) - Decimal("1.30")
    assert real.scheduled_fees == shadow.scheduled_fees == shadow.fees == Decimal("1.30")


def test_the_same_contract_on_both_sides_has_the_same_result() -> None:
    desk = make_desk(plan_b=plan(leg()), policy={"fee_per_contract": "0.65"})
    bought = {"legs": [leg(entry_price="1.00")]}
    real_id, _ = desk.open_real(fees="0.65", **bought), desk.open_shadow(**bought)

    desk.a.close(real_id, exit_price="1.10", fees="0.65", market_conditions={"quotes": {C70: quote("1.10", "1.12")}})

    assert RealOutcome.objects.get().compared_pnl == ShadowOutcome.objects.get().compared_pnl == Decimal("8.70")
    assert RealOutcome.objects.get().pnl == Decimal("8.70")


@pytest.mark.parametrize("how", ["snapshot", "neutral", "own", "settlement"])
def test_a_shadow_pays_the_schedule_however_it_is_priced(how: str) -> None:
    desk = make_desk(policy={"fee_per_contract": "0.65", "fee_per_order": "1.00"})
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    if how == "neutral":
        neutral_quote(C72_5_JULY, "1.31", "1.37")
    if how == "settlement":
        ended = {"kind": "EXPIRED", "price": "0", "settled_at": "2014-07-19T20:00:00Z"}
        legs = [{"instrument": C72_5_JULY, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "0"}]
        body = {"fill_ref": "end", "time": ended["settled_at"], "legs": legs, "fees": "7"}
        desk.b.post(f"trades/{shadow_id}/fills", body | {"market_conditions": {"settlements": {C72_5_JULY: ended}}})
    desk.a.close(real_id, market_conditions={"quotes": {C72_5_JULY: quote()} if how == "snapshot" else {}})
    if how == "own":
        desk.b.report(desk.b.pending()[0]["id"], quotes={C72_5_JULY: quote()}, fees="7")

    fees = [row.fees for row in TradeFill.objects.filter(engine="B").order_by("number")]
    assert fees == [Decimal("1.65"), Decimal("1.65")]
    assert ShadowOutcome.objects.get().pnl == (Decimal(-98) if how == "settlement" else Decimal(33)) - Decimal("3.30")


def test_the_schedule_counts_option_contracts_with_their_ratio_and_one_order_for_each_fill() -> None:
    legs = [leg(C72_5_JULY, entry_price="0.98", ratio=2), leg("TWX", "SHORT", "70.00")]
    desk = make_desk(plan_b=plan(*legs, quantity="3"), policy={"fee_per_contract": "0.65", "fee_per_order": "1.00"})

    answer = desk.b.open(desk.experiment, "SHADOW", legs=legs, quantity="3", entry_price="-68.04", fees="99")

    # 2 x 3 option contracts and one order; the shares cost nothing each.
    assert (answer.status, answer.body["fills"][0]["fees"]) == (201, "4.90")


def test_the_fees_of_a_shadows_entry_and_exit_add_up_to_those_of_its_outcome() -> None:
    desk = shadow_of(*KNOWN[0][:3], fee_per_contract="0.65", fee_per_order="1.00")
    shadow = desk.b.get("trades").body["trades"][0]
    analyst = api_client("analyst").get(f"/api/v1/experiments/{desk.experiment.pk}").json()["engines"]["B"]

    assert (shadow["entry_fees"], shadow["exit_fees"], shadow["outcome"]["fees"]) == ("1.65", "1.65", "3.30")
    assert (analyst["trade"]["entry_fees"], analyst["trade"]["exit_fees"]) == ("1.65", "1.65")


def test_a_later_schedule_does_not_change_what_an_older_experiment_pays() -> None:
    desk = make_desk(policy={"fee_per_contract": "0.65"})
    make_desk(policy={"fee_per_contract": "2.00"})

    desk.open_shadow()

    assert TradeFill.objects.get().fees == Decimal("0.65")


def test_a_real_trade_keeps_the_fees_it_reports_with_rebates() -> None:
    desk = make_desk(policy={"fee_per_contract": "0.65"})

    answer = desk.a.close(desk.open_real(fees="-0.17"), fees="0.05")

    outcome = RealOutcome.objects.get()
    assert (answer.body["pnl"], outcome.fees, outcome.compared_pnl) == ("60.12", Decimal("-0.12"), Decimal("58.70"))


def test_a_pair_is_priced_by_the_neutral_feed_on_the_workers_next_tick() -> None:
    desk = make_desk()
    real_id, _ = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id)
    assert settle_due() == 0
    neutral_quote(C72_5_JULY, "1.31", "1.37")

    let_time_pass(seconds=1)
    settle_due()

    assert ShadowOutcome.objects.get().pnl == Decimal(33)
