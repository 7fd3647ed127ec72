"""The assignment keys: what is refused at the start, which key is used, and that none is ever shown."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from experiments.checks import check_assignment_keys, check_key_is_shared, check_stored_keys
from experiments.core.decision import AssignmentKey, assignment_hash
from experiments.keys import key_with, known_keys
from experiments.models import Experiment
from kernel.errors import DomainError
from tests.factories import make_experiment
from tests.golden import VECTOR_KEY
from tests.manage_process import run_command

OTHER = "0123456789abcdef" * 4
BAD = "not-64-hexadecimal-digits"


def test_a_key_and_old_keys_pass(settings: Any) -> None:
    settings.ASSIGNMENT_KEY, settings.ASSIGNMENT_KEYS = OTHER.upper(), ["00" * 32]

    assert check_assignment_keys(None) == []
    assert set(known_keys()) == {AssignmentKey.read(OTHER).id, VECTOR_KEY.id}


@pytest.mark.parametrize("text", ["", BAD, "ab" * 31, "ab" * 33, "g" * 64])
def test_e001_a_key_that_is_none(settings: Any, text: str) -> None:
    settings.ASSIGNMENT_KEY = text

    (error,) = check_assignment_keys(None)

    assert (error.id, error.msg) == ("experiments.E001", "ASSIGNMENT_KEY is not a key.")
    assert not text or text not in str(error)


def test_e002_an_old_key_that_is_none_is_named_by_its_place(settings: Any) -> None:
    settings.ASSIGNMENT_KEYS = [OTHER, BAD]

    (error,) = check_assignment_keys(None)

    assert (error.id, error.msg) == ("experiments.E002", "Key 2 of ASSIGNMENT_KEYS is not a key.")


@pytest.mark.django_db
def test_w001_stored_experiments_whose_key_is_missing(settings: Any) -> None:
    make_experiment("A")
    assert check_stored_keys(None, ["default"]) == []
    settings.ASSIGNMENT_KEY = OTHER

    (warning,) = check_stored_keys(None, ["default"])

    assert warning.id == "experiments.W001"
    assert VECTOR_KEY.id in warning.msg
    settings.ASSIGNMENT_KEYS = [VECTOR_KEY.secret.hex()]
    assert check_stored_keys(None, ["default"]) == []


def test_w002_a_key_in_production_that_only_this_host_has(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PRODUCTION = True
    assert check_key_is_shared(None) == []
    monkeypatch.delenv("ASSIGNMENT_KEY")

    (warning,) = check_key_is_shared(None)

    assert warning.id == "experiments.W002"
    settings.PRODUCTION = False
    assert check_key_is_shared(None) == []


def test_a_key_that_is_missing_is_named_by_its_id() -> None:
    with pytest.raises(
        DomainError, match=r"Signals were assigned with the key 0123456789abcdef, which is neither"
    ) as raised:
        key_with("0123456789abcdef")

    assert raised.value.code == "assignment_key_missing"
    assert key_with(VECTOR_KEY.id) == VECTOR_KEY


@pytest.mark.django_db
def test_each_experiment_keeps_the_id_of_the_key_that_assigned_it(settings: Any) -> None:
    make_experiment("A")
    settings.ASSIGNMENT_KEY = OTHER
    make_experiment("A")

    for experiment, key in zip(
        Experiment.objects.order_by("created_at", "signal__timestamp"),
        (VECTOR_KEY, AssignmentKey.read(OTHER)),
        strict=True,
    ):
        assert experiment.assignment_key_id == key.id
        assert experiment.assignment_hash == assignment_hash(experiment.signal_id, experiment.signal_hash, key)


@pytest.mark.django_db
def test_replay_names_a_key_that_is_missing_and_verifies_once_it_is_there(settings: Any) -> None:
    experiment = make_experiment("A")
    settings.ASSIGNMENT_KEY = OTHER
    out = StringIO()

    with pytest.raises(SystemExit):
        call_command("replay", stdout=out, stderr=StringIO())
    settings.ASSIGNMENT_KEYS = [VECTOR_KEY.secret.hex()]
    call_command("replay", stdout=out, stderr=StringIO())

    assert out.getvalue().splitlines() == [
        f"{experiment.pk} experiments.assignment_key_id: stored {VECTOR_KEY.id}, recomputed a key in ASSIGNMENT_KEYS",
        "1 experiment verified: 1 difference.",
        "1 experiment verified: no difference.",
    ]


@pytest.mark.django_db
def test_no_log_line_holds_the_key(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.ASSIGNMENT_KEY = OTHER
    caplog.set_level("DEBUG")

    make_experiment("A")

    assert "experiment.created" in caplog.text
    assert OTHER not in caplog.text.lower()
    assert OTHER not in repr(AssignmentKey.read(OTHER))


@pytest.mark.processes
def test_a_process_refuses_to_start_with_a_bad_key_and_does_not_show_it() -> None:
    process = run_command("check", ASSIGNMENT_KEY=BAD, ASSIGNMENT_KEYS=f"{OTHER},{BAD}")

    assert process.returncode != 0
    assert "(experiments.E001) ASSIGNMENT_KEY is not a key." in process.stderr
    assert "(experiments.E002) Key 2 of ASSIGNMENT_KEYS is not a key." in process.stderr
    assert BAD not in process.stderr + process.stdout
