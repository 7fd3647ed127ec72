"""What the database refuses whatever the code does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from kernel.actors import Actor
from outcomes.models import (
    ExitDirective,
    Incident,
    OwnExit,
    RealTrade,
    Recommendation,
    ShadowOutcome,
    ShadowTrade,
    TradeFill,
)
from outcomes.services import openings
from policies.services import engage_halt
from signals_app.alerts.documents import trade_id
from tests.outcomes.desk import C72_5_JULY, Desk, make_desk, neutral_quote, quote

pytestmark = pytest.mark.django_db

# Past all code.
INSERT_REAL = """
INSERT INTO real_trades (trade_id, experiment_id, engine, legs, quantity, multiplier, currency, entry_quotes,
    entry_time, entry_fees, claimed_provenance, request_hash, opened_at, status, revision, flags, entry_price,
    entry_provenance, exit_reason, exit_provenance, conditions_hash)
VALUES (%s, %s, %s, '[]', 1, 100, 'USD', '{}', now(), 0, 'BROKER_FILL', '', now(), 'OPEN', 1, '[]', 1, '', '', '', '')
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
    monkeypatch.setattr(openings, "_permitting_recommendation", lambda *_: Recommendation.objects.get(engine="B"))

    answer = desk.b.open(desk.experiment, "REAL")

    assert (answer.status, answer.code) == (409, "double_execution_prevented")
    assert Incident.objects.get().kind == "double_execution_prevented"
    assert not RealTrade.objects.exists()


@pytest.mark.parametrize(
    "table", ["recommendations", "trade_fills", "real_outcomes", "shadow_outcomes", "incidents", "quotes"]
)
@pytest.mark.parametrize("statement", ["UPDATE {} SET experiment_id = experiment_id", "DELETE FROM {}"])
def test_what_happened_cannot_be_rewritten(table: str, statement: str) -> None:
    _finished_pair()
    neutral_quote("TWX", "70", "71")
    statement = statement.replace("experiment_id", "bid") if table == "quotes" else statement

    assert "append-only" in refused_by(lambda: _execute(statement.format(table)))


@pytest.mark.parametrize(
    "change",
    [
        "entry_fees = entry_fees + 1",
        "quantity = 2",
        "entry_time = now()",
        "currency = 'INR'",
        "declared_risk = 1",
        "entry_quotes = '{\"X\": 1}'",
        "engine = 'B'",
        "legs = '[]'",
    ],
)
def test_the_opening_of_an_open_trade_never_changes(change: str) -> None:
    make_desk().open_real()

    assert "its opening never changes" in refused_by(lambda: _execute(f"UPDATE real_trades SET {change}"))


@pytest.mark.parametrize("table", ["real_trades", "shadow_trades"])
def test_a_closed_trade_is_final(table: str) -> None:
    _finished_pair()

    assert "closed once" in refused_by(lambda: _execute(f"UPDATE {table} SET exit_price = 9"))
    assert "append-only" in refused_by(lambda: _execute(f"DELETE FROM {table}"))


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("exit_time = exit_time + interval '1 microsecond'", "exit_directives_copy_the_real_fill"),
        ("conditions_hash = repeat('0', 64)", "exit_directives_hash_is_of_the_conditions"),
        ("market_conditions = '{}'", "exit_directives_hash_is_of_the_conditions"),
        ("state = 'PENDING'", "exit_directives_settled_has_time"),
    ],
)
def test_a_directive_holds_the_real_exits_time_and_conditions(change: str, constraint: str) -> None:
    _finished_pair()

    assert refused_by(lambda: _execute(f"UPDATE exit_directives SET {change}")) == constraint
    assert ExitDirective.objects.get().state == "DONE"


def test_what_is_found_out_about_a_closed_trade_may_be_added() -> None:
    _finished_pair()

    _execute("UPDATE real_trades SET flags = '[\"CLOCK\"]', prices_checked_at = now()")

    assert RealTrade.objects.get().flags == ["CLOCK"]


INSERT_PERMIT = """
INSERT INTO permits (experiment_id, engine, revealed_at, expires_at)
VALUES (%s, %s, now(), now() + interval '1 minute')
"""


