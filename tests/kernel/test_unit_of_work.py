"""What a unit of work writes: each row once, with COMMIT, seen by whoever asks before; and what it does not."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, models, transaction

from kernel import trips
from kernel.rows import execute as ask_one
from kernel.rows import from_json, insert, keep, unit_of_work, update
from tests.database import execute, rows, value
from tests.kernel.shelves import Book, Shelf, shelves  # noqa: F401 (a fixture)
from tests.threads import in_background

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelves")]

AT_COMMIT = """
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {}; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON books DEFERRABLE INITIALLY DEFERRED
   FOR EACH ROW EXECUTE FUNCTION at_commit();
"""
REFUSE = "RAISE EXCEPTION 'late' USING ERRCODE = '{}', CONSTRAINT = 'late'"


@pytest.fixture
def trips_made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of statements that were sent together."""
    made: list[int] = []
    trip = trips._trip

    def noted(session: Any, statements: Any, **how: bool) -> Any:
        made.append(len(statements))
        return trip(session, statements, **how)

    monkeypatch.setattr(trips, "_trip", noted)
    return made


def writes() -> list[str]:
    return [what for (what,) in rows("SELECT what FROM writes ORDER BY id")]


def names() -> list[str]:
    return [name for (name,) in rows("SELECT name FROM shelves ORDER BY id")]


def fail_after(name: str) -> None:
    insert(Shelf(name=name))
    raise ZeroDivisionError


def insert_and_look(row: models.Model) -> None:
    insert(row)
    names()


def test_each_row_is_written_once_as_it_is_at_the_end_in_one_trip(trips_made: list[int]) -> None:
    with unit_of_work():
        shelf = Shelf(pk=7, name="first")
        insert(shelf)
        book = Book(shelf=shelf, title="draft")
        keep(book, ("title",))
        shelf.name = "second"
        update(shelf, ("name",))
        shelf.labels = [*shelf.labels, "new"]
        keep(shelf, ("labels",))
        book.title = "final"

    assert rows("SELECT id, name, labels::text FROM shelves") == [(7, "second", '["new"]')]
    assert rows("SELECT shelf_id, title FROM books") == [(7, "final")]
    assert writes() == ["INSERT shelves", "INSERT books"]
    assert trips_made == [2]


def test_of_a_row_that_is_stored_all_changed_columns_are_written_together() -> None:
    shelf = Shelf(name="first")
    insert(shelf)
    with unit_of_work():
        shelf.name = "second"
        update(shelf, ("name",))
        shelf.labels = ["new"]
        update(shelf, ("labels",))
        shelf.name = "third"

    assert rows("SELECT name, labels::text FROM shelves") == [("third", '["new"]')]
    assert writes() == ["INSERT shelves", "UPDATE shelves"]


def test_what_a_unit_has_written_can_be_changed_back_in_another() -> None:
    insert(Shelf(name="first", labels=[]))
    shelf = from_json(Shelf, [value("SELECT id FROM shelves"), "first", []])
    for name in ("second", "first"):
        with unit_of_work():
            shelf.name = name
            update(shelf, ("name",))
        assert names() == [name]


def test_rows_are_written_in_the_order_in_which_they_were_first_named() -> None:
    one, other = Shelf(pk=1, name="one"), Shelf(pk=2, name="other")
    insert(other)
    with unit_of_work():
        insert(one)
        book = Book(shelf=one, title="book")
        insert(book)
        other.name = "another"
        update(other, ("name",))
        update(one, ("name",))

    assert writes() == ["INSERT shelves", "INSERT shelves", "INSERT books", "UPDATE shelves"]


LOOKS = {
    "the ORM": lambda: list(Shelf._default_manager.values_list("name", flat=True)),
    "a cursor": names,
    "a statement of ours": lambda: [name for (name,) in ask_one("SELECT name FROM shelves")],
    "a savepoint": lambda: _in_a_savepoint(names),
}


