"""Previews read the stored decisions they are asked for, change nothing, and tell how far they are."""

from __future__ import annotations

import pytest

from experiments.history import preview as preview_module
from experiments.history.preview import PreviewSelection, decided_again, preview
from experiments.worker.pipeline import drain
from kernel.errors import DomainError
from policies.core.settings import PolicySettings
from policies.selectors import active_policy
from tests.database import execute, rows
from tests.factories import MOMENT, make_available, make_experiment, make_policy, make_signal, policy_settings

pytestmark = pytest.mark.django_db
SHADOW_ONLY = policy_settings(configured_mode="SHADOW_ONLY", split_percentage="50.00")
SPLIT = policy_settings(configured_mode="SPLIT_CAPITAL", split_percentage="50.00")
ALL = PreviewSelection(last=1000)


def in_force() -> PolicySettings:
    policy = active_policy()
    assert policy is not None
    return policy.content


def test_a_preview_of_the_settings_in_force_changes_nothing() -> None:
    make_available("A", "B")
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="37.5")
    for _ in range(20):
        make_signal()
    drain()

    found = preview(ALL, in_force())

    assert (found.considered, found.changed, found.unreadable) == (20, 0, 0)
    assert all(one.before == one.after for one in found.transitions)


def test_what_was_decided_under_the_settings_stays_and_the_rest_comes_to_the_same() -> None:
    make_available("A", "B")
    for _ in range(20):
        make_signal(symbol="SPY")
    drain()
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="50")
    for _ in range(20):
        make_signal(symbol="QQQ")
    drain()

    before, after = (preview(PreviewSelection(symbol=symbol), SPLIT) for symbol in ("SPY", "QQQ"))

    assert (before.considered, before.changed) == (20, 20)
    assert (after.considered, after.changed) == (20, 0)
    assert {one.after for one in before.transitions} == {one.after for one in after.transitions}


def test_only_the_newest_are_looked_at() -> None:
    first, second = make_experiment("A"), make_experiment("A")
    execute("SET session_replication_role = replica")
    execute("UPDATE experiments SET created_at = created_at - interval '1 hour' WHERE experiment_id = %s", first.pk)
    execute("SET session_replication_role = DEFAULT")

    assert [one.experiment_id for one in decided_again(PreviewSelection(last=1), SHADOW_ONLY)] == [str(second.pk)]
    before = PreviewSelection(until=second.created_at)
    assert [one.experiment_id for one in decided_again(before, SHADOW_ONLY)] == [str(first.pk)]
    since = PreviewSelection(since=second.created_at)
    assert [one.experiment_id for one in decided_again(since, SHADOW_ONLY)] == [str(second.pk)]


def test_symbol_and_timeframe_narrow_the_selection() -> None:
    spy = make_experiment("A", symbol="SPY", timeframe="5m")
    qqq = make_experiment("A", symbol="QQQ", timeframe="1h")

    by_symbol = decided_again(PreviewSelection(symbol="SPY"), SHADOW_ONLY)
    by_timeframe = decided_again(PreviewSelection(timeframe="1h"), SHADOW_ONLY)

    assert [one.experiment_id for one in by_symbol] == [str(spy.pk)]
    assert [one.experiment_id for one in by_timeframe] == [str(qqq.pk)]


@pytest.mark.parametrize("last", [0, -1, 100_001])
def test_a_preview_takes_a_limited_number(last: int) -> None:
    with pytest.raises(DomainError, match="between 1 and 100000"):
        preview(PreviewSelection(last=last), SHADOW_ONLY)


def test_a_preview_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview_module, "ROWS_PER_FETCH", 4)
    for _ in range(10):
        make_signal()
    drain()
    told: list[tuple[int, int]] = []

    preview(ALL, SHADOW_ONLY, lambda done, total: told.append((done, total)))

    assert told == [(4, 10), (8, 10), (10, 10)]


def test_a_preview_writes_nothing() -> None:
    make_experiment("A", timestamp=MOMENT)
    before = rows("SELECT d::text, e::text FROM execution_policy d JOIN experiments e USING (experiment_id)")

    assert preview(ALL, SHADOW_ONLY).changed == 1

    after = rows("SELECT d::text, e::text FROM execution_policy d JOIN experiments e USING (experiment_id)")
    assert after == before
