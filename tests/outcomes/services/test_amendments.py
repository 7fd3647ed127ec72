"""Corrections and busts: proposed by an engine, decided by an operator, and added up again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kernel.actors import Actor
from kernel.errors import DomainError
from orchestrator_site.invariants import verify
from outcomes.core.books import result_in_force
from outcomes.models import (
    ExitDirective,
    RealOutcome,
    RealTrade,
    ShadowOutcome,
    ShadowTrade,
    TradeAmendment,
    TradeFill,
)
from outcomes.services import accept_amendment, refuse_amendment
from outcomes.standings import sides_of
from tests.factories import api_client
from tests.outcomes.desk import (
    C70,
    C72_5_JULY,
    EXIT_TIME,
    Answer,
    Desk,
    last_amendment,
    leg,
    make_desk,
    plan,
    quote,
    violations,
)

pytestmark = pytest.mark.django_db

OPERATOR = Actor("ada")
QUOTED = {"quotes": {C72_5_JULY: quote()}}


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def execution(price: str, effect: str = "CLOSE", quantity: str = "1", instrument: str = C70) -> dict[str, Any]:
    return {"instrument": instrument, "effect": effect, "side": "LONG", "quantity": quantity, "price": price}


def correction(of: str, *legs: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "kind": "CORRECT",
        "of": of,
        "values": {"legs": list(legs)} if legs else {},
        "reason": "The broker corrected the price.",
        "evidence": "Notice 4711 of 5 June",
    } | changes


def bust(of: str, **changes: Any) -> dict[str, Any]:
    body = correction(of, kind="BUST", reason="Clearly erroneous.") | changes
    del body["values"]
    return body


def propose(desk: Desk, trade_id: str, body: dict[str, Any]) -> Answer:
    return desk.a.post(f"trades/{trade_id}/amendments", body)


def amend(desk: Desk, trade_id: str, body: dict[str, Any]) -> None:
    answer = propose(desk, trade_id, body)
    assert answer.status == 201, answer.body
    accept_amendment(OPERATOR, last_amendment(), reason="Checked with the broker.")


def closed_pair(desk: Desk) -> str:
    """A real trade at +60.00 and its shadow at +33.00."""
    real_id = desk.open_real()
    desk.open_shadow()
    desk.a.close(real_id, market_conditions=QUOTED)
    return real_id


def result() -> RealOutcome | None:
    found: RealOutcome | None = result_in_force(RealTrade.objects.get().outcomes.all())
    return found


def broken() -> list[str]:
    """The invariants that do not hold."""
    return [finding.invariant.name for finding in verify("") if finding.rows]


def comparable(desk: Desk) -> bool:
    return sides_of(desk.experiment.decision)["A"].standing == "VALUED"


def test_a_proposal_changes_nothing_until_an_operator_accepts_it(desk: Desk) -> None:
    real_id = closed_pair(desk)

    answer = propose(desk, real_id, correction("exit", execution("1.89")))

    assert (answer.status, answer.body["state"], answer.body["of"]) == (201, "PROPOSED", "exit")
    assert RealOutcome.objects.get().pnl == 60
    assert desk.a.get(f"trades/{real_id}").body["pnl"] == "60.00"


def test_a_corrected_fee_of_the_entry_is_what_its_fees_are(desk: Desk) -> None:
    real_id = closed_pair(desk)

    amend(desk, real_id, correction("entry", values={"fees": "1.20"}))

    trade = desk.a.get(f"trades/{real_id}").body
    assert (trade["entry_fees"], trade["exit_fees"], trade["outcome"]["fees"]) == ("1.20", "0.00", "1.20")


def test_analysts_can_tell_the_revisions_of_a_fill_apart(desk: Desk) -> None:
    real_id = closed_pair(desk)

    amend(desk, real_id, correction("exit", execution("1.89")))

    story = api_client("analyst").get(f"/api/v1/experiments/{desk.experiment.pk}").json()
    fills = story["engines"]["A"]["trade"]["fills"]
    assert [(fill["fill_ref"], fill["revision"]) for fill in fills] == [("entry", 1), ("exit", 1), ("exit", 2)]


def test_an_accepted_correction_revises_the_result_and_keeps_the_first(desk: Desk) -> None:
    real_id = closed_pair(desk)

    amend(desk, real_id, correction("exit", execution("1.89"), reason="Sold at 1.89."))

    amounts = RealOutcome.objects.order_by("revision").values_list("revision", "pnl", "compared_pnl")
    assert list(amounts) == [(1, Decimal(60), Decimal(60)), (2, Decimal(50), Decimal(50))]
    trade = RealTrade.objects.get()
    assert (trade.exit_price, trade.revision, trade.flags) == (Decimal("1.89"), 2, ["AMENDED"])
    fills = TradeFill.objects.filter(real_trade=trade, fill_ref="exit").order_by("revision")
    assert [(row.revision, row.legs[0]["price"]) for row in fills] == [(1, "1.99"), (2, "1.89")]
    assert fills[1].amendment == TradeAmendment.objects.get()
    assert (fills[1].time, fills[1].conditions_hash) == (fills[0].time, fills[0].conditions_hash)
    assert ShadowOutcome.objects.get().pnl == 33
    assert comparable(desk)
    assert broken() == []


def test_an_accepted_correction_of_the_entry_changes_the_risk_too(desk: Desk) -> None:
    real_id = closed_pair(desk)

    amend(desk, real_id, correction("entry", execution("1.49", "OPEN")))

    trade, outcome = RealTrade.objects.get(), result()
    assert outcome is not None
    assert (outcome.pnl, outcome.risk_amount, trade.entry_price) == (Decimal(50), Decimal(149), Decimal("1.49"))
    # The opening stays as it was reported.
    assert trade.legs[0]["entry_price"] == "1.39"
    assert broken() == []


def test_a_correction_of_the_fees_alone_leaves_the_executions(desk: Desk) -> None:
    real_id = closed_pair(desk)

    amend(desk, real_id, correction("exit", values={"fees": "1.30"}))

    outcome = result()
    assert outcome is not None
    assert (outcome.gross_pnl, outcome.fees, outcome.pnl) == (Decimal(60), Decimal("1.3"), Decimal("58.7"))
    # The comparison charges the schedule, whatever the broker takes.
    assert outcome.compared_pnl == 60
    assert broken() == []


def test_a_refused_amendment_leaves_everything_and_may_not_be_repeated_into_another_decision(desk: Desk) -> None:
    real_id = closed_pair(desk)
    body = correction("exit", execution("2.99"))
    propose(desk, real_id, body)

    refuse_amendment(OPERATOR, last_amendment(), reason="The notice speaks of another order.")

    again = propose(desk, real_id, body)
    assert (again.status, again.body["state"]) == (200, "REFUSED")
    assert again.body["decision_reason"] == "The notice speaks of another order."
    assert RealOutcome.objects.count() == 1
    assert propose(desk, real_id, body | {"evidence": "Notice 4712"}).status == 201


def test_another_amendment_of_a_fill_waits_until_the_first_is_decided(desk: Desk) -> None:
    real_id = closed_pair(desk)
    propose(desk, real_id, correction("exit", execution("1.89")))

    assert propose(desk, real_id, bust("exit")).code == "amendment_open"
    assert propose(desk, real_id, correction("entry", execution("1.40", "OPEN"))).status == 201


def test_what_an_amended_exit_leaves_open_is_closed_by_a_fill() -> None:
    desk = make_desk(plan_a=plan(quantity="2"))
    real_id = desk.open_real(quantity="2")
    desk.a.close(real_id)
    amend(desk, real_id, correction("exit", execution("1.99")))

    exit_again = desk.a.close(real_id, exit_price="2.05")
    fill = {"fill_ref": "f1", "time": EXIT_TIME, "legs": [execution("2.05")]}

    assert (exit_again.status, exit_again.body["detail"]) == (
        409, "An exit is stored already; report what closes the rest as a fill.",
    )  # fmt: skip
    assert desk.a.post(f"trades/{real_id}/fills", fill).status == 201
    assert RealTrade.objects.get().status == "CLOSED"


def test_an_amendment_is_decided_once(desk: Desk) -> None:
    real_id = closed_pair(desk)
    propose(desk, real_id, correction("exit", execution("1.89")))
    accept_amendment(OPERATOR, last_amendment(), reason="Checked.")

    with pytest.raises(DomainError, match="ada has already decided: ACCEPTED") as caught:
        refuse_amendment(Actor("bob"), last_amendment(), reason="No.")

    assert caught.value.code == "amendment_settled"
    assert RealOutcome.objects.count() == 2


def test_a_busted_exit_opens_the_trade_again_and_withdraws_its_result(desk: Desk) -> None:
    real_id = closed_pair(desk)

    amend(desk, real_id, bust("exit"))

    trade = RealTrade.objects.get()
    assert (trade.status, trade.exit_time, trade.exit_price) == ("OPEN", None, None)
    assert result_in_force(trade.outcomes.all()) is None
    assert [o.withdrawn for o in RealOutcome.objects.order_by("revision")] == [False, True]
    # The shadow has left with an exit that was told; that stands, and nothing can be compared any more.
    assert (ShadowTrade.objects.get().status, ExitDirective.objects.get().state) == ("CLOSED", "DONE")
    assert not comparable(desk)
    assert broken() == []


def test_the_exit_after_a_busted_one_closes_the_trade_for_its_own_figures_alone(desk: Desk) -> None:
    real_id = closed_pair(desk)
    amend(desk, real_id, bust("exit"))

    answer = desk.a.close(real_id, exit_time="2014-06-05T19:00:00Z", exit_price="2.09")

    assert (answer.status, answer.body["status"], answer.body["pnl"]) == (200, "CLOSED", "70.00")
    outcome = result()
    assert outcome is not None
    assert (outcome.revision, outcome.pnl, outcome.compared_pnl) == (3, Decimal(70), None)
    assert ExitDirective.objects.count() == 1
    assert not comparable(desk)
    assert broken() == []


def test_the_busted_exit_sent_again_is_a_repetition_and_no_new_exit(desk: Desk) -> None:
    real_id = closed_pair(desk)
    amend(desk, real_id, bust("exit"))

    again = desk.a.close(real_id, market_conditions=QUOTED)

    assert (again.status, again.body["status"]) == (200, "OPEN")
    assert RealTrade.objects.get().status == "OPEN"


def test_a_trade_that_was_busted_whole_ends_unpriced_and_is_missing(desk: Desk) -> None:
    real_id = closed_pair(desk)
    assert propose(desk, real_id, bust("entry")).code == "amendment_impossible"
    amend(desk, real_id, bust("exit"))

    amend(desk, real_id, bust("entry"))

    trade, outcome = RealTrade.objects.get(), result()
    assert outcome is not None
    assert (trade.status, trade.exit_reason, outcome.pnl, outcome.fees) == ("UNPRICED", "EXTERNAL", None, Decimal(0))
    # It cannot be worth nothing: an engine that had its losers busted would gain by it.
    assert sides_of(desk.experiment.decision)["A"].standing == "MISSING"
    assert desk.a.close(real_id, exit_price="2.09").code == "already_closed"
    assert broken() == []


def test_a_partial_exit_that_was_smaller_leaves_the_pair_uncompared() -> None:
    desk = make_desk(plan_a=plan(quantity="2"), plan_b=plan(leg(C72_5_JULY), quantity="2"))
    real_id = desk.open_real(quantity="2")
    desk.open_shadow(quantity="2")
    part = {
        "fill_ref": "f1", "time": "2014-06-05T16:00:00Z", "legs": [execution("1.70")],
        "market_conditions": {"quotes": {C72_5_JULY: quote(quote_time="2014-06-05T16:00:00Z")}},
    }  # fmt: skip
    assert desk.a.post(f"trades/{real_id}/fills", part).status == 201

    amend(desk, real_id, correction("f1", execution("1.70", quantity="0.5")))
    desk.a.close(real_id, market_conditions=QUOTED)

    outcome = result()
    assert outcome is not None
    assert (outcome.pnl, outcome.compared_pnl) == (Decimal("105.5"), None)
    assert broken() == []


def test_a_correction_cannot_close_a_trade_whose_exit_nobody_told() -> None:
    desk = make_desk(plan_a=plan(quantity="2"))
    real_id = desk.open_real(quantity="2")
    part = {"fill_ref": "f1", "time": "2014-06-05T16:00:00Z", "legs": [execution("1.70")]}
    assert desk.a.post(f"trades/{real_id}/fills", part).status == 201

    answer = propose(desk, real_id, correction("f1", execution("1.70", quantity="2")))

    assert (answer.status, answer.code) == (400, "amendment_impossible")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (correction("f7", execution("1.89")), "/of"),
        (correction("exit", execution("1.89", quantity="2")), "/values"),
        (correction("entry", execution("1.49", "CLOSE")), "/values/legs"),
        (correction("exit"), "/values"),
        (correction("exit", execution("1.89"), kind="BUST"), "/values"),
    ],
)
def test_what_cannot_be_booked_is_refused_at_once(desk: Desk, body: dict[str, Any], pointer: str) -> None:
    real_id = closed_pair(desk)

    answer = propose(desk, real_id, body)

    assert (answer.status, answer.code) == (400, "amendment_impossible")
    assert [error["pointer"] for error in answer.body["errors"]] == [pointer]
    assert not TradeAmendment.objects.exists()


def test_neither_the_other_engine_nor_a_shadow_can_amend_prices(desk: Desk) -> None:
    real_id = closed_pair(desk)
    shadow_id = str(ShadowTrade.objects.get().pk)

    assert desk.b.post(f"trades/{real_id}/amendments", bust("exit")).code == "not_found"
    assert desk.b.post(f"trades/{shadow_id}/amendments", bust("entry")).code == "shadow_not_amended"


def test_a_broken_rule_stays_broken_when_the_fill_is_corrected() -> None:
    desk = make_desk()
    real_id = desk.open_real(quantity="2")
    desk.open_shadow()
    assert violations() == {("A", "PLAN_DIFFERS")}

    amend(desk, real_id, correction("entry", execution("1.39", "OPEN")))

    assert violations() == {("A", "PLAN_DIFFERS")}
    assert not comparable(desk)


def test_a_corrected_price_is_held_against_the_quotes_again(desk: Desk) -> None:
    real_id = desk.open_real()
    desk.open_shadow()
    seen = {C72_5_JULY: quote(), C70: quote("1.99", "2.05")}
    desk.a.close(real_id, market_conditions={"quotes": seen})
    assert violations() == set()

    amend(desk, real_id, correction("exit", execution("2.49")))

    assert violations() == {("A", "PRICE_NOT_IN_QUOTES")}
