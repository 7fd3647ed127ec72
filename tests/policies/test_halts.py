"""The kill switch: one action, one open halt, kept for ever."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from kernel.actors import Actor
from kernel.errors import DomainError
from policies.models import Halt
from policies.selectors import open_halt, state_in_force
from policies.services import engage_halt, release_halt
from tests.database import execute, refusal_of, refusal_of_row, row_of, value
from tests.threads import succeeded, tables_without_constraints, together, unguarded


def pull(by: str = "ada") -> Halt:
    return engage_halt(Actor(by), reason="strange fills")


@pytest.mark.django_db
def test_a_halt_holds_until_it_is_released() -> None:
    assert not state_in_force().halted

    halt = pull()
    assert state_in_force().halted
    assert open_halt() == halt

    release_halt(Actor("bob"), reason="found it")
    assert not state_in_force().halted
    assert open_halt() is None


@pytest.mark.django_db
def test_a_halt_keeps_who_when_and_why() -> None:
    pull("ada")
    halt = release_halt(Actor("bob"), reason=" found it ")

    assert (halt.engaged_by, halt.reason) == ("ada", "strange fills")
    assert (halt.released_by, halt.release_reason) == ("bob", "found it")
    assert halt.released_at is not None
    assert value("SELECT now()") <= halt.engaged_at <= halt.released_at <= value("SELECT clock_timestamp()")


@pytest.mark.django_db
def test_a_second_halt_is_refused_and_the_first_stands() -> None:
    first = pull("ada")

    with pytest.raises(DomainError, match="Trading is already halted") as caught:
        pull("bob")

    assert caught.value.code == "already_halted"
    assert open_halt() == first


@pytest.mark.django_db
def test_trading_can_be_halted_again_after_a_release() -> None:
    pull()
    release_halt(Actor("bob"), reason="found it")
    pull()

    assert state_in_force().halted
    assert Halt.objects.count() == 2


@pytest.mark.django_db
def test_there_is_nothing_to_release_while_no_halt_holds() -> None:
    with pytest.raises(DomainError) as caught:
        release_halt(Actor("bob"), reason="found it")

    assert caught.value.code == "not_halted"


@pytest.mark.django_db
@pytest.mark.parametrize("act", [engage_halt, release_halt])
@pytest.mark.parametrize("reason", ["", " \t"])
def test_both_need_a_reason(act: Callable[..., Halt], reason: str) -> None:
    with pytest.raises(DomainError) as caught:
        act(Actor("ada"), reason=reason)

    assert (caught.value.code, caught.value.pointer) == ("reason_missing", "/reason")
    assert Halt.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_of_many_who_pull_at_once_one_makes_the_halt() -> None:
    results = together(*[partial(pull, f"operator {n}") for n in range(6)])

    assert sorted(type(result).__name__ for result in results) == ["DomainError"] * 5 + ["Halt"]
    assert Halt.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_control_without_the_key_every_pull_would_make_a_halt() -> None:
    with tables_without_constraints("halts"):
        succeeded(together(*[unguarded(pull)] * 6))

        assert value("SELECT count(*) FROM unguarded.halts WHERE released_at IS NULL") == 6


@pytest.mark.django_db(transaction=True)
def test_of_many_who_release_at_once_one_does() -> None:
    pull()

    results = together(*[partial(release_halt, Actor(f"operator {n}"), reason="found it") for n in range(4)])

    assert sorted(type(result).__name__ for result in results) == ["DomainError"] * 3 + ["Halt"]


@pytest.mark.django_db
def test_the_database_keeps_every_halt() -> None:
    pull()

    assert refusal_of("DELETE FROM halts") == "halts is append-only: DELETE is refused"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("reason = ''", "halts_have_a_reason"),
        ("released_at = now()", "halts_released_by_somebody"),
        ("released_at = now(), released_by = 'bob'", "halts_released_by_somebody"),
        ("released_by = 'bob'", "halts_released_by_somebody"),
    ],
)
def test_the_database_refuses_a_halt_without_reason_or_releaser(change: str, constraint: str) -> None:
    pull()

    assert refusal_of(f"UPDATE halts SET {change}") == constraint


@pytest.mark.django_db
def test_the_database_refuses_a_second_open_halt_whoever_writes_it() -> None:
    pull()
    second = row_of("halts", engaged_by="ada") | {"id": 999, "engaged_by": "bob"}

    assert refusal_of_row("halts", second) == "halts_one_open"


@pytest.mark.django_db
def test_a_released_halt_cannot_be_opened_beside_another() -> None:
    pull()
    release_halt(Actor("bob"), reason="found it")
    pull()

    reopen = "UPDATE halts SET released_at = NULL, released_by = '', release_reason = '' WHERE released_at IS NOT NULL"

    assert execute("SELECT FROM halts") == 2
    assert refusal_of(reopen) == "halts_one_open"
