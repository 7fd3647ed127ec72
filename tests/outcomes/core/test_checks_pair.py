"""The rules of the comparison (R4.5), each by its name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from outcomes.core.checks import Breach, PairedTrade, breaches_of_one, breaches_of_the_exits

FIRST = datetime(2014, 6, 5, 18, tzinfo=UTC)
SECOND = FIRST + timedelta(hours=1)


def trade(engine: str = "B", **changes: Any) -> PairedTrade:
    fair = PairedTrade(
        engine=engine,
        context_hash="c",
        recommended_rules_hash="rules",
        registered_rules_hash="rules",
        exits=((FIRST, "m"), (SECOND, "n")),
        entry_instruments=frozenset({"X"}),
        exit_instruments=frozenset({"X"}),
        stored_pnl=Decimal("60.00"),
        recomputed_pnl=Decimal(60),
    )
    return replace(fair, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # UNPRICED: nothing was closed, and nothing earned.
        {"stored_pnl": None, "recomputed_pnl": None, "exit_instruments": None},
    ],
)
def test_a_fair_trade_breaks_nothing(changes: dict[str, Any]) -> None:
    assert list(breaches_of_one(trade(**changes), "c")) == []


@pytest.mark.parametrize(
    ("changes", "name", "detail"),
    [
        ({"context_hash": "x"}, "CONTEXT_HASH_DIFFERS", "expected c, found x"),
        ({"recommended_rules_hash": "other"}, "RULES_HASH_DIFFERS", "expected rules, found other"),
        ({"registered_rules_hash": ""}, "RULES_HASH_DIFFERS", "expected a registered hash, found rules"),
        (
            {"exit_instruments": frozenset({"Z", "Y"}), "entry_instruments": frozenset({"X", "W"})},
            "INSTRUMENT_DIFFERS",
            "expected ['W', 'X'], found ['Y', 'Z']",
        ),
        ({"exit_instruments": frozenset()}, "INSTRUMENT_DIFFERS", "expected ['X'], found []"),
        ({"stored_pnl": Decimal("60.01")}, "PNL_DIFFERS", "expected 60.00, found 60.01"),
        ({"stored_pnl": None}, "PNL_DIFFERS", "expected 60.00, found none"),
        ({"recomputed_pnl": None}, "PNL_DIFFERS", "expected none, found 60.00"),
    ],
)
def test_a_broken_rule_says_what_was_expected_and_found(changes: dict[str, Any], name: str, detail: str) -> None:
    assert list(breaches_of_one(trade(**changes), "c")) == [Breach("B", name, detail)]


def test_every_broken_rule_is_named_not_just_the_first() -> None:
    found = breaches_of_one(trade(context_hash="x", recommended_rules_hash="other", stored_pnl=Decimal(1)), "c")

    assert [breach.name for breach in found] == ["CONTEXT_HASH_DIFFERS", "RULES_HASH_DIFFERS", "PNL_DIFFERS"]


def test_a_shadow_may_follow_all_exits_of_the_real_trade_or_those_that_it_was_there_for() -> None:
    assert list(breaches_of_the_exits(trade("A"), trade())) == []
    assert list(breaches_of_the_exits(trade("A"), trade(exits=((SECOND, "n"),)))) == []
    assert list(breaches_of_the_exits(trade("A"), trade(exits=()))) == []


@pytest.mark.parametrize(
    ("exits", "name", "detail"),
    [
        (
            ((FIRST, "m"), (FIRST + timedelta(microseconds=1), "n")),
            "EXIT_TIME_DIFFERS",
            ("expected 2014-06-05T18:00:00.000000Z, 2014-06-05T19:00:00.000000Z, found 2014-06-05T18:00:00.000001Z"),
        ),
        (((FIRST, "x"), (SECOND, "n")), "CONDITIONS_HASH_DIFFERS", "expected m, found x"),
        # The conditions of another exit are not those of this one.
        (((FIRST, "n"),), "CONDITIONS_HASH_DIFFERS", "expected m, found n"),
    ],
)
def test_a_shadow_leaves_when_and_as_the_real_trade_did(
    exits: tuple[tuple[datetime, str], ...], name: str, detail: str
) -> None:
    assert list(breaches_of_the_exits(trade("A"), trade(exits=exits))) == [Breach("B", name, detail)]


def test_two_exits_of_one_moment_may_differ_in_what_was_seen() -> None:
    real = trade("A", exits=((FIRST, "m"), (FIRST, "n")))

    found = [list(breaches_of_the_exits(real, trade(exits=((FIRST, seen),)))) for seen in ("m", "n", "x")]

    assert found == [[], [], [Breach("B", "CONDITIONS_HASH_DIFFERS", "expected m, n, found x")]]


def test_each_exit_that_differs_is_named() -> None:
    strange = trade(exits=((FIRST, "x"), (SECOND + timedelta(hours=1), "n")))

    names = [breach.name for breach in breaches_of_the_exits(trade("A"), strange)]

    assert names == ["CONDITIONS_HASH_DIFFERS", "EXIT_TIME_DIFFERS"]
