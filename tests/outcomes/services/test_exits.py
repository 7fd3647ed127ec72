"""A real trade is closed once, whatever its report says; its outcome is exact."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from kernel.actors import Actor
from kernel.canonical import document_hash
from outcomes.models import Incident, RealOutcome, RealTrade, ShadowOutcome, TradeFill
from policies.services import engage_halt
from tests.outcomes.desk import C70, EXIT_TIME, OWN_TIME, Desk, leg, make_desk, plan, quote, real_exit

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def test_a_real_exit_closes_the_trade_and_records_its_outcome(desk: Desk) -> None:
    trade_id = desk.open_real(fees="0.65")
    conditions = {"quotes": {C70: quote("1.99", "2.05")}, "vix": 11.68, "note": "é"}

    answer = desk.a.close(trade_id, fees="0.70", market_conditions=conditions)

    outcome = RealOutcome.objects.get()
    assert (answer.status, answer.body["status"], answer.body["pnl"]) == (200, "CLOSED", "58.65")
    assert (outcome.experiment_id, outcome.engine, outcome.pnl) == (desk.experiment.pk, "A", Decimal("58.65"))
    assert (outcome.entry_price, outcome.exit_price, outcome.fees) == (
        Decimal("1.39"), Decimal("1.99"), Decimal("1.35"),
    )  # fmt: skip
    assert (outcome.exit_reason, outcome.price_provenance) == ("TAKE_PROFIT", "BROKER_FILL")
    assert (outcome.gross_pnl, outcome.scheduled_fees, outcome.compared_pnl) == (Decimal(60), Decimal(0), Decimal(60))
    assert (outcome.risk_amount, outcome.currency) == (Decimal(139), "USD")
    assert outcome.conditions_hash == answer.body["conditions_hash"] == document_hash(conditions)
    assert TradeFill.objects.get(fill_ref="exit").market_conditions == conditions
    assert not ShadowOutcome.objects.exists()


def test_a_spread_is_closed_leg_by_leg(desk: Desk) -> None:
    spread = [leg("LOW", entry_price="3.00"), leg("HIGH", "SHORT", "1.00", ratio=2)]
    trade_id = desk.open_real(legs=spread, entry_price="1.00", quantity="5")
    legs = [{"instrument": "HIGH", "exit_price": "0.40"}, {"instrument": "LOW", "exit_price": "4.10", "side": "LONG"}]

    answer = desk.a.close(trade_id, legs=legs, exit_price="3.30")

    assert (answer.body["exit_price"], answer.body["pnl"]) == ("3.30", "1150.00")
    assert [each["price"] for each in answer.body["fills"][1]["legs"]] == ["4.10", "0.40"]


def test_a_price_for_the_whole_that_is_not_that_of_its_legs_is_flagged_and_the_legs_count(desk: Desk) -> None:
    trade_id = desk.open_real(entry_price="1.40")

    answer = desk.a.close(trade_id, exit_price="2.00", legs=[{"instrument": C70, "exit_price": "1.99"}])

    assert (answer.body["pnl"], answer.body["flags"]) == ("60.00", ["NET_PRICE_DIFFERS"])


def test_a_net_price_that_differed_at_the_entry_stays_flagged_after_an_exit_whose_price_agrees(desk: Desk) -> None:
    spread = [leg("LOW", entry_price="3.00"), leg("HIGH", "SHORT", "1.00")]
    trade_id = desk.open_real(legs=spread, entry_price="2.01")
    legs = [{"instrument": "HIGH", "exit_price": "0.40"}, {"instrument": "LOW", "exit_price": "4.10"}]

    answer = desk.a.close(trade_id, legs=legs, exit_price="3.70")

    assert (answer.body["pnl"], "NET_PRICE_DIFFERS" in answer.body["flags"]) == ("170.00", True)


@pytest.mark.parametrize(
    ("ratios", "entry", "exit_", "pnl"),
    [((2, 3), "1.00", "3.50", "500.00"), ((2, 2), "2.00", "4.00", "400.00"), ((4, 2, 2), "5.50", "8.75", "650.00")],
)
def test_the_net_price_is_for_each_unit_of_the_quantity_whatever_the_ratios(
    ratios: tuple[int, ...], entry: str, exit_: str, pnl: str
) -> None:
    moved = [("LOW", "LONG", "2.00", "2.50"), ("HIGH", "SHORT", "1.00", "0.50"), ("TOP", "SHORT", "0.25", "0.125")]
    legs = [leg(name, side, paid, ratio=ratio) for (name, side, paid, _), ratio in zip(moved, ratios, strict=False)]
    left = {name: price for name, _, _, price in moved[: len(ratios)]}
    planned = plan(*legs, quantity="2")
    desk = make_desk(plan_a=planned, plan_b=planned)
    real_id = desk.open_real(legs=legs, quantity="2", entry_price=entry)
    shadow_id = desk.open_shadow(legs=legs, quantity="2", entry_price=entry)

    answer = desk.a.close(
        real_id,
        exit_price=exit_,
        legs=[{"instrument": name, "exit_price": price} for name, price in left.items()],
        market_conditions={"quotes": {name: quote(price, price) for name, price in left.items()}},
    )

    assert "NET_PRICE_DIFFERS" not in answer.body["flags"]
    own = desk.leave_by_its_own_rules(
        shadow_id,
        exit_price=exit_,
        market_conditions={"quotes": {name: quote(price, price, OWN_TIME) for name, price in left.items()}},
    )
    assert own.status == 202, own.body
    for outcome in (RealOutcome.objects.get(), ShadowOutcome.objects.get()):
        assert (outcome.entry_price, outcome.exit_price, outcome.pnl) == (
            Decimal(entry), Decimal(exit_), Decimal(pnl),
        )  # fmt: skip


def test_an_unknown_reason_is_named_by_the_field_that_the_call_has(desk: Desk) -> None:
    trade_id = desk.open_real()
    legs = [{"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1.99"}]
    fill = {"fill_ref": "half", "time": EXIT_TIME, "legs": legs, "reason": "BORED"}

    answers = [desk.a.post(f"trades/{trade_id}/fills", fill), desk.a.close(trade_id, exit_reason="BORED")]

    assert [answer.code for answer in answers] == ["unknown_exit_reason"] * 2
    assert [answer.body["errors"][0]["pointer"] for answer in answers] == ["/reason", "/exit_reason"]
    assert [answer.body["detail"].split()[0] for answer in answers] == ["reason", "exit_reason"]


def test_real_money_that_lost_more_than_everything_or_paid_a_rebate_is_kept(desk: Desk) -> None:
    trade_id = desk.open_real(legs=[leg("CLN4", entry_price="10.00")], fees="-0.17")

    answer = desk.a.close(trade_id, exit_price="-37.63", fees="-0.17")

    assert (answer.status, answer.body["pnl"]) == (200, "-4762.66")


def test_a_loss_can_be_larger_than_what_a_default_decimal_context_holds(desk: Desk) -> None:
    biggest = "99999999999999.9999"
    trade_id = desk.open_real(
        legs=[leg(entry_price="999999999999.99999999")],
        entry_price="999999999999.99999999", quantity=biggest, multiplier="9999999999.99",
    )  # fmt: skip

    answer = desk.a.close(trade_id, exit_price="0.00000001")

    assert (answer.status, answer.body["pnl"][:10]) == (200, "-999999999")
    assert Decimal(answer.body["pnl"]) == RealOutcome.objects.get().pnl


def test_exits_are_accepted_while_halted(desk: Desk) -> None:
    trade_id = desk.open_real()
    engage_halt(Actor("tests"), reason="Something is odd.")

    assert desk.a.close(trade_id).status == 200


def test_a_repeat_is_the_first_answer(desk: Desk) -> None:
    trade_id = desk.open_real()
    first = desk.a.close(trade_id)

    again = desk.a.close(trade_id)

    assert (again.status, again.body) == (200, first.body)
    assert RealOutcome.objects.count() == 1


def test_another_exit_is_refused_and_kept_and_the_first_stands(desk: Desk) -> None:
    trade_id = desk.open_real()
    desk.a.close(trade_id)

    answer = desk.a.close(trade_id, exit_price="2.99")

    assert (answer.status, answer.code) == (409, "conflict")
    assert RealOutcome.objects.get().exit_price == Decimal("1.99")
    assert Incident.objects.get().report == real_exit(exit_price="2.99")


@pytest.mark.parametrize("path", ["trades/{}", "trades/{}/exit"])
def test_the_other_engines_trade_is_as_unknown_as_none_at_all(desk: Desk, path: str) -> None:
    theirs, nobodys = path.format(desk.open_real()), path.format(uuid4())
    call = desk.b.get if path == "trades/{}" else lambda where: desk.b.post(where, real_exit())

    answers = [call(theirs), call(nobodys)]

    assert [answer.status for answer in answers] == [404, 404]
    assert answers[0].body["detail"] == answers[1].body["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"exit_time": "2014-06-05T13:59:59.999999Z"},
        {"exit_time": "2100-01-01T00:00:00Z"},
        {"exit_price": "-1.99"},
        {"legs": [{"instrument": C70, "exit_price": "1.98"}]},
        {"fees": "-1"},
        {"price_provenance": "SAME_SNAPSHOT_QUOTE"},
        {"market_conditions": {"settlements": "none"}},
    ],
)
def test_a_real_exit_is_booked_whatever_it_says(desk: Desk, change: dict[str, Any]) -> None:
    trade_id = desk.open_real()

    answer = desk.a.post(f"trades/{trade_id}/exit", real_exit() | change)

    assert (answer.status, RealTrade.objects.get().status) == (200, "CLOSED")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"legs": [{"instrument": "X", "exit_price": "1.99"}]}, "unknown_leg"),
        ({"legs": [{"instrument": C70, "exit_price": "1.99", "side": "SHORT"}]}, "leg_differs"),
    ],
)
def test_a_real_exit_that_cannot_be_booked_is_kept_as_an_incident(
    desk: Desk, change: dict[str, Any], code: str
) -> None:
    trade_id = desk.open_real()

    answer = desk.a.post(f"trades/{trade_id}/exit", real_exit() | change)

    assert (answer.status, answer.code, answer.body["errors"][0]["pointer"]) == (400, code, "/legs")
    assert (Incident.objects.get().kind, Incident.objects.get().report["legs"]) == ("unbookable_report", change["legs"])
    assert RealTrade.objects.get().status == "OPEN"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"exit_price": None}, "invalid"),
        ({"exit_reason": "BORED"}, "unknown_exit_reason"),
        ({"exit_reason": "SYNCHRONISED"}, "unknown_exit_reason"),
        ({"fees": "1.1234567890123"}, "invalid"),
        ({"market_conditions": []}, "invalid"),
        ({"price_provenance": "UNPRICED"}, "invalid"),
        ({"pnl": "60"}, "invalid"),
    ],
)
def test_a_malformed_exit_is_refused_and_changes_nothing(desk: Desk, change: dict[str, Any], code: str) -> None:
    trade_id = desk.open_real()

    answer = desk.a.post(f"trades/{trade_id}/exit", real_exit() | change)

    assert (answer.status, answer.code) == (400, code)
    assert RealTrade.objects.get().status == "OPEN"


@pytest.mark.parametrize("missing", ["exit_price", "exit_reason", "exit_time"])
def test_what_an_exit_needs_must_be_there(desk: Desk, missing: str) -> None:
    body = real_exit()
    del body[missing]

    assert desk.a.post(f"trades/{desk.open_real()}/exit", body).status == 400


@pytest.mark.parametrize(
    ("raw", "flag"),
    [
        (quote(quote_time="2014-06-05T18:00:00.000001Z"), "LOOKAHEAD"),
        (quote(bid="9"), "CROSSED"),
        (quote(ask=None), "ONE_SIDED"),
        ("soon", "NOT_A_QUOTE"),
    ],
)
def test_a_real_exit_is_never_turned_away_for_a_bad_quote(desk: Desk, raw: Any, flag: str) -> None:
    answer = desk.a.close(desk.open_real(), market_conditions={"quotes": {"X": raw}})

    assert (answer.status, answer.body["quote_flags"]) == (200, {"X": flag})


@pytest.mark.parametrize("conditions", [{}, {"quotes": []}, {"quotes": None}, {"last": 1e20, "n": 2**60, "x": 0.1}])
def test_whatever_conditions_are_sent_their_hash_is_of_what_is_stored(desk: Desk, conditions: dict[str, Any]) -> None:
    answer = desk.a.close(desk.open_real(), market_conditions=conditions)

    stored = TradeFill.objects.get(fill_ref="exit")
    assert answer.status == 200
    assert document_hash(stored.market_conditions) == stored.conditions_hash == document_hash(conditions)


def test_conditions_and_provenance_may_be_left_out(desk: Desk) -> None:
    body = real_exit(exit_reason="MANUAL")
    del body["market_conditions"]

    answer = desk.a.post(f"trades/{desk.open_real()}/exit", body)

    assert (answer.status, answer.body["exit_provenance"]) == (200, "BROKER_FILL")
    assert answer.body["conditions_hash"] == document_hash({})


@pytest.mark.parametrize(
    ("claims", "provenance"),
    [
        (("BROKER_FILL", None), "BROKER_FILL"),
        (("MODEL", None), "MODEL"),
        (("BROKER_FILL", "MODEL"), "MODEL"),
        (("BROKER_FILL", "NEUTRAL_QUOTE"), "OWN_FEED_QUOTE"),
        (("SAME_SNAPSHOT_QUOTE", None), "OWN_FEED_QUOTE"),
    ],
)
def test_a_real_trade_is_called_what_it_claims_but_the_referees_words_are_not_for_claiming(
    desk: Desk, claims: tuple[str, str | None], provenance: str
) -> None:
    trade_id = desk.open_real(price_provenance=claims[0])

    answer = desk.a.close(trade_id, **({"price_provenance": claims[1]} if claims[1] else {}))

    assert answer.body["exit_provenance"] == provenance


def test_the_exit_time_is_kept_to_the_microsecond(desk: Desk) -> None:
    answer = desk.a.close(desk.open_real(), exit_time="2014-06-05T14:00:00.123457-04:00")

    assert answer.body["exit_time"] == "2014-06-05T18:00:00.123457Z" != EXIT_TIME