def _in_a_savepoint(look: Any) -> Any:
    with transaction.atomic():
        return look()


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_who_asks_in_between_sees_what_was_written_before(look: Any) -> None:
    with unit_of_work():
        shelf = Shelf(name="first")
        insert(shelf)
        assert look() == ["first"]
        assert shelf.pk is not None
        shelf.name = "second"
        update(shelf, ("name",))
        assert look() == ["second"]
        shelf.name = "third"
        update(shelf, ("name",))

    assert names() == ["third"]
    assert writes() == ["INSERT shelves", "UPDATE shelves", "UPDATE shelves"]


def test_what_is_asked_is_sent_together_with_what_was_to_be_written(trips_made: list[int]) -> None:
    with unit_of_work():
        insert(Shelf(name="first"))
        assert ask_one("SELECT name FROM shelves") == [("first",)]

    assert trips_made == [2, 0]


def test_hooks_run_once_after_commit_and_know_the_keys() -> None:
    told: list[Any] = []

    def tell() -> None:
        # Another session sees what is committed alone.
        with in_background(names) as seen:
            told.append((shelf.pk, seen.result()))

    with unit_of_work():
        shelf = Shelf(name="first")
        insert(shelf)
        transaction.on_commit(tell)
        assert (shelf.pk, told) == (None, [])

    assert told == [(value("SELECT id FROM shelves"), ["first"])]
    with unit_of_work():
        insert(Shelf(name="second"))
    assert len(told) == 1


def test_nothing_is_sent_of_a_block_that_fails(trips_made: list[int]) -> None:
    told: list[str] = []

    def work() -> None:
        transaction.on_commit(lambda: told.append("stored"))
        fail_after("first")

    with pytest.raises(ZeroDivisionError), unit_of_work():
        work()

    assert (trips_made, names(), told) == ([], [], [])


def test_what_was_written_before_a_block_fails_is_taken_back() -> None:
    def work() -> None:
        insert(Shelf(name="first"))
        assert names() == ["first"]
        fail_after("second")

    with pytest.raises(ZeroDivisionError), unit_of_work():
        work()

    assert names() == []


@pytest.mark.parametrize("nested", [False, True])
def test_a_block_that_is_to_be_rolled_back_writes_nothing(nested: bool) -> None:
    told: list[str] = []

    def work() -> None:
        with unit_of_work():
            insert(Shelf(name="first"))
            transaction.on_commit(lambda: told.append("stored"))
            transaction.set_rollback(True)

    if nested:
        with transaction.atomic():
            work()
            execute("INSERT INTO shelves (name) VALUES ('around')")
    else:
        work()

    assert names() == (["around"] if nested else [])
    assert told == []


def test_a_savepoint_takes_back_what_came_after_it_and_no_more() -> None:
    with unit_of_work():
        insert(Shelf(name="before"))
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            fail_after("within")
        insert(Shelf(name="after"))

    assert names() == ["before", "after"]


def test_a_row_that_could_not_be_written_before_a_savepoint_was_taken_back_does_no_harm() -> None:
    """It is not tried: its error would end the transaction around."""
    with unit_of_work():
        insert(Shelf(name="before"))
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            fail_after("before")
        insert(Shelf(name="after"))

    assert names() == ["before", "after"]


def test_after_an_error_within_a_savepoint_the_unit_goes_on() -> None:
    with unit_of_work():
        insert(Shelf(name="before"))
        with pytest.raises(IntegrityError), transaction.atomic():
            insert(Shelf(name="before"))
        with pytest.raises(IntegrityError), transaction.atomic():
            insert_and_look(Book(shelf_id=99, title="nowhere"))
        insert(Shelf(name="after"))

    assert names() == ["before", "after"]


