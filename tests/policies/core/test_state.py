"""What the rules are asked with: the state in force, and a guardrail that has tripped."""

from __future__ import annotations

from policies.core.rules import Trip
from tests.factories import policy_state

TRIP = Trip("max_engine_flaps", "4", "3")


def test_a_tripped_guardrail_is_an_input_of_the_rules() -> None:
    document = {"name": "max_engine_flaps", "value": "4", "limit": "3"}

    assert TRIP.document() == document
    assert policy_state(guardrail=TRIP).inputs("A").guardrail == document


def test_without_a_tripped_guardrail_the_rules_are_asked_without_one() -> None:
    assert policy_state().inputs("A").guardrail is None


def test_each_engine_is_available_by_itself() -> None:
    state = policy_state(engine_b_available=False)

    assert [state.is_available(engine) for engine in "AB"] == [True, False]
    assert [policy_state(engine_a_available=False).is_available(engine) for engine in "AB"] == [False, True]


def test_the_mode_the_version_and_the_variant_are_inputs_of_the_rules() -> None:
    inputs = policy_state(app_mode="LIVE", version=12).inputs("B")

    assert (inputs.app_mode, inputs.policy_version, inputs.variant) == ("LIVE", 12, "B")
