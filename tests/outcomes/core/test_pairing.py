"""The checks of R4.5, each by its name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from outcomes.core.trades import Pair, PairedTrade, find_breaches

ENTRY = datetime(2014, 6, 5, 14, tzinfo=UTC)
EXIT = datetime(2014, 6, 5, 18, tzinfo=UTC)


def side(engine: str, **changes: Any) -> PairedTrade:
    fair = PairedTrade(
        engine=engine,
        context_hash="c",
        recommended_rules_hash=f"rules of {engine}",
        registered_rules_hash=f"rules of {engine}",
        entry_time=ENTRY,
        exit_time=EXIT,
        conditions_hash="m",
        entry_instruments=frozenset({engine}),
        exit_instruments=frozenset({engine}),
        stored_pnl=Decimal("60.00"),
        recomputed_pnl=Decimal(60),
    )
    return replace(fair, **changes)


def breaches(*, real: dict[str, Any] | None = None, shadow: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    pair = Pair("c", 300, side("A", **(real or {})), side("B", **(shadow or {})))
    return [(found.engine, found.name) for found in find_breaches(pair)]


def test_a_fair_pair_breaks_nothing() -> None:
    assert breaches() == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"context_hash": "other"}, "CONTEXT_HASH_DIFFERS"),
        ({"recommended_rules_hash": "other"}, "RULES_HASH_DIFFERS"),
        ({"registered_rules_hash": ""}, "RULES_HASH_DIFFERS"),
        ({"exit_instruments": frozenset({"other"})}, "INSTRUMENT_DIFFERS"),
        ({"exit_instruments": frozenset()}, "INSTRUMENT_DIFFERS"),
        ({"stored_pnl": Decimal("60.01")}, "PNL_DIFFERS"),
        ({"stored_pnl": None}, "PNL_DIFFERS"),
    ],
)
def test_either_trade_answers_for_itself(change: dict[str, Any], name: str) -> None:
    assert breaches(real=change) == [("A", name)]
    assert breaches(shadow=change) == [("B", name)]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"exit_time": EXIT + timedelta(microseconds=1)}, "EXIT_TIME_DIFFERS"),
        ({"conditions_hash": "other"}, "CONDITIONS_HASH_DIFFERS"),
    ],
)
def test_the_shadow_answers_for_what_it_must_share(change: dict[str, Any], name: str) -> None:
    assert breaches(shadow=change) == [("B", name)]


def test_entries_exactly_a_window_apart_are_fair() -> None:
    assert breaches(shadow={"entry_time": ENTRY + timedelta(seconds=300)}) == []


def test_whoever_entered_later_is_late() -> None:
    late = {"entry_time": ENTRY + timedelta(seconds=300, microseconds=1)}

    assert breaches(shadow=late) == [("B", "LATE_ENTRY")]
    assert breaches(real=late) == [("A", "LATE_ENTRY")]


def test_an_unpriced_shadow_is_no_breach() -> None:
    assert breaches(shadow={"stored_pnl": None, "recomputed_pnl": None, "exit_instruments": None}) == []


def test_every_breach_is_named_not_just_the_first() -> None:
    found = breaches(shadow={"context_hash": "x", "exit_time": ENTRY, "stored_pnl": Decimal(1)})

    assert [name for _, name in found] == ["CONTEXT_HASH_DIFFERS", "PNL_DIFFERS", "EXIT_TIME_DIFFERS"]


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"context_hash": "x"}, "expected c, found x"),
        ({"recommended_rules_hash": "other"}, "expected rules of B, found other"),
        ({"registered_rules_hash": ""}, "expected a registered hash, found rules of B"),
        ({"exit_instruments": frozenset({"other", "one"})}, "expected ['B'], found ['one', 'other']"),
        ({"exit_instruments": frozenset()}, "expected ['B'], found []"),
        ({"stored_pnl": Decimal("60.01")}, "expected 60, found 60.01"),
        ({"entry_time": ENTRY + timedelta(seconds=301)}, "expected at most 300 s, found 301.0 s"),
        ({"exit_time": ENTRY}, "expected 2014-06-05T18:00:00.000000Z, found 2014-06-05T14:00:00.000000Z"),
        ({"conditions_hash": "n"}, "expected m, found n"),
    ],
)
def test_a_breach_says_what_was_expected_and_found(change: dict[str, Any], detail: str) -> None:
    (breach,) = find_breaches(Pair("c", 300, side("A"), side("B", **change)))

    assert breach.detail == detail
