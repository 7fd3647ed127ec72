"""An engine reads its own trades: all that it needs to go on after a crash, and nothing of its rival."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from kernel.actors import Actor
from kernel.values import format_timestamp
from outcomes.models import RealTrade, Recommendation, ShadowTrade
from outcomes.selectors import answers_to_open
from policies.services import engage_halt
from tests.database import execute
from tests.outcomes.desk import C70, C72_5_JULY, Desk, EngineClient, live_desk, make_desk, now, quote

pytestmark = pytest.mark.django_db

QUOTED = {"quotes": {C72_5_JULY: quote()}}


def traded() -> Desk:
    """A real trade of A that has closed, and B's shadow, which has left by its own rules as well."""
    desk = make_desk()
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    desk.leave_by_its_own_rules(shadow_id)
    desk.a.close(real_id, market_conditions=QUOTED)
    return desk


def listed(engine: EngineClient, query: str = "") -> list[dict[str, Any]]:
    answer = engine.get(f"trades{query}")
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.body["trades"]
    return found


def test_a_real_trade_is_listed_with_all_that_has_become_of_it() -> None:
    desk = traded()

    (trade,) = listed(desk.a)

    assert (trade["kind"], trade["status"], trade["revision"]) == ("REAL", "CLOSED", 1)
    assert [(fill["fill_ref"], fill["legs"][0]["price"]) for fill in trade["fills"]] == [
        ("entry", "1.39"),
        ("exit", "1.99"),
    ]
    assert (trade["outcome"]["pnl"], trade["outcome"]["revision"], trade["own_exit"]) == ("60.00", 1, None)
    assert (trade["directives"], trade["violations"], trade["amendments"]) == ([], [], [])
    assert trade["snapshot_instruments"] == [C72_5_JULY]


def test_a_shadow_is_listed_with_its_directives_and_its_own_exit() -> None:
    desk = traded()

    (trade,) = listed(desk.b)

    assert (trade["kind"], trade["exit_reason"], trade["outcome"]["pnl"]) == ("SHADOW", "SYNCHRONISED", "33.00")
    (directive,) = trade["directives"]
    assert (directive["number"], directive["state"], directive["is_last"]) == (1, "DONE", True)
    assert directive["legs"] == [{"instrument": C72_5_JULY, "side": "LONG", "quantity": "1"}]
    assert (trade["own_exit"]["state"], trade["own_exit"]["pnl"]) == ("DONE", "22.00")


def test_nothing_of_the_other_engine_is_in_it() -> None:
    desk = traded()
    real, shadow = RealTrade.objects.get(), ShadowTrade.objects.get()

    assert C70 not in json.dumps(listed(desk.b))
    assert str(shadow.pk) not in json.dumps(listed(desk.a))
    assert desk.b.get(f"trades/{real.pk}").code == "not_found"


def test_one_trade_is_the_same_document_as_in_the_list() -> None:
    desk = traded()

    for engine in (desk.a, desk.b):
        (trade,) = listed(engine)
        assert engine.get(f"trades/{trade['trade_id']}").body == trade


def test_trades_of_a_replayed_signal_say_so_to_both_engines() -> None:
    desk, live = traded(), live_desk()
    live.open_real(entry_time=now())

    assert [(trade["experiment_id"] == str(desk.experiment.pk), trade["replayed"]) for trade in listed(desk.a)] == [
        (True, True),
        (False, False),
    ]
    assert [trade["replayed"] for trade in listed(desk.b)] == [True]


def test_violations_are_those_of_the_engine_itself() -> None:
    desk = make_desk()
    desk.open_real(quantity="2")
    desk.open_shadow()

    assert [found["name"] for found in listed(desk.a)[0]["violations"]] == ["PLAN_DIFFERS"]
    assert listed(desk.b)[0]["violations"] == []


def test_the_filters_narrow_the_list() -> None:
    first, second = traded(), make_desk()
    real_id = second.open_real()
    opened = RealTrade.objects.get(pk=real_id).opened_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def ids(query: str) -> list[str]:
        return [trade["trade_id"] for trade in listed(first.a, query)]

    assert ids("?status=OPEN") == [real_id]
    assert ids(f"?experiment_id={second.experiment.pk}") == [real_id]
    assert ids(f"?since={opened}") == [real_id]
    assert ids("?kind=SHADOW") == []
    assert len(ids("?kind=REAL")) == 2


