"""R12: operators change who trades by configuration; what is wrong never starts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from experiments.models import Experiment
from experiments.worker.pipeline import drain
from kernel.actors import Actor
from kernel.errors import DomainError
from policies.models import PolicyVersion
from policies.selectors import active_policy
from policies.services import create_policy_version
from tests.database import execute, rows
from tests.factories import make_available, make_experiment, make_policy, make_signal, policy_settings
from tests.manage_process import run_command
from tests.processes.harness import database_url


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_r12_1_the_first_policy_is_read_from_the_environment() -> None:
    execute("TRUNCATE policy_versions CASCADE")

    process = run_command(
        "migrate",
        DATABASE_URL=database_url(),
        EXECUTION_MODE="SPLIT_CAPITAL",
        SPLIT_PERCENTAGE="62.5",
        HEARTBEAT_TTL_SECONDS="30",
    )

    assert process.returncode == 0, process.stderr
    policy = PolicyVersion.objects.get()
    assert (policy.version, policy.created_by) == (1, "environment")
    assert (policy.configured_mode, policy.split_percentage) == ("SPLIT_CAPITAL", Decimal("62.50"))
    assert policy.heartbeat_ttl_seconds == 30


@pytest.mark.django_db
def test_r12_1_from_then_on_it_is_read_from_its_table() -> None:
    make_policy(configured_mode="ENGINE_B_PRIMARY")

    policy = active_policy()
    assert policy is not None
    assert (policy.version, policy.configured_mode) == (2, "ENGINE_B_PRIMARY")


@pytest.mark.django_db
def test_r12_2_a_change_applies_to_the_next_experiment_without_restart() -> None:
    before = make_experiment("A")
    make_policy(configured_mode="ENGINE_B_PRIMARY")
    signal = make_signal()

    drain()

    after = Experiment.objects.get(signal=signal)
    assert (before.decision.executed_engine, after.decision.executed_engine) == ("A", "B")
    assert Experiment.objects.get(pk=before.pk).policy_version_id == before.policy_version_id


@pytest.mark.django_db
@pytest.mark.parametrize("mode", ["SHADOW_ONLY", "ENGINE_A_PRIMARY", "ENGINE_B_PRIMARY", "SPLIT_CAPITAL"])
def test_r12_3_every_execution_mode_can_be_configured_and_takes_effect(mode: str) -> None:
    make_available("A", "B")
    make_policy(configured_mode=mode)
    make_signal()

    drain()

    assert rows("SELECT execution_mode FROM execution_policy") == [(mode,)]


@pytest.mark.django_db
@pytest.mark.parametrize("split", ["30", "70"])
def test_r12_4_split_capital_allocates_whole_signals_by_split_percentage(split: str) -> None:
    make_available("A", "B")
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage=split)
    for _ in range(60):
        make_signal()

    drain()

    allocated = rows(
        "SELECT variant, bucket, executed_engine FROM experiments JOIN execution_policy USING (experiment_id)"
    )
    assert {executed for _, _, executed in allocated} == {"A", "B"}
    for variant, bucket, executed in allocated:
        assert variant == executed == ("A" if bucket < int(split) * 100 else "B")


@pytest.mark.processes
def test_r12_5_no_process_starts_with_an_invalid_policy() -> None:
    process = run_command("worker", EXECUTION_MODE="BOTH_PRIMARY", SPLIT_PERCENTAGE="50.005")

    assert process.returncode != 0
    assert "(policies.E002) EXECUTION_MODE is 'BOTH_PRIMARY'." in process.stderr
    assert "(policies.E003) SPLIT_PERCENTAGE is '50.005'." in process.stderr
    assert "Allowed: a number from 0 to 100 with at most two decimals." in process.stderr


@pytest.mark.django_db
def test_r12_5_no_invalid_policy_is_put_in_force_later_either() -> None:
    with pytest.raises(AssertionError, match="split_percentage"):
        policy_settings(split_percentage="101")
    with pytest.raises(DomainError, match="Say why"):
        create_policy_version(Actor("ada"), policy_settings(), base_version=1, note="")

    assert PolicyVersion.objects.count() == 1
