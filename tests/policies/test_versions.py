"""Policy versions: made one after the other, never changed, and only one editor wins."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest
from django.conf import settings as site_settings
from django.test import override_settings

from kernel.actors import Actor
from kernel.errors import DomainError
from policies.core.settings import SettingError
from policies.models import PolicyVersion
from policies.selectors import NoPolicyError, active_policy, policy_history, state_in_force
from policies.services import create_policy_version, ensure_first_version
from tests.database import execute, refusal_of, refusal_of_row, row_of, value
from tests.factories import make_policy, policy_settings
from tests.threads import (
    in_background,
    succeeded,
    tables_without_constraints,
    together,
    uncommitted,
    unguarded,
    wait_for_blocked_sessions,
)


def edit(base: int | None, split: str = "70", by: str = "ada") -> PolicyVersion:
    return create_policy_version(Actor(by), policy_settings(split_percentage=split), base_version=base, note="A ramp.")


def forget_all_versions() -> None:
    execute("TRUNCATE policy_versions CASCADE")


@pytest.mark.django_db
def test_a_new_version_follows_its_base_and_is_in_force() -> None:
    version = edit(1, "70.5")

    stored = active_policy()
    assert stored == version
    assert (version.version, version.base_version_id, version.created_by) == (2, 1, "ada")
    assert version.content == policy_settings(split_percentage="70.5")
    assert version.content_hash == policy_settings(split_percentage="70.5").content_hash()


@pytest.mark.django_db
def test_the_version_in_force_is_the_highest_one() -> None:
    make_policy(split_percentage="10")
    make_policy(split_percentage="20")

    assert state_in_force().version == 3
    assert state_in_force().settings.split_percentage == Decimal("20.00")
    assert [policy.version for policy in policy_history()] == [3, 2, 1]


@pytest.mark.django_db
def test_the_same_settings_hash_alike_in_every_version() -> None:
    assert make_policy(split_percentage="10").content_hash == make_policy(split_percentage="10").content_hash


@pytest.mark.django_db
@pytest.mark.parametrize("note", ["", "  \n"])
def test_a_version_needs_a_note(note: str) -> None:
    with pytest.raises(DomainError) as caught:
        create_policy_version(Actor("ada"), policy_settings(), base_version=1, note=note)

    assert (caught.value.code, caught.value.pointer) == ("note_missing", "/note")
    assert PolicyVersion.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("base", [1, 2, None])
def test_an_edit_of_an_old_version_is_a_conflict_that_names_the_new_one(base: int | None) -> None:
    edit(1)
    edit(2)

    with pytest.raises(DomainError, match="Version 3 was activated in the meantime") as caught:
        edit(base)

    assert caught.value.code == "policy_conflict"
    assert PolicyVersion.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_base_that_does_not_exist_is_a_conflict() -> None:
    with pytest.raises(DomainError, match="Version 1 was activated"):
        edit(41)

    assert PolicyVersion.objects.count() == 1


# Two editors at the same moment


@pytest.mark.django_db(transaction=True)
def test_of_many_editors_of_one_version_exactly_one_wins() -> None:
    results = together(*[partial(edit, 1, str(n), f"editor {n}") for n in range(6)])

    winners = [result for result in results if isinstance(result, PolicyVersion)]
    losers = [result for result in results if isinstance(result, DomainError)]
    assert (len(winners), len(losers)) == (1, 5)
    assert {loser.code for loser in losers} == {"policy_conflict"}
    assert active_policy() == winners[0]


@pytest.mark.django_db(transaction=True)
def test_control_without_the_keys_every_editor_would_win() -> None:
    with tables_without_constraints("policy_versions"):
        results = together(*[unguarded(partial(edit, 1, str(n))) for n in range(6)])

        assert [version.version for version in succeeded(results)] == [2] * 6
        assert value("SELECT count(*) FROM unguarded.policy_versions WHERE version = 2") == 6


@pytest.mark.django_db(transaction=True)
def test_an_editor_who_meets_an_unfinished_edit_waits_for_it_and_then_loses() -> None:
    with uncommitted(partial(edit, 1, "10", "first")) as commit, in_background(partial(edit, 1, "20")) as second:
        wait_for_blocked_sessions()
        commit()

        with pytest.raises(DomainError, match="Version 2 was activated in the meantime"):
            second.result()

    assert state_in_force().settings.split_percentage == Decimal("10.00")


# Append-only


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE policy_versions SET note = 'else'",
        "DELETE FROM policy_versions",
        "UPDATE policy_versions SET version = 5",
    ],
)
def test_the_database_refuses_to_change_or_delete_a_version(change: str) -> None:
    operation = change.split(maxsplit=1)[0]

    assert refusal_of(change) == f"policy_versions is append-only: {operation} is refused"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"configured_mode": "BOTH_PRIMARY"}, "policy_versions_configured_mode"),
        ({"split_percentage": "100.01"}, "policy_versions_split_percentage"),
        ({"split_percentage": "-0.01"}, "policy_versions_split_percentage"),
        ({"heartbeat_ttl_seconds": 0}, "policy_versions_heartbeat_ttl_seconds"),
        ({"permit_ttl_seconds": 0}, "policy_versions_permit_ttl_seconds"),
        ({"exit_directive_ttl_seconds": 0}, "policy_versions_exit_directive_ttl_seconds"),
        ({"version": 3}, "policy_versions_follow_their_base"),
        ({"base_version_id": None}, "policy_versions_follow_their_base"),
        ({"note": ""}, "policy_versions_have_a_note"),
    ],
)
def test_the_database_refuses_a_wrong_version_whoever_writes_it(change: dict[str, object], constraint: str) -> None:
    correct = row_of("policy_versions", version=1) | {"version": 2, "base_version_id": 1}

    assert refusal_of_row("policy_versions", correct | change) == constraint


# The first version


@pytest.mark.django_db
def test_the_first_version_comes_from_the_environment() -> None:
    forget_all_versions()

    initial = site_settings.INITIAL_POLICY | {"configured_mode": "SPLIT_CAPITAL", "split_percentage": "62.5"}
    with override_settings(INITIAL_POLICY=initial):
        first = ensure_first_version()

    assert (first.version, first.base_version, first.created_by) == (1, None, "environment")
    assert (first.configured_mode, first.split_percentage) == ("SPLIT_CAPITAL", Decimal("62.50"))


@pytest.mark.django_db
def test_the_environment_changes_nothing_once_there_is_a_version() -> None:
    with override_settings(INITIAL_POLICY={"configured_mode": "nonsense"}):
        assert ensure_first_version() == active_policy()

    assert PolicyVersion.objects.count() == 1


@pytest.mark.django_db
def test_no_first_version_is_made_from_a_wrong_environment() -> None:
    forget_all_versions()

    with (
        override_settings(INITIAL_POLICY=site_settings.INITIAL_POLICY | {"split_percentage": "50.005"}),
        pytest.raises(SettingError, match=r"split_percentage is '50.005'; allowed: a number from 0 to 100"),
    ):
        ensure_first_version()

    assert active_policy() is None


@pytest.mark.django_db(transaction=True)
def test_many_processes_that_start_together_make_one_first_version() -> None:
    forget_all_versions()

    versions = succeeded(together(*[ensure_first_version] * 6))

    assert {version.version for version in versions} == {1}
    assert PolicyVersion.objects.count() == 1


@pytest.mark.django_db
def test_without_any_version_the_error_says_what_to_run() -> None:
    forget_all_versions()

    with pytest.raises(NoPolicyError, match=r"run `manage\.py migrate`"):
        state_in_force()
