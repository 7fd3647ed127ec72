"""Pairs whose trades did not follow the same logic are marked by name (R4.5)."""

from __future__ import annotations

import pytest
from outcomes.services.exits import find_pair

from outcomes.models import Violation
from policies.models import Engine
from tests.outcomes.desk import C72_5_JULY, make_desk, quote

pytestmark = pytest.mark.django_db

QUOTED = {"quotes": {C72_5_JULY: quote()}}


def violations() -> set[tuple[str, str]]:
    return set(Violation.objects.values_list("engine", "name"))


def test_a_fair_pair_has_no_violation() -> None:
    desk = make_desk()
    real_id, _ = desk.open_real(), desk.open_shadow()

    desk.a.close(real_id, market_conditions=QUOTED)

    assert violations() == set()
    assert find_pair(desk.experiment.pk) is not None


def test_a_shadow_outside_the_entry_window_of_the_pinned_policy_is_late() -> None:
    desk = make_desk(policy={"entry_window_seconds": 60})
    real_id, _ = desk.open_real(), desk.open_shadow(entry_time="2014-06-05T14:01:00.000001Z")

    desk.a.close(real_id, market_conditions=QUOTED)

    assert violations() == {("B", "LATE_ENTRY")}
    assert Violation.objects.get().detail == "expected at most 60 s, found 60.000001 s"


def test_a_later_policy_does_not_change_the_window_of_an_old_pair() -> None:
    desk = make_desk(policy={"entry_window_seconds": 60})
    make_desk(policy={"entry_window_seconds": 3600})
    real_id, _ = desk.open_real(), desk.open_shadow(entry_time="2014-06-05T14:05:00Z")

    desk.a.close(real_id, market_conditions=QUOTED)

    assert violations() == {("B", "LATE_ENTRY")}


@pytest.mark.parametrize("engine", ["A", "B"])
def test_an_engine_that_trades_by_other_rules_than_it_recommended_is_marked(engine: str) -> None:
    desk = make_desk()
    Engine.objects.filter(pk=engine).update(rules_hash="b" * 64)
    real_id, _ = desk.open_real(), desk.open_shadow()

    desk.a.close(real_id, market_conditions=QUOTED)

    assert violations() == {(engine, "RULES_HASH_DIFFERS")}


def test_rules_registered_after_the_opening_do_not_matter() -> None:
    desk = make_desk()
    real_id, _ = desk.open_real(), desk.open_shadow()
    Engine.objects.update(rules_hash="b" * 64)

    desk.a.close(real_id, market_conditions=QUOTED)

    assert violations() == set()


def test_the_pair_is_checked_when_the_shadow_is_priced_by_its_own_quotes() -> None:
    desk = make_desk(policy={"entry_window_seconds": 0})
    real_id, _ = desk.open_real(), desk.open_shadow(entry_time="2014-06-05T14:00:01Z")
    desk.a.close(real_id)

    desk.b.report(desk.b.pending()[0]["id"], quotes=QUOTED["quotes"])

    assert violations() == {("B", "LATE_ENTRY")}


def test_the_pair_is_checked_when_the_shadow_opens_after_the_real_exit() -> None:
    desk = make_desk(policy={"entry_window_seconds": 0})
    desk.a.close(desk.open_real(), market_conditions=QUOTED)

    desk.open_shadow(entry_time="2014-06-05T14:00:01Z")

    assert violations() == {("B", "LATE_ENTRY")}


def test_nothing_is_checked_before_both_sides_are_closed() -> None:
    desk = make_desk(policy={"entry_window_seconds": 0})
    real_id, _ = desk.open_real(), desk.open_shadow(entry_time="2014-06-05T14:00:01Z")

    desk.a.close(real_id)

    assert find_pair(desk.experiment.pk) is None
    assert violations() == set()
