"""What the database refuses whatever the code does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from outcomes.models import ExitDirective, Incident, RealTrade, Recommendation
from outcomes.services import trades
from signals_app.alerts.documents import trade_id
from tests.outcomes.desk import C72_5_JULY, Desk, make_desk, quote

pytestmark = pytest.mark.django_db

# Past all code.
INSERT_REAL = """
INSERT INTO real_trades (trade_id, experiment_id, engine, legs, quantity, multiplier, entry_price, entry_time,
    entry_fees, entry_provenance, rules_hash, request_hash, opened_at, status, exit_reason, exit_provenance,
    conditions_hash, exit_request_hash)
VALUES (%s, %s, %s, '[]', 1, 100, 1, now(), 0, 'BROKER_FILL', '', '', now(), 'OPEN', '', '', '', '')
"""


def insert_real(desk: Desk, engine: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(INSERT_REAL, (trade_id(desk.experiment.pk, engine, "REAL"), desk.experiment.pk, engine))


def refused_by(action: Callable[[], Any]) -> str:
    """Return the constraint that refuses the action."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        action()
    cause = caught.value.__cause__
    return str(getattr(cause, "diag").constraint_name or cause)  # noqa: B009 (psycopg's, unknown to Django's types)


@pytest.mark.parametrize("executed", ["A", "B"])
def test_a_real_trade_by_the_wrong_engine_cannot_be_written(executed: str) -> None:
    desk = make_desk(executed)
    other = {"A": "B", "B": "A"}[executed]

    insert_real(desk, executed)

    assert refused_by(lambda: insert_real(desk, other)) in {
        "real_trades_by_the_executed_engine", "real_trades_in_the_revealed_role", "real_trades_one_per_experiment",
    }  # fmt: skip


@pytest.mark.parametrize(("executed", "engine"), [("A", "B"), (None, "A"), (None, "B")])
def test_not_even_the_only_real_trade_may_be_the_wrong_engines(executed: str | None, engine: str) -> None:
    desk = make_desk(executed)

    assert refused_by(lambda: insert_real(desk, engine)).startswith("real_trades_")


def test_an_unrevealed_role_permits_no_real_trade() -> None:
    desk = make_desk("A", recommended=False)

    assert refused_by(lambda: insert_real(desk, "A")) == "real_trades_in_the_revealed_role"


def test_without_the_guards_both_engines_could_trade_for_real() -> None:
    """The control: it exists to ensure that the tests above test the guards and not the set-up."""
    desk = make_desk("A")

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "ALTER TABLE real_trades DROP CONSTRAINT real_trades_by_the_executed_engine,"
            " DROP CONSTRAINT real_trades_in_the_revealed_role, DROP CONSTRAINT real_trades_one_per_experiment"
        )
    insert_real(desk, "A")
    insert_real(desk, "B")

    assert RealTrade.objects.count() == 2


def test_when_the_code_forgets_to_look_the_database_refuses_and_the_report_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = make_desk("A")
    monkeypatch.setattr(trades, "permitting_recommendation", lambda *_: Recommendation.objects.get(engine="B"))

    answer = desk.b.open(desk.experiment, "REAL")

    assert (answer.status, answer.code) == (409, "double_execution_prevented")
    assert Incident.objects.get().kind == "double_execution_prevented"
    assert not RealTrade.objects.exists()


@pytest.mark.parametrize("table", ["recommendations", "real_outcomes", "shadow_outcomes", "incidents"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET engine = engine", "DELETE FROM {}"])
def test_what_happened_cannot_be_rewritten(table: str, statement: str) -> None:
    _finished_pair()

    assert "append-only" in refused_by(lambda: _execute(statement.format(table)))


@pytest.mark.parametrize(
    "change",
    [
        "entry_price = entry_price + 1",
        "quantity = 2",
        "entry_time = now()",
        "rules_hash = 'other'",
        "engine = 'B'",
        "legs = '[]'",
    ],
)
def test_the_entry_of_an_open_trade_never_changes(change: str) -> None:
    make_desk().open_real()

    assert "its entry never changes" in refused_by(lambda: _execute(f"UPDATE real_trades SET {change}"))


@pytest.mark.parametrize("table", ["real_trades", "shadow_trades"])
def test_a_closed_trade_is_final(table: str) -> None:
    _finished_pair()

    assert "closed once" in refused_by(lambda: _execute(f"UPDATE {table} SET exit_price = 9"))
    assert "append-only" in refused_by(lambda: _execute(f"DELETE FROM {table}"))


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("exit_time = exit_time + interval '1 microsecond'", "exit_directives_copy_the_real_exit"),
        ("market_conditions = '{}'", "exit_directives_hash_is_of_the_conditions"),
        ("state = 'PENDING'", "exit_directives_settled_has_time"),
    ],
)
def test_a_directive_holds_the_real_exits_time_and_conditions(change: str, constraint: str) -> None:
    _finished_pair()

    assert refused_by(lambda: _execute(f"UPDATE exit_directives SET {change}")) == constraint
    assert ExitDirective.objects.get().state == "PRICED"


def _finished_pair() -> None:
    desk = make_desk()
    real_id, _ = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id, market_conditions={"quotes": {C72_5_JULY: quote()}})
    desk.b.open(desk.experiment, "REAL")


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
