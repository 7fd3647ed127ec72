"""A split, or a contract under a new name: held on under its successor, at what was paid for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kernel.actors import Actor
from outcomes.core.amendments import succession
from outcomes.core.books import Fill, LegFill, Schedule, keep_books
from outcomes.models import ExitDirective, OwnExit, RealOutcome, RealTrade, ShadowOutcome, ShadowTrade
from outcomes.services import accept_amendment
from tests.outcomes.desk import (
    C70,
    C72_5_JULY,
    EXIT_TIME,
    Desk,
    EngineClient,
    last_amendment,
    leg,
    make_desk,
    neutral_quote,
    plan,
    quote,
    violations,
)
from tests.outcomes.services.test_amendments import amend, broken, bust, comparable, correction, propose

pytestmark = pytest.mark.django_db

SPLIT_AT = "2014-06-05T15:00:00Z"
C35 = "TWX   140621C00035000"
C36_25_JULY = "TWX   140719C00036250"


def successor(instrument: str, becomes: str, ratio: str = "2") -> dict[str, Any]:
    return {"successor": {"instrument": instrument, "becomes": becomes, "ratio": ratio, "effective_at": SPLIT_AT}}


def split(engine: EngineClient, trade_id: str, instrument: str, becomes: str, ratio: str = "2") -> None:
    body = correction("entry", values=successor(instrument, becomes, ratio), reason="2-for-1 split.")
    answer = engine.post(f"trades/{trade_id}/amendments", body)
    assert answer.status == 201, answer.body
    accept_amendment(Actor("ada"), last_amendment(), reason="OCC memo read.")


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def both_split(desk: Desk) -> tuple[str, str]:
    """Both hold twice as many contracts of half the strike."""
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    split(desk.a, real_id, C70, C35)
    split(desk.b, shadow_id, C72_5_JULY, C36_25_JULY)
    return real_id, shadow_id


def test_both_sides_leave_by_the_successor_at_what_was_paid_for_the_first(desk: Desk) -> None:
    real_id, _ = both_split(desk)
    seen = {"quotes": {C36_25_JULY: quote("0.655", "0.685")}}

    desk.a.close(real_id, exit_price="0.995", market_conditions=seen)

    # 2 x 0.995 for 1.39, and 2 x 0.655 for 0.98.
    assert (RealOutcome.objects.get().pnl, ShadowOutcome.objects.get().pnl) == (Decimal(60), Decimal(33))
    assert ExitDirective.objects.get().closing_legs == [{"instrument": C36_25_JULY, "side": "LONG", "quantity": "2"}]
    assert RealTrade.objects.get().risk_amount == 139
    assert comparable(desk)
    assert violations() == set()
    assert broken() == []


def test_what_one_contract_became_need_not_divide_evenly(desk: Desk) -> None:
    real_id = desk.open_real()

    split(desk.a, real_id, C70, C35, ratio="3")
    desk.a.close(real_id, exit_price="0.663334")

    assert RealOutcome.objects.get().pnl == Decimal("60.0002")
    assert broken() == []


def test_a_shadow_whose_contract_was_renamed_leaves_by_its_own_rules_under_the_new_name(desk: Desk) -> None:
    _, shadow_id = both_split(desk)
    at = "2014-06-05T17:00:00Z"
    conditions = {"quotes": {C36_25_JULY: quote("0.60", "0.63", at)}}

    answer = desk.leave_by_its_own_rules(shadow_id, exit_price="0.60", market_conditions=conditions)

    assert (answer.status, OwnExit.objects.get().pnl) == (202, Decimal(22))
    assert broken() == []


def test_an_exit_that_waits_closes_the_successor_once_it_is_named(desk: Desk) -> None:
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id)
    assert ExitDirective.objects.get().state == "PENDING"

    split(desk.b, shadow_id, C72_5_JULY, C36_25_JULY)

    (pending,) = desk.b.pending()
    assert pending["legs"] == [{"instrument": C36_25_JULY, "side": "LONG", "quantity": "2"}]
    answer = desk.b.report(pending["id"], quotes={C36_25_JULY: quote("0.655", "0.685")})
    assert (answer.status, ShadowOutcome.objects.get().pnl) == (200, Decimal(33))
    assert broken() == []


def test_a_neutral_feed_prices_the_successor(desk: Desk) -> None:
    real_id, _ = both_split(desk)
    neutral_quote(C36_25_JULY, "0.66", "0.70")

    desk.a.close(real_id, exit_price="0.995")

    shadow = ShadowTrade.objects.get()
    assert (shadow.exit_provenance, ShadowOutcome.objects.get().pnl) == ("NEUTRAL_QUOTE", Decimal(34))


def test_the_real_engine_is_told_to_quote_the_successor_too(desk: Desk) -> None:
    real_id, _ = both_split(desk)

    assert desk.a.get(f"trades/{real_id}").body["snapshot_instruments"] == [C36_25_JULY, C72_5_JULY]


@pytest.mark.parametrize(
    ("values", "of", "code"),
    [
        (successor(C72_5_JULY, C35), "entry", "amendment_impossible"),
        (successor(C70, C35) | {"fees": "1"}, "entry", "amendment_impossible"),
        (successor(C70, C35), "exit", "amendment_impossible"),
        (successor(C70, "TWX140621C00070000"), "entry", "amendment_impossible"),
        ({"successor": successor(C70, C35)["successor"] | {"effective_at": "2014-06-05T13:00:00Z"}}, "entry",
         "amendment_impossible"),
        (successor(C70, C35, ratio="0"), "entry", "invalid"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_succession_is_refused(desk: Desk, values: dict[str, Any], of: str, code: str) -> None:
    real_id = desk.open_real()

    assert desk.a.post(f"trades/{real_id}/amendments", correction(of, values=values)).code == code


def test_a_succession_sent_again_is_a_repetition_until_it_was_busted(desk: Desk) -> None:
    real_id, _ = both_split(desk)
    told = correction("entry", values=successor(C70, C35), reason="2-for-1 split.")
    amend(desk, real_id, correction("entry", values={"fees": "1.20"}))
    assert propose(desk, real_id, told).body["state"] == "ACCEPTED"

    amend(desk, real_id, bust("succession-2"))
    split(desk.a, real_id, C70, C35)

    desk.a.close(real_id, exit_price="0.995")
    assert RealOutcome.objects.get().pnl == Decimal("58.8")
    assert broken() == []


def test_shares_are_split_under_their_own_name_and_not_renamed_to_it() -> None:
    desk = make_desk(plan_a=plan(leg("TWX"), multiplier="1"))
    real_id = desk.open_real(legs=[leg("TWX")], multiplier="1")
    renamed = propose(desk, real_id, correction("entry", values=successor("TWX", "TWX", ratio="1")))

    split(desk.a, real_id, "TWX", "TWX")
    desk.a.close(real_id, exit_price="0.995")

    assert (renamed.code, renamed.body["errors"][0]["pointer"]) == (
        "amendment_impossible", "/values/successor/becomes",
    )  # fmt: skip
    assert RealOutcome.objects.get().pnl == Decimal("0.6")
    assert broken() == []


def test_a_closed_trade_has_no_successor_any_more(desk: Desk) -> None:
    real_id = desk.open_real()
    desk.a.close(real_id)

    answer = desk.a.post(f"trades/{real_id}/amendments", correction("entry", values=successor(C70, C35)))

    assert answer.code == "amendment_impossible"


def test_the_reference_of_a_succession_is_reserved(desk: Desk) -> None:
    real_id = desk.open_real()
    leg = {"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1"}

    answer = desk.a.post(f"trades/{real_id}/fills", {"fill_ref": "succession-2", "time": EXIT_TIME, "legs": [leg]})

    assert answer.code == "fill_ref_reserved"


def test_the_books_of_a_succession_move_no_money_and_charge_no_fee() -> None:
    entry = Fill("entry", (LegFill(C70, "OPEN", "SHORT", Decimal(1), Decimal("1.39")),))
    moved = succession("s", {(C70, "SHORT"): Decimal(1)}, instrument=C70, becomes=C35, ratio=Decimal(2))
    left = Fill("exit", (LegFill(C35, "CLOSE", "SHORT", Decimal(2), Decimal("0.995")),))

    books = keep_books([entry, moved, left], Decimal(100), Schedule(Decimal("0.65"), Decimal(1)))

    assert (books.gross_pnl, books.compared_pnl, books.is_rolled) == (Decimal(-60), Decimal("-63.95"), False)
    assert (books.entry_price, books.exit_price, books.risk_amount) == (
        Decimal("1.39"),
        Decimal("0.995"),
        Decimal(7000),
    )
