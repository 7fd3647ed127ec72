"""Who may trade for real: the one place where a policy rule changes.

Pure: no I/O, no clock, no randomness. A rule decides or passes; the first of RULES that decides
wins. Changing any rule changes decisions: raise RULES_VERSION, keep the old tuple for replay, and
change the specification in tests/golden/policy_truth_table.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

RULES_VERSION = 1


@dataclass(frozen=True, slots=True)
class PolicyInputs:
    """Everything a rule may look at; stored with the decision, so that replay is the same call."""

    app_mode: str
    configured_mode: str
    live_enabled: bool
    split_percentage: str  # text with two decimals, 0.00 to 100.00
    policy_version: int
    variant: str
    engine_a_available: bool
    engine_b_available: bool
    halted: bool
    # Name, value and limit of a guardrail that holds; absent from the document when none does.
    guardrail: Mapping[str, str] | None = None

    def document(self) -> dict[str, Any]:
        """Return the inputs as stored and hashed (contract: member names)."""
        document = {name: getattr(self, name) for name in self.__slots__ if name != "guardrail"}
        return document | ({"guardrail": dict(self.guardrail)} if self.guardrail else {})


@dataclass(frozen=True, slots=True)
class Resolution:
    """A decision. It holds one executed engine, so "both trade for real" has no form (R3.5)."""

    execution_mode: str
    executed_engine: str | None
    reason: str

    @property
    def shadow_engine(self) -> str:
        """The engine that must shadow: A, B, or BOTH when nobody trades for real (R4.1)."""
        return {"A": "B", "B": "A", None: "BOTH"}[self.executed_engine]

    def document(self) -> dict[str, str | None]:
        """Return the decision as hashed; an absent engine is null."""
        return {
            "execution_mode": self.execution_mode,
            "executed_engine": self.executed_engine,
            "shadow_engine": self.shadow_engine,
            "reason": self.reason,
        }


Rule = Callable[[PolicyInputs], Resolution | None]


def _nobody(reason: str) -> Resolution:
    return Resolution("SHADOW_ONLY", None, reason)


def halted(inputs: PolicyInputs) -> Resolution | None:
    """The kill switch stops everything, whatever else is set."""
    return _nobody("HALTED") if inputs.halted else None


def guardrail_tripped(inputs: PolicyInputs) -> Resolution | None:
    """A guardrail holds; it can only take real trading away, and only an operator gives it back."""
    return _nobody("GUARDRAIL") if inputs.guardrail else None


def configured_shadow_only(inputs: PolicyInputs) -> Resolution | None:
    """An operator wants no real trades (R3.4)."""
    return _nobody("CONFIGURED") if inputs.configured_mode == "SHADOW_ONLY" else None


def engine_a_unavailable(inputs: PolicyInputs) -> Resolution | None:
    """Without engine A nobody trades for real, in every mode (R3.3)."""
    return None if inputs.engine_a_available else _nobody("ENGINE_A_UNAVAILABLE")


def live_not_enabled(inputs: PolicyInputs) -> Resolution | None:
    """Real money moves only where the policy says so, and never by AUTO."""
    live = inputs.app_mode == "LIVE"
    if live and (not inputs.live_enabled or inputs.configured_mode == "AUTO"):
        return _nobody("LIVE_NOT_ENABLED")
    return None


def paper_default(inputs: PolicyInputs) -> Resolution | None:
    """AUTO in PAPER mode: engine A trades, engine B shadows (R3.1, R3.2)."""
    return Resolution("ENGINE_A_PRIMARY", "A", "PAPER_DEFAULT") if inputs.configured_mode == "AUTO" else None


def engine_a_primary(inputs: PolicyInputs) -> Resolution | None:
    """Engine A trades, engine B shadows (R3.2)."""
    if inputs.configured_mode == "ENGINE_A_PRIMARY":
        return Resolution("ENGINE_A_PRIMARY", "A", "CONFIGURED")
    return None


def engine_b_unavailable(inputs: PolicyInputs) -> Resolution | None:
    """Engine B's turn, but it is not there."""
    by_variant = inputs.configured_mode == "SPLIT_CAPITAL" and inputs.variant == "B"
    its_turn = inputs.configured_mode == "ENGINE_B_PRIMARY" or by_variant
    return _nobody("ENGINE_B_UNAVAILABLE") if its_turn and not inputs.engine_b_available else None


def engine_b_primary(inputs: PolicyInputs) -> Resolution | None:
    """Engine B trades, engine A shadows."""
    if inputs.configured_mode == "ENGINE_B_PRIMARY":
        return Resolution("ENGINE_B_PRIMARY", "B", "CONFIGURED")
    return None


def split_capital(inputs: PolicyInputs) -> Resolution | None:
    """The signal's variant trades: capital is split across signals, never within one (R12.4)."""
    if inputs.configured_mode == "SPLIT_CAPITAL":
        return Resolution("SPLIT_CAPITAL", inputs.variant, "SPLIT")
    return None


RULES: tuple[Rule, ...] = (
    halted,
    guardrail_tripped,
    configured_shadow_only,
    engine_a_unavailable,
    live_not_enabled,
    paper_default,
    engine_a_primary,
    engine_b_unavailable,
    engine_b_primary,
    split_capital,
)
# Replay looks the rules up by the version stored with the decision.
RULES_BY_VERSION: dict[int, tuple[Rule, ...]] = {RULES_VERSION: RULES}


def resolve_policy(inputs: PolicyInputs, rules: tuple[Rule, ...] = RULES) -> Resolution:
    """Return the first decision of the ordered rules (R3). Raise ValueError for an unknown mode."""
    for rule in rules:
        if (resolution := rule(inputs)) is not None:
            return resolution
    raise ValueError(f"no rule decides configured_mode {inputs.configured_mode!r}")