@pytest.mark.parametrize(
    ("executed", "engine", "answered", "constraint"),
    [
        ("A", "A", True, "permits_pkey"),
        ("A", "A", False, "permits_in_the_revealed_role"),
        ("A", "B", False, "permits_"),
        (None, "A", True, "permits_"),
    ],
)
def test_a_permit_is_given_once_and_to_the_engine_whose_role_was_revealed_as_real(
    executed: str | None, engine: str, answered: bool, constraint: str
) -> None:
    desk = make_desk(executed, recommended=answered)

    def insert() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(INSERT_PERMIT, (desk.experiment.pk, engine))

    assert refused_by(insert).startswith(constraint)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("expires_at = expires_at + interval '1 hour'", "is only confirmed"),
        ("engine = 'B'", "is only confirmed"),
        ("confirmed_at = NULL", "is only confirmed"),
        ("confirmed_at = confirmed_at - interval '1 microsecond'", "is only confirmed"),
        ("confirmed_at = expires_at + interval '1 microsecond'", "permits_confirmed_while_in_force"),
    ],
)
def test_of_a_permit_only_the_confirmation_moves_and_only_while_it_is_in_force(change: str, refusal: str) -> None:
    desk = make_desk()
    desk.a.confirm(desk.experiment)

    assert refusal in refused_by(lambda: _execute(f"UPDATE permits SET {change}"))
    assert "append-only" in refused_by(lambda: _execute("DELETE FROM permits"))


def test_no_permit_is_confirmed_while_trading_is_halted_or_after_its_trade() -> None:
    used, halted = make_desk(), make_desk()
    used.open_real()
    engage_halt(Actor("tests"), reason="Something is odd.")

    def confirm(desk: Desk) -> str:
        return refused_by(
            lambda: _execute(f"UPDATE permits SET confirmed_at = now() WHERE experiment_id = '{desk.experiment.pk}'")
        )

    assert "until it is used" in confirm(used)
    assert "while trading is halted" in confirm(halted)


@pytest.mark.parametrize("table", ["real_trades", "shadow_trades", "own_exits"])
def test_no_trade_and_no_own_exit_is_ever_deleted(table: str) -> None:
    _finished_pair()

    assert "append-only" in refused_by(lambda: _execute(f"DELETE FROM {table}"))


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"engine": "B"}, "trade_fills_of_their_real_trade"),
        ({"market_conditions": {"vix": 1}}, "trade_fills_hash_is_of_the_conditions"),
        ({"fill_ref": "entry"}, "trade_fills_first_is_the_entry"),
        ({"number": 1}, "trade_fills_first_is_the_entry"),
        ({"fill_ref": "exit"}, "trade_fills_real_ref"),
        ({"number": 2}, "trade_fills_real_number"),
        ({"shadow_trade": "the other"}, "trade_fills_of_one_trade"),
        ({"real_trade": None}, "trade_fills_of_one_trade"),
    ],
)
def test_a_fill_belongs_to_one_trade_of_its_engine_and_has_a_place_of_its_own(
    change: dict[str, Any], constraint: str
) -> None:
    _finished_pair()
    fill = TradeFill.objects.get(fill_ref="exit")
    if "shadow_trade" in change:
        change = {"shadow_trade": ShadowTrade.objects.get()}
    values = {"pk": None, "number": 3, "fill_ref": "more"} | change
    for name, value in values.items():
        setattr(fill, name, value)

    assert refused_by(lambda: fill.save(force_insert=True)) == constraint


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"engine": "A"}, "own_exits_of_their_trade"),
        ({"market_conditions": {"vix": 1}}, "own_exits_hash_is_of_the_conditions"),
        ({"pnl": None}, "own_exits_priced_has_pnl"),
        ({"state": "UNPRICED"}, "own_exits_priced_has_pnl"),
    ],
)
def test_an_own_exit_is_of_its_trade_and_has_a_result_when_priced(change: dict[str, Any], constraint: str) -> None:
    _finished_pair()

    assert refused_by(lambda: OwnExit.objects.update(**change)) == constraint


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"pnl": 34}, "shadowoutcome_pnl_is_gross_less_fees"),
        ({"price_provenance": "UNPRICED"}, "shadowoutcome_unpriced_has_no_pnl"),
        ({"pnl": None, "gross_pnl": None}, "shadowoutcome_unpriced_has_no_pnl"),
        ({"withdrawn": True, "revision": 2}, "shadowoutcome_withdrawn_has_no_pnl"),
        ({"revision": 0}, "shadowoutcome_revision_positive"),
    ],
)
def test_an_outcome_is_gross_less_fees_or_has_no_figures_at_all(change: dict[str, Any], constraint: str) -> None:
    _finished_pair()
    outcome = ShadowOutcome.objects.get()
    for name, value in change.items():
        setattr(outcome, name, value)

    def write() -> None:
        _execute("ALTER TABLE shadow_outcomes DISABLE TRIGGER shadow_outcomes_append_only")
        outcome.save()

    assert refused_by(write) == constraint


def _finished_pair() -> None:
    desk = make_desk()
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    conditions = {"quotes": {C72_5_JULY: quote()}}
    desk.a.close(real_id, market_conditions=conditions)
    desk.b.close(shadow_id, exit_price="1.31", market_conditions=conditions)
    desk.b.open(desk.experiment, "REAL")


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)