def test_within_a_transaction_it_is_a_part_of_that() -> None:
    told: list[str] = []
    with transaction.atomic():
        with unit_of_work():
            insert(Shelf(name="first"))
            transaction.on_commit(lambda: told.append("stored"))
        assert (names(), told) == (["first"], [])
        transaction.set_rollback(True)

    assert (names(), told) == ([], [])


def test_so_it_is_within_another_unit() -> None:
    with unit_of_work():
        insert(Shelf(name="outer"))
        with unit_of_work():
            insert(Shelf(name="inner"))
        with pytest.raises(ZeroDivisionError), unit_of_work():
            fail_after("gone")
        insert(Shelf(name="again"))

    assert names() == ["outer", "inner", "again"]


def test_the_error_of_a_row_is_that_of_whoever_ends_the_unit_or_asks_in_between() -> None:
    insert(Shelf(name="first"))

    with pytest.raises(IntegrityError) as at_the_end, unit_of_work():
        insert(Shelf(name="first"))
    with pytest.raises(IntegrityError) as in_between, unit_of_work():
        insert_and_look(Shelf(name="first"))

    for caught in (at_the_end, in_between):
        assert caught.value.__cause__.diag.constraint_name == "shelves_name_key"  # type: ignore[union-attr]
    assert names() == ["first"]


FAILING = {
    "a deferred constraint": (REFUSE.format("23505"), IntegrityError),
    "a serialization failure": (REFUSE.format("40001"), OperationalError),
    "a session that the server ends": ("PERFORM pg_terminate_backend(pg_backend_pid())", OperationalError),
}


@pytest.mark.parametrize(("late", "error"), FAILING.values(), ids=FAILING)
def test_a_commit_that_fails_is_raised_and_nobody_is_told_of_it(late: str, error: type[DatabaseError]) -> None:
    execute(AT_COMMIT.format(late))
    told: list[str] = []

    def work(title: str) -> None:
        with unit_of_work():
            shelf = Shelf(pk=1, name="first")
            insert(shelf)
            insert(Book(shelf=shelf, title=title))
            transaction.on_commit(lambda: told.append("stored"))

    with pytest.raises(error) as caught:
        work("first")

    if error is IntegrityError:
        assert caught.value.__cause__.diag.constraint_name == "late"  # type: ignore[union-attr]
    assert (names(), told) == ([], [])
    execute("DROP TRIGGER late ON books")
    work("again")
    assert (names(), told) == (["first"], ["stored"])


def test_a_unit_in_which_somebody_went_on_after_an_error_is_not_taken_for_stored() -> None:
    told: list[str] = []

    def work() -> None:
        transaction.on_commit(lambda: told.append("stored"))
        for name in ("first", "first"):
            with suppress(IntegrityError):
                execute("INSERT INTO shelves (name) VALUES (%s)", name)

    with pytest.raises(DatabaseError), unit_of_work():
        work()

    assert (names(), told) == ([], [])


def test_rows_of_another_thread_are_not_ours() -> None:
    def write_one() -> list[str]:
        insert(Shelf(name="theirs"))
        return names()

    with unit_of_work():
        insert(Shelf(name="ours"))
        with in_background(write_one) as other:
            assert other.result() == ["theirs"]

    assert sorted(names()) == ["ours", "theirs"]


def test_outside_a_unit_a_row_is_written_at_once() -> None:
    shelf = Shelf(name="first")
    insert(shelf)
    assert rows("SELECT id, name FROM shelves") == [(shelf.pk, "first")]

    with unit_of_work():
        pass
    with pytest.raises(ZeroDivisionError), unit_of_work():
        raise ZeroDivisionError
    shelf.name = "second"
    update(shelf, ("name",))
    assert names() == ["second"]


def test_a_value_that_no_row_takes_leaves_session_and_database_as_they_were() -> None:
    pid = value("SELECT pg_backend_pid()")
    with pytest.raises(DatabaseError, match="NUL"), unit_of_work():
        insert(Shelf(name="a\0b"))

    assert names() == []
    assert value("SELECT pg_backend_pid()") == pid
