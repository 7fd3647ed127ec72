"""Engines recommend blind; the answer reveals the role."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from experiments.models import SignalDistribution
from kernel.actors import Actor
from outcomes.models import Recommendation
from policies.services import engage_halt, release_halt
from tests.database import execute
from tests.factories import make_experiment
from tests.outcomes.desk import C70, EngineClient, leg, make_desk, plan, recommendation

pytestmark = pytest.mark.django_db


def test_the_answer_reveals_the_role_and_a_permit_to_the_executing_engine_only() -> None:
    desk = make_desk("A", recommended=False, policy={"permit_ttl_seconds": 120})

    real = desk.a.recommend(desk.experiment)
    shadow = desk.b.recommend(desk.experiment)

    stored = Recommendation.objects.get(engine="A")
    assert (real.status, real.body["role"], real.body["reason"]) == (201, "REAL", "CONFIGURED")
    assert stored.permit_expires_at == stored.recommended_at + timedelta(seconds=120)
    assert (shadow.status, shadow.body["role"], shadow.body["permit_expires_at"]) == (201, "SHADOW", None)
    assert set(real.body) == {
        "experiment_id", "engine", "action", "role", "reason", "permit_expires_at", "recommended_at", "halted",
    }  # fmt: skip


@pytest.mark.parametrize("executed", ["B", None])
def test_the_role_follows_the_decision(executed: str | None) -> None:
    desk = make_desk(executed)

    roles = dict(Recommendation.objects.values_list("engine", "role"))

    assert roles == {"A": "SHADOW", "B": "REAL" if executed == "B" else "SHADOW"}
    assert desk.experiment.decision.executed_engine == executed


@pytest.mark.parametrize(
    ("table", "call", "named"),
    [
        ("recommendations", "recommendations", "the recommendation of engine A"),
        ("permits", "permits/{}/confirm", "the permit of engine A"),
        ("engines", "recommendations", "engine A"),
    ],
)
def test_an_answer_that_rests_on_a_deleted_row_names_it(table: str, call: str, named: str) -> None:
    """Anew it could be another one, beside what was traded on the first."""
    desk = make_desk("A", recommended=table != "engines")
    body = {} if table == "permits" else recommendation(desk.experiment)
    execute("SET session_replication_role = replica")
    execute(f"DELETE FROM {table} WHERE {'name' if table == 'engines' else 'engine'} = 'A'")
    execute("SET session_replication_role = DEFAULT")

    answer = desk.a.post(call.format(desk.experiment.pk), body)

    assert (answer.status, answer.code) == (409, "history_incomplete")
    assert answer.body["detail"] == f"Deleted from the database: {named}."


def test_a_declined_experiment_gets_no_permit() -> None:
    desk = make_desk("A", recommended=False)

    answer = desk.a.recommend(desk.experiment, action="DECLINE")

    assert (answer.body["role"], answer.body["permit_expires_at"]) == ("REAL", None)


@pytest.mark.parametrize(
    "text",
    [
        '{"b" : 1.50,\n "a":[ 1,2 ] , "ü":"\\u00e9\\n"}',
        "null",
        '""',
        "false",
        "[ ]",
        "1e2",
        '"{\\"recommendation\\":1}"',
    ],
)
def test_the_recommendation_is_kept_byte_for_byte(text: str) -> None:
    desk = make_desk(recommended=False)
    body = recommendation(desk.experiment)
    del body["recommendation"]
    source = f'{json.dumps(body)[:-1]} ,\t"recommendation" :\n{text} }}'

    answer = desk.a.post_text("recommendations", source)

    assert answer.status == 201, answer.body
    assert Recommendation.objects.get(engine="A").recommendation == text


def test_the_distribution_is_marked_answered() -> None:
    desk = make_desk(recommended=False)

    desk.a.recommend(desk.experiment)

    answered = dict(SignalDistribution.objects.values_list("engine", "answered_at"))
    assert answered == {"A": Recommendation.objects.get().recommended_at, "B": None}


def test_a_repeat_gets_the_first_answer_however_it_is_spelled() -> None:
    desk = make_desk(recommended=False)
    first = desk.a.recommend(desk.experiment, recommendation={"x": 1.5})
    turned = dict(reversed(recommendation(desk.experiment, recommendation={"x": 1.5}).items()))

    again = desk.a.post_text("recommendations", json.dumps(turned, indent=2))

    assert (again.status, again.body) == (200, first.body)
    assert Recommendation.objects.count() == 1


def test_another_recommendation_is_a_conflict_and_the_first_stands() -> None:
    desk = make_desk(recommended=False)
    desk.a.recommend(desk.experiment, action="DECLINE")

    answer = desk.a.recommend(desk.experiment, action="OPEN")

    assert (answer.status, answer.code) == (409, "conflict")
    assert Recommendation.objects.get().action == "DECLINE"


def test_a_recommendation_made_from_another_context_is_refused() -> None:
    desk = make_desk(recommended=False)

    answer = desk.a.recommend(desk.experiment, context_hash=hashlib.sha256(b"other").hexdigest())

    assert (answer.status, answer.code) == (409, "context_mismatch")
    assert not Recommendation.objects.exists()


def test_a_plan_with_two_legs_of_one_contract_is_refused_however_it_is_written() -> None:
    desk = make_desk(recommended=False)
    twice = plan(leg(C70), leg("O:" + C70.replace(" ", ""), "SHORT"))

    answer = desk.a.recommend(desk.experiment, plan=twice)

    assert (answer.status, answer.code) == (400, "duplicate_leg")
    assert answer.body["errors"][0]["pointer"] == "/plan/legs"
    assert not Recommendation.objects.exists()


def test_an_unknown_experiment_is_not_found() -> None:
    experiment = make_experiment()

    answer = EngineClient("A").recommend(experiment, experiment_id=str(uuid4()))

    assert (answer.status, answer.code) == (404, "not_found")


def test_a_halt_turns_an_unrevealed_real_role_into_a_shadow() -> None:
    desk = make_desk("A", recommended=False)
    engage_halt(Actor("tests"), reason="Something is odd.")

    real, shadow = desk.a.recommend(desk.experiment), desk.b.recommend(desk.experiment)

    assert (real.body["role"], real.body["reason"], real.body["permit_expires_at"]) == ("SHADOW", "HALTED", None)
    assert (shadow.body["role"], shadow.body["reason"]) == ("SHADOW", "CONFIGURED")


def test_a_revealed_role_stays_when_a_halt_comes_or_goes() -> None:
    desk = make_desk("A", recommended=False)
    engage_halt(Actor("tests"), reason="Something is odd.")
    halted = desk.a.recommend(desk.experiment)
    release_halt(Actor("tests"), reason="It is over.")

    again = desk.a.recommend(desk.experiment)

    assert (again.status, again.body) == (200, halted.body | {"halted": False})
    assert halted.body["halted"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"experiment_id": "x"}, "/experiment_id"),
        ({"experiment_id": -1}, "/experiment_id"),
        ({"action": "BUY"}, "/action"),
        ({"rules_hash": "A" * 64}, "/rules_hash"),
        ({"rules_hash": None}, "/rules_hash"),
        ({"strategy_version": "v" * 101}, "/strategy_version"),
        ({"mode": "REAL"}, "/mode"),
    ],
)
def test_a_malformed_recommendation_is_refused_with_a_pointer(change: dict[str, object], pointer: str) -> None:
    desk = make_desk(recommended=False)

    answer = desk.a.post("recommendations", recommendation(desk.experiment) | change)

    assert (answer.status, [error["pointer"] for error in answer.body["errors"]]) == (400, [pointer])


def test_a_recommendation_without_its_member_is_refused() -> None:
    desk = make_desk(recommended=False)
    body = recommendation(desk.experiment)
    del body["recommendation"]

    assert desk.a.post("recommendations", body).body["errors"][0]["pointer"] == "/recommendation"


# The plan: what the engine would trade, said before it knows its role.


def test_the_plan_is_kept_with_its_numbers_as_text_and_its_contracts_in_one_spelling() -> None:
    desk = make_desk(recommended=False)
    legs = [{"instrument": "O:TWX140621C00070000", "side": "LONG"}]

    answer = desk.a.recommend(desk.experiment, plan=plan(quantity=2, risk_amount="278.00") | {"legs": legs})

    assert answer.status == 201
    assert Recommendation.objects.get().plan == {
        "legs": [{"instrument": C70, "side": "LONG", "ratio": 1}],
        "quantity": "2", "multiplier": "100", "currency": "USD", "risk_amount": "278",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("action", "planned", "code"),
    [("OPEN", None, "plan_missing"), ("DECLINE", plan(), "plan_not_allowed")],
)
def test_who_opens_has_a_plan_and_who_declines_has_none(action: str, planned: Any, code: str) -> None:
    desk = make_desk(recommended=False)

    answer = desk.a.recommend(desk.experiment, action=action, plan=planned)

    assert (answer.status, answer.code, answer.body["errors"][0]["pointer"]) == (400, code, "/plan")
    assert not Recommendation.objects.exists()


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"legs": []}, "/plan/legs"),
        ({"legs": [leg(f"X{n}") for n in range(5)]}, "/plan/legs"),
        ({"legs": [{"instrument": C70, "side": "LONG"}, {"instrument": C70, "side": "SHORT"}]}, "/plan/legs"),
        ({"legs": [{"instrument": C70, "side": "BUY"}]}, "/plan/legs/0/side"),
        ({"legs": [{"instrument": C70, "side": "LONG", "price": "1"}]}, "/plan/legs/0/price"),
        ({"quantity": "0"}, "/plan/quantity"),
        ({"quantity": "0.000000001"}, "/plan/quantity"),
        ({"multiplier": "-100"}, "/plan/multiplier"),
        ({"currency": "usd"}, "/plan/currency"),
        ({"risk_amount": "-1"}, "/plan/risk_amount"),
        ({"stop": "1"}, "/plan/stop"),
    ],
)
def test_a_malformed_plan_is_refused_with_a_pointer(change: dict[str, Any], pointer: str) -> None:
    desk = make_desk(recommended=False)
    planned = plan() | change

    answer = desk.a.post("recommendations", recommendation(desk.experiment, plan=planned))

    assert answer.status == 400
    assert pointer in [error["pointer"] for error in answer.body["errors"]]
    assert not Recommendation.objects.exists()


@pytest.mark.parametrize("missing", ["legs", "quantity", "multiplier", "currency", "risk_amount"])
def test_a_plan_says_everything(missing: str) -> None:
    desk = make_desk(recommended=False)
    planned = plan()
    del planned[missing]

    answer = desk.a.recommend(desk.experiment, plan=planned)

    assert (answer.status, answer.body["errors"][0]["pointer"]) == (400, f"/plan/{missing}")


def test_another_plan_is_another_recommendation() -> None:
    desk = make_desk(recommended=False)
    desk.a.recommend(desk.experiment)

    assert desk.a.recommend(desk.experiment, plan=plan(quantity="2")).code == "conflict"