def test_pages_follow_each_other_without_gap_or_repetition() -> None:
    desks = [make_desk(executed) for executed in ("A", "B", "A", "B", "A")]
    for desk in desks:
        if desk.experiment.decision.executed_engine == "A":
            desk.open_real()
        else:
            opened = desk.a.open(desk.experiment, "SHADOW")
            assert opened.status == 201, opened.body
    seen: list[str] = []
    query = "?page_size=2"

    while query:
        answer = desks[0].a.get(f"trades{query}").body
        seen += [trade["experiment_id"] for trade in answer["trades"]]
        query = answer["next_cursor"] and f"?page_size=2&cursor={answer['next_cursor']}"

    assert seen == [str(desk.experiment.pk) for desk in desks]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?cursor=nonsense", "cursor"),
        ("?cursor=%00", "cursor"),
        ("?cursor=eA==", "cursor"),
        ("?status=GONE", "status"),
        ("?kind=BOTH", "kind"),
        ("?since=yesterday", "since"),
        ("?page_size=0", "page_size"),
        ("?page_size=201", "page_size"),
        ("?engine=B", "engine"),
        ("?status=OPEN&status=CLOSED", "status"),
    ],
)
def test_what_the_list_does_not_know_is_refused(query: str, field: str) -> None:
    answer = make_desk().a.get(f"trades{query}")

    assert (answer.status, [error["pointer"] for error in answer.body["errors"]]) == (400, [f"/{field}"])


def test_a_page_costs_as_many_queries_however_long_it_is(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    desks = [traded() for _ in range(4)]

    with django_assert_max_num_queries(22):
        assert len(listed(desks[0].a)) == 4


def test_a_live_trade_that_is_open_says_what_was_booked() -> None:
    desk = live_desk()
    real_id = desk.open_real(entry_time=now())
    part = {"fill_ref": "f1", "time": now(), "legs": [_closing("0.4")]}
    assert desk.a.post(f"trades/{real_id}/fills", part).status == 201

    (trade,) = listed(desk.a, "?status=OPEN")

    assert [fill["fill_ref"] for fill in trade["fills"]] == ["entry", "f1"]
    assert (trade["outcome"], trade["pnl"], trade["exit_time"]) == (None, None, None)


def _closing(quantity: str) -> dict[str, str]:
    return {"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": quantity, "price": "1.50"}


def test_what_was_answered_and_not_opened_is_listed_with_role_and_plan() -> None:
    desk = make_desk()

    (real,), (shadow,) = (engine.get("recommendations").body["recommendations"] for engine in (desk.a, desk.b))

    stored = Recommendation.objects.get(engine="A")
    assert (real["experiment_id"], real["engine"], real["role"]) == (str(desk.experiment.pk), "A", "REAL")
    assert (real["plan"], real["halted"]) == (stored.plan, False)
    assert stored.permit_expires_at is not None
    assert real["permit_expires_at"] == format_timestamp(stored.permit_expires_at)
    assert (shadow["engine"], shadow["role"], shadow["permit_expires_at"]) == ("B", "SHADOW", None)
    engage_halt(Actor("tests"), reason="A test.")
    assert desk.a.get("recommendations").body["recommendations"] == [real | {"halted": True}]


def test_what_was_opened_or_declined_or_belongs_to_another_day_is_not_listed() -> None:
    desk = make_desk()
    desk.open_real()
    desk.open_shadow()
    declined = make_desk(recommended=False)
    declined.a.recommend(declined.experiment, action="DECLINE")
    old = make_desk()
    execute("SET session_replication_role = replica")
    Recommendation.objects.filter(experiment=old.experiment).update(
        recommended_at=datetime.now(UTC) - timedelta(days=2)
    )
    execute("SET session_replication_role = DEFAULT")

    for engine in (desk.a, desk.b):
        assert engine.get("recommendations").body == {"recommendations": [], "next_cursor": None}
        (found,) = engine.get("recommendations?since=2014-06-05T00:00:00Z").body["recommendations"]
        assert found["experiment_id"] == str(old.experiment.pk)


def test_answers_without_a_trade_come_in_pages(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    made = [str(make_desk().experiment.pk) for _ in range(5)]
    engine = EngineClient("A")
    found, query = [], "?page_size=2"
    while query:
        answer = engine.get(f"recommendations{query}").body
        found += [one["experiment_id"] for one in answer["recommendations"]]
        query = answer["next_cursor"] and f"?page_size=2&cursor={answer['next_cursor']}"

    assert sorted(found) == sorted(made)
    with django_assert_num_queries(2):
        answers_to_open("A", page_size=50)


@pytest.mark.parametrize("query", ["?cursor=nonsense", "?page_size=0", "?since=yesterday", "?status=OPEN"])
def test_a_wrong_query_for_answers_is_named(query: str) -> None:
    answer = make_desk().a.get(f"recommendations{query}")

    assert answer.status == 400
    assert answer.body["errors"][0]["pointer"] == f"/{query[1:].partition('=')[0]}"
