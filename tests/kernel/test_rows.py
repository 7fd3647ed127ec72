"""Rows by prepared statements are the rows that the ORM reads and writes."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import IntegrityError, connection, connections, models, transaction

from kernel.rows import (
    add_related,
    execute,
    from_json,
    insert,
    json_columns,
    keep,
    read_json,
    refer,
    relate,
    trust_quiet_connection,
    update,
)
from outcomes.models import ExitDirective, OwnExit, RealOutcome, RealTrade, Recommendation, TradeFill
from outcomes.services.case import read_experiment
from tests.kernel.shelves import Shelf, shelves  # noqa: F401 (a fixture)
from tests.outcomes.desk import Desk, make_desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    desk = make_desk()
    desk.open_shadow()
    desk.a.close(desk.open_real())
    return desk


def columns(row: models.Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.mark.parametrize("model", [RealTrade, TradeFill, Recommendation, RealOutcome])
def test_a_row_read_as_json_is_the_row_that_the_orm_reads(desk: Desk, model: type[models.Model]) -> None:
    statement = f"SELECT {json_columns(model)}::text FROM {model._meta.db_table} t"

    found = [from_json(model, read_json(text)) for (text,) in execute(statement)]

    assert len(found) == model._default_manager.count() > 0
    assert {row.pk: columns(row) for row in found} == {row.pk: columns(row) for row in model._default_manager.all()}


@pytest.mark.usefixtures("shelves")
@pytest.mark.parametrize("document", [[1e22, 1e20, 0.1, 1.0, -0.0, 2**53 - 1, 2**53], {"ä": ['"\\\n', None]}, [], None])
def test_a_document_of_a_row_is_read_as_its_canonical_form_says(document: Any) -> None:
    insert(Shelf(name="first", labels=document))

    ((text,),) = execute(f"SELECT {json_columns(Shelf)}::text FROM shelves t")

    (shelf,) = Shelf._default_manager.all()
    # By their texts, because 1 equals 1.0.
    assert repr(from_json(Shelf, read_json(text)).labels) == repr(shelf.labels)


def test_what_is_inserted_comes_back_with_the_key_that_the_database_chose(desk: Desk) -> None:
    row = TradeFill.objects.filter(real_trade__isnull=False).latest("id")
    row.pk, row.number, row.fill_ref = None, row.number + 1, "another"
    row._state.adding = True

    keep(row, ())

    assert columns(TradeFill.objects.get(fill_ref="another")) == columns(row)
    assert not row._state.adding


def test_an_update_stores_the_named_columns_alone(desk: Desk) -> None:
    trade = RealTrade.objects.get()
    trade.flags, trade.exit_reason = ["CLOCK"], "MANUAL"

    update(trade, ("flags",))

    stored = RealTrade.objects.get()
    assert stored.flags == ["CLOCK"]
    assert stored.exit_reason != "MANUAL"


def test_a_broken_constraint_is_djangos_error_and_names_it(desk: Desk) -> None:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        insert(RealTrade.objects.get())

    assert caught.value.__cause__.diag.constraint_name == "real_trades_pkey"  # type: ignore[union-attr]


def test_what_is_rolled_back_is_not_stored(desk: Desk) -> None:
    trade = RealTrade.objects.get()
    trade.flags = ["CLOCK"]

    with transaction.atomic():
        update(trade, ("flags",))
        transaction.set_rollback(True)

    assert RealTrade.objects.get().flags != ["CLOCK"]


def test_related_rows_are_known_without_a_query_until_the_end(desk: Desk, django_assert_num_queries: Any) -> None:
    trade, fill = RealTrade.objects.get(), TradeFill.objects.first()
    assert fill is not None
    relate(trade, "fills", (), TradeFill)
    add_related(trade, "fills", fill)

    with django_assert_num_queries(0):
        assert list(trade.fills.all()) == [fill]


@pytest.mark.parametrize(
    ("model", "name", "back"),
    [(TradeFill, "real_trade", None), (ExitDirective, "real_fill", "exit_directive"), (OwnExit, "trade", "own_exit")],
)
def test_a_row_refers_to_another_as_if_it_were_assigned(model: type[models.Model], name: str, back: str | None) -> None:
    field: Any = model._meta.get_field(name)
    caches = []
    for assign in (refer, setattr):
        row, to = model(), field.related_model(pk=uuid4() if field.related_model is not TradeFill else 7)
        assign(row, name, to)
        assert (getattr(row, name), getattr(row, field.attname)) == (to, to.pk)
        assert back is None or getattr(to, back) is row
        caches.append((set(row._state.fields_cache), set(to._state.fields_cache)))

    assert caches[0] == caches[1]


def test_all_rows_of_an_experiment_know_each_other(desk: Desk, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        terms = read_experiment(desk.experiment.pk)
        (directive,) = terms.directives

        assert terms.real is directive.real_trade is directive.real_fill.real_trade
        assert directive.shadow_trade is terms.shadows["B"]
        assert [row.number for row in terms.trades[0].fills.all()] == [1, 2]
        assert terms.has_ended
        assert terms.real is not None
        assert [outcome.trade is terms.real for outcome in terms.real.outcomes.all()] == [True]


def test_of_a_row_that_was_read_an_update_stores_what_has_changed(desk: Desk) -> None:
    trade = read_experiment(desk.experiment.pk).real
    assert trade is not None
    trade.flags = ["CLOCK"]
    trade.prices_checked_at = None

    update(trade, ("flags", "prices_checked_at"))
    RealTrade.objects.update(flags=[])
    update(trade, ("flags",))

    stored = RealTrade.objects.get()
    assert (stored.flags, stored.prices_checked_at) == ([], None)


@pytest.mark.django_db(transaction=True)
def test_a_quiet_connection_is_trusted_and_one_that_the_server_has_closed_is_not() -> None:
    database: Any = connections["default"]
    database.ensure_connection()

    def is_trusted() -> bool:
        database.health_check_done = False
        trust_quiet_connection()
        return bool(database.health_check_done)

    assert is_trusted()
    session = database.connection.info
    with psycopg.connect(session.dsn, password=session.password) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (session.backend_pid,))
    assert not is_trusted()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
