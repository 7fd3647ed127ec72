"""The values of a correction: in the words of the report that they correct, or as in a fill."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from outcomes.amendment_rows import change_of
from outcomes.models import RealOutcome, RealTrade, ShadowTrade, TradeAmendment
from tests.outcomes.desk import C70, C72_5_JULY, EXIT_TIME, Desk, leg, make_desk, plan
from tests.outcomes.services.test_amendments import amend, broken, closed_pair, correction, execution, propose

pytestmark = pytest.mark.django_db

C75 = "TWX   140621C00075000"
SPELLED = "TWX140621C00070000"


def filled(price: str, *, effect: str = "CLOSE", instrument: str = C70, side: str = "LONG") -> dict[str, Any]:
    return execution(price, effect, "2" if side == "SHORT" else "1", instrument) | {"side": side}


def spread(desk: Desk) -> str:
    """One call bought at 1.39 and two sold at 0.10, closed at 1.99 and 0.05."""
    legs = [leg(C70), leg(C75, side="SHORT", ratio=2, entry_price="0.10")]
    real_id = desk.open_real(legs=legs)
    prices = [{"instrument": C70, "exit_price": "1.99"}, {"instrument": C75, "exit_price": "0.05"}]
    closed = desk.a.close(real_id, legs=prices, exit_price="1.89")
    assert closed.body["status"] == "CLOSED", closed.body
    return real_id


@pytest.fixture
def desk() -> Desk:
    return make_desk()


@pytest.fixture
def spread_desk() -> Desk:
    return make_desk(plan_a=plan(leg(C70), leg(C75, side="SHORT", ratio=2)))


@pytest.mark.parametrize(
    ("of", "words", "as_in_a_fill"),
    [
        ("exit", {"exit_price": "1.890"}, {"legs": [filled("1.89")]}),
        ("exit", {"price": 1.89, "fees": "0.70"}, {"legs": [filled("1.89")], "fees": "0.7"}),
        ("exit", {"legs": [{"instrument": SPELLED, "exit_price": "1.89", "side": "LONG"}]}, {"legs": [filled("1.89")]}),
        ("entry", {"entry_price": "1.49"}, {"legs": [filled("1.49", effect="OPEN")]}),
        (
            "entry",
            {"legs": [{"instrument": C70, "side": "LONG", "ratio": 1, "entry_price": "1.49"}]},
            {"legs": [filled("1.49", effect="OPEN")]},
        ),
    ],
)
@pytest.mark.parametrize("in_words_first", [True, False])
def test_both_forms_of_a_correction_are_one_amendment(
    desk: Desk, of: str, words: dict[str, Any], as_in_a_fill: dict[str, Any], in_words_first: bool
) -> None:
    real_id = closed_pair(desk)
    bodies = [correction(of, values=values) for values in (words, as_in_a_fill)]
    first, second = bodies if in_words_first else reversed(bodies)

    proposed = propose(desk, real_id, first)
    again = propose(desk, real_id, second)

    assert (proposed.status, again.status, again.body) == (201, 200, proposed.body)
    assert set(proposed.body["values"]["legs"][0]) == {"instrument", "effect", "side", "quantity", "price"}


def test_a_correction_in_the_words_of_its_report_is_booked_and_stays_the_same_amendment(desk: Desk) -> None:
    real_id = closed_pair(desk)
    body = correction("exit", values={"exit_price": "1.89"})

    amend(desk, real_id, body)

    assert RealOutcome.objects.latest("revision").pnl == 50
    assert (propose(desk, real_id, body).status, TradeAmendment.objects.count()) == (200, 1)
    assert broken() == []


def test_the_only_price_of_a_fill_stands_alone_and_takes_the_quantity_of_what_stands() -> None:
    desk = make_desk(plan_a=plan(quantity="2"))
    real_id = desk.open_real(quantity="2")
    part = {"fill_ref": "f1", "time": "2014-06-05T16:00:00Z", "legs": [execution("1.70")]}
    assert desk.a.post(f"trades/{real_id}/fills", part).status == 201
    amend(desk, real_id, correction("f1", execution("1.70", quantity="0.5")))

    amend(desk, real_id, correction("f1", values={"price": "1.60"}))
    desk.a.close(real_id)

    # 0.5 at 1.60 and 1.5 at 1.99, for 2 at 1.39.
    assert RealOutcome.objects.get().pnl == Decimal("100.5")


def test_legs_that_are_not_named_stay_and_operators_read_the_same_lines(spread_desk: Desk) -> None:
    real_id = spread(spread_desk)
    named = {"instrument": C75, "exit_price": "0.07"}
    lines = [
        "Sell to close 1 TWX 21 Jun 2014 70 call at 1.99",
        "Buy to close 2 TWX 21 Jun 2014 75 call at 0.07",
        "fees 0.00",
    ]

    answer = propose(spread_desk, real_id, correction("exit", values={"legs": [named]}))
    both = [filled("1.99"), filled("0.07", instrument=C75, side="SHORT")]
    again = propose(spread_desk, real_id, correction("exit", *both))

    assert (answer.status, again.status) == (201, 200)
    assert change_of(TradeAmendment.objects.get()).after == lines
    assert RealTrade.objects.get().exit_price == Decimal("1.89")


@pytest.mark.parametrize(
    ("of", "values", "pointer", "said"),
    [
        ("exit", {"exit_price": "1.80"}, "/values", "several legs"),
        ("exit", {"legs": [{"instrument": C72_5_JULY, "exit_price": "1"}]}, "/values/legs/0/instrument", "no leg"),
        ("exit", {"legs": [{"instrument": C70, "side": "SHORT", "exit_price": "1"}]}, "/values/legs/0/instrument",
         "no SHORT leg"),
        ("exit", {"legs": [{"instrument": C70, "exit_price": "1"}] * 2}, "/values/legs/1", "two prices"),
        ("entry", {"legs": [{"instrument": C75, "ratio": 3, "entry_price": "1"}]}, "/values/legs/0/ratio", "quantity"),
        ("exit", {"exit_price": "1", "legs": [filled("1")]}, "/values/legs", "not both"),
        ("exit", {"exit_price": "1", "price": "1"}, "/values/price", "not both"),
        ("exit", {"legs": [{"instrument": C70, "exit_price": "1"}, filled("1")]}, "/values/legs", "one form"),
        ("exit", {"entry_price": "1"}, "/values/entry_price", '"entry"'),
        ("entry", {"legs": [{"instrument": C70, "exit_price": "1"}]}, "/values/legs/0/exit_price", '"exit"'),
        ("exit", {"exit_price": "1", "successor": {"instrument": C70, "becomes": C75, "effective_at": EXIT_TIME}},
         "/values/successor", "of its own"),
    ],
)  # fmt: skip
def test_a_price_that_is_not_of_one_leg_of_the_fill_is_refused_where_it_stands(
    spread_desk: Desk, of: str, values: dict[str, Any], pointer: str, said: str
) -> None:
    answer = propose(spread_desk, spread(spread_desk), correction(of, values=values))

    assert (answer.status, answer.code, answer.body["errors"][0]["pointer"]) == (400, "amendment_impossible", pointer)
    assert said in answer.body["detail"]


@pytest.mark.parametrize(
    ("values", "pointer", "said"),
    [
        ({"exit_time": EXIT_TIME}, "/values/exit_time", "Bust an exit or a fill at a wrong time"),
        ({"time": EXIT_TIME, "exit_price": "1.89"}, "/values/time", "Times cannot be amended"),
        ({"quantity": "2"}, "/values/quantity", "legs (with prices and quantities) and fees, or names a successor"),
        ({"legs": [{"instrument": C70, "price": "1.89"}]}, "/values/legs/0/effect", "effect, side, quantity, price"),
        ({"legs": [{"instrument": C70, "exit_price": "1.89", "quantity": "2"}]}, "/values/legs/0/quantity",
         "Not beside exit_price"),
    ],
)  # fmt: skip
def test_what_cannot_be_amended_is_refused_with_what_can(
    desk: Desk, values: dict[str, Any], pointer: str, said: str
) -> None:
    answer = propose(desk, closed_pair(desk), correction("exit", values=values))

    assert (answer.status, answer.code, answer.body["errors"][0]["pointer"]) == (400, "invalid", pointer)
    assert said in answer.body["errors"][0]["detail"]


def test_the_prices_of_a_shadow_are_the_referees_in_any_words(desk: Desk) -> None:
    closed_pair(desk)
    shadow = ShadowTrade.objects.get()

    answer = desk.b.post(f"trades/{shadow.pk}/amendments", correction("entry", values={"entry_price": "0.90"}))

    assert answer.code == "shadow_not_amended"
