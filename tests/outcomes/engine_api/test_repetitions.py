"""A retry in another spelling is a repetition: it gets the first answer, and leaves nothing behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outcomes.models import Incident, RealTrade, Recommendation, ShadowTrade, TradeFill
from tests.outcomes.desk import (
    C70,
    C72_5_JULY,
    EXIT_TIME,
    OWN_TIME,
    Desk,
    leg,
    make_desk,
    plan,
    quote,
    real_exit,
    trade,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return make_desk()


OWN_WITHOUT_PRICE = {
    "exit_time": OWN_TIME,
    "exit_reason": "TIME_LIMIT",
    "market_conditions": {"quotes": {C72_5_JULY: quote("1.20", "1.26", OWN_TIME)}},
}
REAL = [
    {"entry_price": "1.390"},
    {"entry_price": 1.39},
    {"legs": [leg(entry_price="1.3900")]},
    {"legs": [{"instrument": C70, "side": "LONG", "entry_price": "1.39"}]},
    {"legs": [{"instrument": C70, "side": "LONG"}]},
    {"legs": [leg("TWX140621C00070000")]},
    {"legs": [leg("O:TWX140621C00070000")]},
    {"entry_time": "2014-06-05T14:00:00+00:00"},
    {"entry_time": "2014-06-05T10:00:00.000-04:00"},
    {"entry_time": "2014-06-05T14:00:00.000000999Z"},
    {"quantity": 1},
    {"quantity": "1.0", "multiplier": 100.0},
    {"fees": "0.00"},
    {"fees": 0},
    {"currency": "USD"},
    {"risk_amount": "139.00"},
    {"entry_quotes": {"TWX140621C00070000": quote("1.390", "1.39", "2014-06-05T14:00:00+00:00")}},
    {"entry_quotes": {C70: quote("1.39", "1.39", "2014-06-05T14:00:00.000000Z")}},
]


@pytest.mark.parametrize("change", REAL)
def test_an_opening_in_another_spelling_is_the_first_one(desk: Desk, change: dict[str, Any]) -> None:
    first = desk.a.open(desk.experiment)

    again = desk.a.post("trades", trade(desk.experiment) | change)

    assert (first.status, again.status, again.body) == (201, 200, first.body)
    assert (RealTrade.objects.count(), TradeFill.objects.count(), Incident.objects.count()) == (1, 1, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"entry_price": "0.980"},
        {"legs": [leg("O:TWX140719C00072500", entry_price="0.98")]},
        {"entry_time": "2014-06-05T14:00:00+00:00"},
    ],
)
def test_so_is_the_opening_of_a_shadow(desk: Desk, change: dict[str, Any]) -> None:
    body = trade(desk.experiment, "SHADOW", legs=[leg(C72_5_JULY, entry_price="0.98")])

    answers = [desk.b.post("trades", body), desk.b.post("trades", body | change)]

    assert [answer.status for answer in answers] == [201, 200]
    assert ShadowTrade.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"exit_price": "1.990"},
        {"exit_price": 1.99},
        {"exit_time": "2014-06-05T18:00:00+00:00"},
        {"exit_time": "2014-06-05T18:00:00.000000123Z"},
        {"fees": "0"},
        {"legs": []},
        {"legs": [{"instrument": "TWX140621C00070000", "exit_price": 1.99}]},
        {"legs": [{"instrument": C70, "side": "LONG", "ratio": 1, "entry_price": "1.390"}]},
        {"price_provenance": "BROKER_FILL"},
    ],
)
def test_an_exit_in_another_spelling_is_the_first_one(desk: Desk, change: dict[str, Any]) -> None:
    path = f"trades/{desk.open_real()}/exit"

    answers = [desk.a.post(path, real_exit()), desk.a.post(path, real_exit() | change)]

    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body == answers[1].body
    assert (TradeFill.objects.count(), Incident.objects.count()) == (2, 0)


@pytest.mark.parametrize("seen", ["12345678901234567890", "9007199254740993", "10000000000000000000000"])
def test_a_whole_number_among_what_was_seen_is_the_same_with_a_point(desk: Desk, seen: str) -> None:
    path, source = f"trades/{desk.open_real()}/exit", json.dumps(real_exit(market_conditions={"volume": "SEEN"}))

    answers = [desk.a.post_text(path, source.replace('"SEEN"', number)) for number in (seen, f"{seen}.0")]

    assert [answer.status for answer in answers] == [200, 200]


def test_the_price_of_a_single_leg_may_be_said_in_it_or_beside_it(desk: Desk) -> None:
    opening, closing = trade(desk.experiment), real_exit()
    trade_id = desk.a.post("trades", opening).body["trade_id"]
    desk.a.post(f"trades/{trade_id}/exit", closing)
    del opening["entry_price"], closing["exit_price"]

    answers = [
        desk.a.post("trades", opening),
        desk.a.post(f"trades/{trade_id}/exit", closing | {"legs": [{"instrument": C70, "exit_price": "1.99"}]}),
    ]

    assert [answer.status for answer in answers] == [200, 200]
    assert Incident.objects.count() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"legs": [{"instrument": C70, "exit_price": "1.98"}]},
        {"legs": [{"instrument": C70, "side": "SHORT"}]},
        {"legs": [{"instrument": C72_5_JULY}]},
    ],
)
def test_an_exit_of_other_legs_is_a_conflict(desk: Desk, change: dict[str, Any]) -> None:
    path = f"trades/{desk.open_real()}/exit"

    answers = [desk.a.post(path, real_exit()), desk.a.post(path, real_exit() | change)]

    assert [answer.status for answer in answers] == [200, 409]


@pytest.mark.parametrize(
    "change",
    [
        {"time": "2014-06-05T18:00:00+00:00"},
        {"fees": 0},
        {"market_conditions": {}},
        {"price_provenance": "BROKER_FILL"},
        {
            "legs": [
                {"price": 1.5, "quantity": 1, "side": "LONG", "effect": "CLOSE", "instrument": "TWX140621C00070000"}
            ]
        },
    ],
)
def test_a_fill_in_another_spelling_is_the_first_one(change: dict[str, Any]) -> None:
    desk = make_desk(plan_a=plan(quantity="2"))
    path = f"trades/{desk.open_real(quantity='2')}/fills"
    legs = [{"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1.50"}]
    body = {"fill_ref": "f1", "time": EXIT_TIME, "legs": legs}

    answers = [desk.a.post(path, body), desk.a.post(path, body | change)]

    assert [answer.status for answer in answers] == [201, 200]
    assert (TradeFill.objects.count(), Incident.objects.count()) == (2, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"exit_time": "2014-06-05T18:00:00+00:00", "quotes": {C72_5_JULY: quote()}},
        {"exit_time": EXIT_TIME, "quotes": {C72_5_JULY: quote()}, "legs": [], "fees": "0.00"},
        {"market_conditions": {"quotes": {"TWX140719C00072500": quote("1.310", "1.37")}}},
    ],
)
def test_a_directives_report_in_another_spelling_is_the_first_one(desk: Desk, change: dict[str, Any]) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id)
    directive_id = desk.b.pending()[0]["id"]

    first = desk.b.report(directive_id, quotes={C72_5_JULY: quote()})
    again = desk.b.report(directive_id, **change)

    assert (first.status, again.status, again.body) == (200, 200, first.body)


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": 1},
        {"multiplier": "100.00"},
        {"risk_amount": 139.0},
        {"legs": [{"instrument": "TWX140621C00070000", "side": "LONG"}]},
    ],
)
def test_a_plan_in_another_spelling_is_the_same_plan(change: dict[str, Any]) -> None:
    desk = make_desk(recommended=False)
    first = desk.a.recommend(desk.experiment, plan=plan())

    again = desk.a.recommend(desk.experiment, plan=plan() | change)

    assert (first.status, again.status, again.body) == (201, 200, first.body)
    assert Recommendation.objects.count() == 1


SPREAD = [leg(), leg(C72_5_JULY, "SHORT", entry_price="0.98")]


@pytest.mark.parametrize(
    "change", [{"entry_price": "0.41"}, {"legs": SPREAD[::-1]}, {"legs": SPREAD[::-1], "entry_price": 0.41}]
)
def test_the_order_of_legs_and_what_their_prices_come_to_mean_nothing(change: dict[str, Any]) -> None:
    planned = plan(*SPREAD)
    desk = make_desk(plan_a=planned)
    opening = trade(desk.experiment, legs=SPREAD)
    prices = {C70: "1.99", C72_5_JULY: "1.20"}
    path = f"trades/{desk.a.post('trades', opening).body['trade_id']}/exit"
    first = real_exit(legs=[{"instrument": name, "exit_price": price} for name, price in prices.items()])
    del first["exit_price"]
    turned = first | {"exit_price": "0.79", "legs": first["legs"][::-1]}

    answers = [
        desk.a.recommend(desk.experiment, plan=planned | {"legs": planned["legs"][::-1]}),
        desk.a.post("trades", opening | change),
        desk.a.post(path, first),
        desk.a.post(path, turned),
    ]

    assert [answer.status for answer in answers] == [200] * 4
    assert (TradeFill.objects.count(), Incident.objects.count()) == (2, 0)


@pytest.mark.parametrize("first", [0, 1])
def test_a_shadow_may_name_the_touch_of_its_own_quotes_or_not(desk: Desk, first: int) -> None:
    opening = trade(desk.experiment, "SHADOW", legs=[leg(C72_5_JULY, entry_price="0.98")])
    bare = opening | {"legs": [{"instrument": C72_5_JULY, "side": "LONG", "ratio": 1}]}
    del bare["entry_price"]
    desk.open_real()

    for body in (opening, bare)[:: 1 if first else -1]:
        answer = desk.b.post("trades", body)
    shadow_id = answer.body["trade_id"]
    own = [desk.leave_by_its_own_rules(shadow_id), desk.b.post(f"trades/{shadow_id}/exit", OWN_WITHOUT_PRICE)]
    desk.a.close(str(RealTrade.objects.get().pk))
    directive_id = desk.b.pending()[0]["id"]
    quotes = {"quotes": {C72_5_JULY: quote()}}
    in_leg = {"legs": [{"instrument": C72_5_JULY, "exit_price": "1.31"}]}
    said: list[dict[str, Any]] = [{}, {"exit_price": "1.31"}, in_leg]
    reports = [desk.b.report(directive_id, **quotes, **each) for each in said[:: 1 if first else -1]]

    assert (answer.status, ShadowTrade.objects.count()) == (200, 1)
    assert [each.status for each in own] == [202, 202]
    assert [each.status for each in reports] == [200] * 3
    assert desk.b.report(directive_id, **quotes, exit_price="1.30").status == 409


def test_what_the_prices_of_legs_without_a_ratio_of_1_come_to_may_be_said_or_not() -> None:
    twice = [each | {"ratio": 2} for each in SPREAD]
    desk = make_desk(plan_a=plan(*twice))
    opening = trade(desk.experiment, legs=twice)

    answers = [desk.a.post("trades", body) for body in (opening, opening | {"entry_price": "0.82"})]

    assert [(answer.status, answer.body["entry_price"]) for answer in answers] == [(201, "0.82"), (200, "0.82")]


def test_no_quotes_and_no_settlements_are_said_by_naming_none(desk: Desk) -> None:
    path = f"trades/{desk.open_real()}/exit"
    conditions = {"underlying": {"symbol": "TWX", "last": "71.51"}, "settlements": {}}

    answers = [desk.a.post(path, real_exit()), desk.a.post(path, real_exit(market_conditions=conditions))]

    assert [answer.status for answer in answers] == [200, 200]


def test_of_a_contract_quoted_in_two_spellings_the_canonical_one_counts(desk: Desk) -> None:
    opening = trade(desk.experiment)
    desk.a.post("trades", opening)
    other = {"TWX140621C00070000": quote("5", "6")}

    for quotes in (opening["entry_quotes"] | other, other | opening["entry_quotes"]):
        assert desk.a.post("trades", opening | {"entry_quotes": quotes}).status == 200


def test_the_order_of_members_and_white_space_mean_nothing(desk: Desk) -> None:
    first = desk.a.open(desk.experiment)
    turned = dict(reversed(trade(desk.experiment).items()))

    again = desk.a.post_text("trades", json.dumps(turned, indent=3))

    assert (again.status, again.body) == (200, first.body)


@pytest.mark.parametrize(
    "change",
    [
        {"entry_price": "1.391"},
        {"fees": "0.01"},
        {"entry_time": "2014-06-05T14:00:00.000001Z"},
        {"price_provenance": "MODEL"},
        {"currency": "INR"},
        {"risk_amount": "140"},
        {"entry_quotes": {}},
    ],
)
def test_what_means_something_else_is_a_conflict_and_kept(desk: Desk, change: dict[str, Any]) -> None:
    desk.open_real()

    answer = desk.a.post("trades", trade(desk.experiment) | change)

    assert (answer.status, answer.code) == (409, "conflict")
    assert Incident.objects.get().kind == "conflicting_report"


@pytest.mark.parametrize("change", [*REAL, {"entry_price": None}])
def test_a_refused_opening_in_another_spelling_is_one_incident(desk: Desk, change: dict[str, Any]) -> None:
    report = trade(desk.experiment)
    again = {name: value for name, value in (report | change).items() if value is not None}

    answers = [desk.b.post("trades", report), desk.b.post("trades", again)]

    assert [answer.code for answer in answers] == ["double_execution_prevented"] * 2
    assert Incident.objects.count() == 1


def test_so_is_one_before_the_recommendation_that_leaves_out_its_defaults() -> None:
    desk = make_desk(recommended=False)
    report = trade(desk.experiment)

    for said in (report, report | {"currency": "USD", "fees": "0", "legs": [leg("O:TWX140621C00070000")]}):
        assert desk.a.post("trades", said).code == "recommendation_missing"

    assert Incident.objects.get().report["legs"] == report["legs"]


def test_so_are_refused_exits_and_fills(desk: Desk) -> None:
    path = f"trades/{desk.open_real()}"
    legs = [{"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1.50"}]
    late = {"fill_ref": "late", "time": EXIT_TIME, "legs": legs}
    desk.a.post(f"{path}/exit", real_exit())

    for other in ({"exit_price": "2.5"}, {"exit_price": 2.50, "exit_time": "2014-06-05T18:00:00+00:00"}):
        assert desk.a.post(f"{path}/exit", real_exit() | other).code == "conflict"
    for other in ({}, {"fees": "0.00", "price_provenance": "BROKER_FILL"}):
        assert desk.a.post(f"{path}/fills", late | other).code == "already_closed"

    assert sorted(Incident.objects.values_list("kind", flat=True)) == ["conflicting_report", "unbookable_report"]


def test_refused_reports_that_say_something_else_are_incidents_of_their_own(desk: Desk) -> None:
    for price in ("1.39", "1.40", "1.41"):
        desk.b.post("trades", trade(desk.experiment) | {"entry_price": price})

    assert Incident.objects.count() == 3
