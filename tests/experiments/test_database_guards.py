"""The database derives assignment and decision anew: a row edited by hand is refused by name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from experiments.core.decision import assign, decision_hash
from policies.core.rules import RULES_VERSION
from tests.database import execute, insert, refusal_of, refusal_of_row, row_of, rows, value
from tests.experiments.raw_rows import without_triggers
from tests.factories import make_experiment, make_policy, make_signal
from tests.golden import VECTOR_KEY

pytestmark = pytest.mark.django_db
Row = dict[str, Any]


def flip_digit(digest: str) -> str:
    return ("1" if digest[0] == "0" else "0") + digest[1:]


# Experiments


@pytest.fixture
def experiment() -> Row:
    """A correct experiment row, taken out of its table so that it can be written again, changed or not."""
    made = make_experiment("A")
    row = row_of("experiments", experiment_id=made.pk)
    with without_triggers():
        for table in ("signal_distributions", "execution_policy", "experiments"):
            execute(f"DELETE FROM {table}")
    return row


def test_the_unchanged_experiment_is_accepted(experiment: Row) -> None:
    assert insert("experiments", experiment) == 1


def test_another_variant_is_refused(experiment: Row) -> None:
    other = {"A": "B", "B": "A"}[experiment["variant"]]

    assert refusal_of_row("experiments", experiment | {"variant": other}) == "experiments_variant_is_derived"


@pytest.mark.parametrize("variant", ["C", "a", "", " "])
def test_an_unknown_variant_is_refused(experiment: Row, variant: str) -> None:
    assert refusal_of_row("experiments", experiment | {"variant": variant}) == "experiments_variant_is_derived"


@pytest.mark.parametrize("step", [-1, 1])
def test_a_neighbouring_bucket_is_refused(experiment: Row, step: int) -> None:
    changed = experiment | {"bucket": experiment["bucket"] + step}

    assert refusal_of_row("experiments", changed) == "experiments_bucket_is_derived"


def test_another_assignment_hash_is_refused_for_its_bucket(experiment: Row) -> None:
    changed = experiment | {"assignment_hash": flip_digit(experiment["assignment_hash"])}

    assert refusal_of_row("experiments", changed) == "experiments_bucket_is_derived"


@pytest.mark.parametrize(("column", "text"), [("assignment_hash", "0" * 63), ("assignment_hash", "A" * 64)])
def test_what_is_no_hash_is_refused(experiment: Row, column: str, text: str) -> None:
    assert refusal_of_row("experiments", experiment | {column: text}) == "experiments_assignment_hash_is_sha256"


@pytest.mark.parametrize("text", ["", "0" * 15, "G" * 16])
def test_what_is_no_id_of_a_key_is_refused(experiment: Row, text: str) -> None:
    changed = experiment | {"assignment_key_id": text}

    assert refusal_of_row("experiments", changed) == "experiments_assignment_key_id_is_16_digits"


def test_the_hash_of_another_payload_is_refused(experiment: Row) -> None:
    other_hash = flip_digit(experiment["signal_hash"])
    forged = assign(experiment["signal_id"], other_hash, Decimal(50), VECTOR_KEY)
    changed = experiment | {
        "signal_hash": other_hash, "assignment_hash": forged.assignment_hash, "bucket": forged.bucket,
        "variant": forged.variant,
    }  # fmt: skip

    assert refusal_of_row("experiments", changed) == "experiments_hash_is_of_the_signal"


def test_a_split_other_than_the_policys_is_refused(experiment: Row) -> None:
    # So little apart that the variant stays the same.
    changed = experiment | {"split_percentage": Decimal("50.01") if experiment["bucket"] != 5000 else Decimal("49.99")}

    assert refusal_of_row("experiments", changed) == "experiments_split_is_of_the_pinned_version"


def test_a_policy_version_with_another_split_is_refused(experiment: Row) -> None:
    other = make_policy(split_percentage="51")

    changed = experiment | {"policy_version": other.version}
    assert refusal_of_row("experiments", changed) == "experiments_split_is_of_the_pinned_version"


def test_a_second_experiment_of_a_signal_is_refused(experiment: Row) -> None:
    insert("experiments", experiment)

    assert refusal_of_row("experiments", experiment | {"experiment_id": UUID(int=1)}) == "experiments_signal_id_key"


def test_the_database_derives_the_same_assignment_as_the_code_for_many_signals() -> None:
    for split in ("0", "12.34", "50", "99.99", "100"):
        make_experiment("A", policy={"split_percentage": split})

    # Whatever the code computes, these rows passed the checks above.
    assert value("SELECT count(*) FROM experiments") == 5


# Decisions


@pytest.fixture
def decision() -> Row:
    """A correct decision row, taken out of its table so that it can be written again, changed or not."""
    made = make_experiment("A")
    row = row_of("execution_policy", experiment_id=made.pk)
    row["inputs"] = value("SELECT inputs::text FROM execution_policy")
    with without_triggers():
        execute("DELETE FROM execution_policy")
    return row


def rehashed(row: Row, **changes: Any) -> Row:
    """Return the row changed, with a decision hash that fits."""
    changed = row | changes
    names = ("execution_mode", "executed_engine", "shadow_engine", "reason")
    document = {name: changed[name] for name in names}
    digest = decision_hash(changed["inputs"], document, changed["rules_version"])
    return changed | {"decision_hash": digest}


def test_the_unchanged_decision_is_accepted(decision: Row) -> None:
    assert rehashed(decision) == decision
    assert insert("execution_policy", decision) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"decision_hash": "0" * 64},
        {"reason": "SPLIT"},
        {"executed_engine": "B", "shadow_engine": "A"},
        {"executed_engine": None},
        {"execution_mode": "SPLIT_CAPITAL"},
        {"rules_version": RULES_VERSION + 1},
    ],
)
def test_a_decision_that_does_not_fit_its_hash_is_refused(decision: Row, change: Row) -> None:
    assert refusal_of_row("execution_policy", decision | change) == "execution_policy_hash_is_derived"


def test_inputs_that_do_not_fit_the_hash_are_refused(decision: Row) -> None:
    changed = decision | {"inputs": decision["inputs"].replace('"halted":false', '"halted":true')}

    assert changed["inputs"] != decision["inputs"]
    assert refusal_of_row("execution_policy", changed) == "execution_policy_hash_is_derived"


@pytest.mark.parametrize(
    ("execution_mode", "executed_engine", "shadow_engine"),
    [
        ("ENGINE_A_PRIMARY", "A", "A"),
        ("ENGINE_A_PRIMARY", "A", "BOTH"),
        ("ENGINE_A_PRIMARY", "B", "A"),
        ("ENGINE_A_PRIMARY", None, "B"),
        ("ENGINE_A_PRIMARY", None, "BOTH"),
        ("ENGINE_B_PRIMARY", "A", "B"),
        ("ENGINE_B_PRIMARY", None, "A"),
        ("SPLIT_CAPITAL", "B", "B"),
        ("SPLIT_CAPITAL", None, "BOTH"),
        ("SHADOW_ONLY", "A", "B"),
        ("SHADOW_ONLY", "B", "BOTH"),
        ("SHADOW_ONLY", None, "A"),
        ("AUTO", "A", "B"),
        ("AUTO", None, "BOTH"),
    ],
)
def test_roles_that_no_mode_allows_are_refused_even_with_a_fitting_hash(
    decision: Row, execution_mode: str, executed_engine: str | None, shadow_engine: str
) -> None:
    changed = rehashed(
        decision, execution_mode=execution_mode, executed_engine=executed_engine, shadow_engine=shadow_engine
    )

    assert refusal_of_row("execution_policy", changed) == "execution_policy_roles_fit_the_mode"


def test_an_unknown_reason_is_refused_even_with_a_fitting_hash(decision: Row) -> None:
    changed = rehashed(decision, reason="BECAUSE")

    assert refusal_of_row("execution_policy", changed) == "execution_policy_reason_known"


def test_another_policy_version_than_the_experiments_is_refused(decision: Row) -> None:
    changed = decision | {"policy_version": 1}

    assert refusal_of_row("execution_policy", changed) == "execution_policy_version_is_pinned"


def test_a_second_decision_for_an_experiment_is_refused(decision: Row) -> None:
    insert("execution_policy", decision)

    assert refusal_of_row("execution_policy", decision) == "execution_policy_pkey"


# Contexts and distributions


def test_a_context_that_does_not_fit_its_hash_is_refused() -> None:
    signal = make_signal()
    row = {"signal_id": signal.pk, "context": "{}", "context_hash": "0" * 64, "created_at": signal.received_at}

    assert refusal_of_row("market_contexts", row) == "market_contexts_hash_is_of_the_context"


def test_a_context_in_another_spelling_is_refused() -> None:
    signal = make_signal()
    right = value("SELECT encode(sha256('{\"a\":1}'), 'hex')")
    row = {"signal_id": signal.pk, "context": '{"a": 1}', "context_hash": right, "created_at": signal.received_at}

    assert refusal_of_row("market_contexts", row) == "market_contexts_hash_is_of_the_context"
    assert insert("market_contexts", row | {"context": '{"a":1}'}) == 1


@pytest.mark.parametrize(
    ("change", "constraint"),
    [({}, "signal_distributions_one_per_engine"), ({"engine": "C"}, "signal_distributions_engine_known")],
)
def test_a_third_distribution_is_refused(change: Row, constraint: str) -> None:
    experiment = make_experiment("A")
    row = row_of("signal_distributions", experiment_id=experiment.pk, engine="A") | {"id": 10**9} | change

    assert refusal_of_row("signal_distributions", row) == constraint


# Append-only


@pytest.mark.parametrize("table", ["experiments", "execution_policy", "market_contexts"])
def test_what_was_decided_is_never_changed_or_deleted(table: str) -> None:
    make_experiment("A")
    column = value(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND data_type LIKE 'timestamp%%'",
        table,
    )

    assert refusal_of(f"UPDATE {table} SET {column} = now()") == f"{table} is append-only: UPDATE is refused"
    assert refusal_of(f"DELETE FROM {table}") == f"{table} is append-only: DELETE is refused"


def test_the_state_of_a_lease_may_change() -> None:
    make_experiment("A")

    assert execute("UPDATE signal_distributions SET lease_token = gen_random_uuid(), answered_at = now()") == 2


def test_every_append_only_table_has_its_trigger_on() -> None:
    guarded = {table for table, state in rows(
        "SELECT tgrelid::regclass::text, tgenabled FROM pg_trigger"
        " WHERE tgfoid::regproc::text IN ('refuse_change', 'refuse_policy_change') AND tgenabled = 'O'"
    )}  # fmt: skip

    assert guarded >= {"policy_versions", "market_contexts", "experiments", "execution_policy", "signals", "halts"}
