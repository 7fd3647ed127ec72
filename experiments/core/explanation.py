"""Why one experiment was executed as it was, in a sentence made from stored facts (R5.5).

Pure: no I/O, no clock, no randomness. The admin and the analyst API show the same sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policies.core.rules import RULES_BY_VERSION, PolicyInputs

FIXED_REASONS = {
    "HALTED": "the kill switch was on",
    "ENGINE_A_UNAVAILABLE": "engine A was not available, without which no policy lets anybody trade for real",
}


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What one engine has done so far; None where it has not answered yet."""

    action: str | None = None  # OPEN or DECLINE
    role: str | None = None  # REAL or SHADOW, as revealed
    role_reason: str | None = None
    traded: bool = False  # it reported the trade of its role


@dataclass(frozen=True, slots=True)
class RuleStep:
    """One rule as it was met on the way to the decision."""

    name: str
    meaning: str
    decided: bool


def explain(
    *,
    execution_mode: str,
    executed_engine: str | None,
    reason: str,
    inputs: Mapping[str, Any],
    engines: Mapping[str, EngineFacts],
) -> str:
    """Return one sentence: who traded for real, why, and what the other engine did.

    `inputs` are the decision's stored inputs; `engines` maps A and B to what they did, an engine
    left out has not answered.
    """
    because = _because(execution_mode, reason, inputs)
    known = {engine: engines.get(engine, EngineFacts()) for engine in ("A", "B")}
    if executed_engine is None:
        return f"Nobody trades for real because {because}; {_shadow('A', known['A'])}; {_shadow('B', known['B'])}."
    other = "B" if executed_engine == "A" else "A"
    real = _real(executed_engine, known[executed_engine], because)
    return f"{real}; {_shadow(other, known[other])}."


def walk_rules(inputs: Mapping[str, Any], rules_version: int) -> list[RuleStep]:
    """Return the rules in the order they were asked, up to the one that decided.

    Empty for a rules version that is no longer known.
    """
    steps = []
    asked = PolicyInputs(**inputs)
    for rule in RULES_BY_VERSION.get(rules_version, ()):
        decided = rule(asked) is not None
        steps.append(RuleStep(rule.__name__, (rule.__doc__ or "").strip(), decided))
        if decided:
            break
    return steps


def _because(execution_mode: str, reason: str, inputs: Mapping[str, Any]) -> str:
    """Return the reason as a clause that names the settings which led to it."""
    policy = f"policy v{inputs['policy_version']} is {inputs['configured_mode']}"
    mode = f"APP_MODE is {inputs['app_mode']}"
    if reason in FIXED_REASONS:
        return FIXED_REASONS[reason]
    if reason == "GUARDRAIL":
        trip = inputs["guardrail"]
        return f"a guardrail had tripped: {trip['name']} was {trip['value']}, limit {trip['limit']}"
    if reason == "ENGINE_B_UNAVAILABLE":
        return f"{policy}{_share(inputs)} and engine B, whose turn it was, was not available"
    if reason == "LIVE_NOT_ENABLED":
        return f"{mode} and policy v{inputs['policy_version']} {_live_obstacle(inputs)}"
    if execution_mode == "SHADOW_ONLY":
        return policy
    needs_both = execution_mode == "ENGINE_B_PRIMARY" or (reason == "SPLIT" and inputs["variant"] == "B")
    available = "both engines were" if needs_both else "engine A was"
    return f"{policy}{_share(inputs)}, {mode} and {available} available"


def _share(inputs: Mapping[str, Any]) -> str:
    if inputs["configured_mode"] != "SPLIT_CAPITAL":
        return ""
    return f" with {inputs['split_percentage']} % for engine A, the signal's hash makes it variant {inputs['variant']}"


def _live_obstacle(inputs: Mapping[str, Any]) -> str:
    return "is AUTO, which never trades live" if inputs["live_enabled"] else "does not enable live trading"


def _real(engine: str, facts: EngineFacts, because: str) -> str:
    """Return what the engine chosen to trade for real did with its turn."""
    name = f"Engine {engine}"
    if facts.action is None:
        return f"{name} may trade for real because {because}, but has not answered yet"
    if facts.action == "DECLINE":
        return f"{name} was to trade for real because {because}, but declined"
    if facts.role != "REAL":
        cause = "the kill switch was on" if facts.role_reason == "HALTED" else f"the reason was {facts.role_reason}"
        done = "only shadowed" if facts.traded else "may only shadow"
        return (
            f"{name} recommended the trade and was chosen because {because}, "
            f"but {done}, as {cause} when its role was revealed"
        )
    if facts.traded:
        return f"{name} recommended the trade and traded for real because {because}"
    return f"{name} recommended the trade and may trade for real because {because}, but has reported no trade yet"


def _shadow(engine: str, facts: EngineFacts) -> str:
    """Return what an engine that must shadow did."""
    name = f"engine {engine}"
    if facts.action is None:
        return f"{name} is to shadow and has not answered yet"
    if facts.action == "DECLINE":
        return f"{name} declined"
    if facts.traded:
        return f"{name} recommended the trade and shadowed"
    return f"{name} recommended the trade and has reported no shadow trade yet"
