"""Why one experiment was executed as it was, in a sentence made from stored facts (R5.5).

The admin and the analyst API show the same sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from policies.core.rules import RULES_BY_VERSION, PolicyInputs, deciding_rule, halted, not_available

# Why an engine shadows although the policy chose it: no rule of the policy says it, but the time of its answer.
STALE_ANSWER = "STALE_ANSWER"


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What one engine has done so far; None where it has not answered yet."""

    action: str | None = None  # OPEN or DECLINE
    role: str | None = None  # REAL or SHADOW, as revealed
    role_reason: str | None = None
    traded: bool = False  # it reported the trade of its role


class Standing(Enum):
    """How a rule stood in one decision."""

    APPLIES = "applies"
    DOES_NOT_APPLY = "does not apply"
    # A rule before it had decided.
    OUTRANKED = "applies, outranked"


@dataclass(frozen=True, slots=True)
class RuleStep:
    """One rule of a decision, and the inputs that it looked at; `because` says why it decided, "" where it did not."""

    name: str
    meaning: str
    standing: Standing
    inputs: tuple[tuple[str, Any], ...]
    because: str = ""


class _Watched:
    """The inputs of a decision; remembers which a rule has looked at, in order."""

    def __init__(self, inputs: PolicyInputs) -> None:
        self._inputs = inputs
        self.read: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        value = self.read[name] = getattr(self._inputs, name)
        return value


def explain(
    *,
    executed_engine: str | None,
    inputs: Mapping[str, Any],
    rules_version: int,
    engines: Mapping[str, EngineFacts],
    absences: Mapping[str, str] | None = None,
) -> str:
    """One sentence: who traded for real, why, and what the other engine did.

    `inputs` are the decision's stored inputs; `engines` maps A and B to what they did, an engine
    left out has not answered. `absences` says of an engine what is known of its absence, such as
    "silent for 73 s, limit 60 s".
    """
    asked = PolicyInputs(**inputs)
    because = deciding_rule(asked, RULES_BY_VERSION[rules_version]).because(asked)
    for engine, absence in (absences or {}).items():
        because = because.replace(not_available(engine), f"engine {engine} was {absence}")
    known = {engine: engines.get(engine, EngineFacts()) for engine in ("A", "B")}
    if executed_engine is None:
        return f"Nobody trades for real because {because}; {_shadow('A', known['A'])}; {_shadow('B', known['B'])}."
    other = "B" if executed_engine == "A" else "A"
    real = _real(executed_engine, known[executed_engine], because)
    return f"{real}; {_shadow(other, known[other])}."


def walk_rules(inputs: Mapping[str, Any], rules_version: int) -> list[RuleStep]:
    """Every rule in the order of the policy, and how it stood; empty for a rules version that is no longer known."""
    asked = PolicyInputs(**inputs)
    steps: list[RuleStep] = []
    is_decided = False
    for rule in RULES_BY_VERSION.get(rules_version, ()):
        watched = _Watched(asked)
        # A rule takes whatever has the inputs' names.
        applies = rule.executes(watched) is not None  # type: ignore[arg-type]
        decides = applies and not is_decided
        standing = Standing.APPLIES if decides else Standing.OUTRANKED if applies else Standing.DOES_NOT_APPLY
        because = rule.because(asked) if decides else ""
        steps.append(RuleStep(rule.name, rule.meaning, standing, tuple(watched.read.items()), because))
        is_decided = is_decided or applies
    return steps


def _real(engine: str, facts: EngineFacts, because: str) -> str:
    """What the engine chosen to trade for real did with its turn."""
    name = f"Engine {engine}"
    if facts.action is None:
        return f"{name} may trade for real because {because}, but has not answered yet"
    if facts.action == "DECLINE":
        if facts.traded:
            return f"{name} traded for real although it had declined; it was chosen because {because}"
        return f"{name} was to trade for real because {because}, but declined"
    if facts.role != "REAL":
        causes = {
            halted.reason: "the kill switch was on when its role was revealed",
            STALE_ANSWER: "it had answered too late",
        }
        cause = causes.get(facts.role_reason or "", f"the reason was {facts.role_reason} when its role was revealed")
        done = "only shadowed" if facts.traded else "may only shadow"
        return f"{name} recommended the trade and was chosen because {because}, but {done}, as {cause}"
    if facts.traded:
        return f"{name} recommended the trade and traded for real because {because}"
    return f"{name} recommended the trade and may trade for real because {because}, but has reported no trade yet"


def _shadow(engine: str, facts: EngineFacts) -> str:
    """What an engine that must shadow did."""
    name = f"engine {engine}"
    if facts.action is None:
        return f"{name} is to shadow and has not answered yet"
    if facts.action == "DECLINE":
        return f"{name} declined"
    if facts.traded:
        return f"{name} recommended the trade and shadowed"
    return f"{name} recommended the trade and has reported no shadow trade yet"
