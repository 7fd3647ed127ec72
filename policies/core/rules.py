"""Who may trade for real: the one place where a policy rule changes.

A rule either applies and decides, or does not apply; the first of RULES that applies decides. Each names its reason and
says, from the inputs of a decision, why it decided; the reasons that the tables allow, the explanation of an experiment
and the pages are made from it. To add a rule, write it here and list it in RULES. Changing any rule changes decisions:
raise RULES_VERSION, keep the old tuple for replay, and change the specification in tests/golden/policy_truth_table.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from kernel.values import plain_text
from policies.core.settings import PolicySettings

RULES_VERSION = 1


def _from(source: str) -> Any:
    return field(metadata={"source": source})


@dataclass(frozen=True, slots=True)
class PolicyInputs:
    """Everything a rule may look at; stored with the decision, so that replay is the same call.

    Where an input comes from is said beside it: a setting of the pinned policy version, or a fact that only the
    moment of the decision knew. An input is added here and, if it is a fact, to `PolicyState`; nowhere else.
    """

    app_mode: str
    configured_mode: str = _from("setting")
    live_enabled: bool = _from("setting")
    # A number would lose its decimals in canonical JSON, where 50.00 is written 50; so the split is text.
    split_percentage: str = _from("setting")  # text with two decimals, 0.00 to 100.00
    policy_version: int = _from("version")
    variant: str = _from("signal")
    engine_a_available: bool = _from("fact")
    engine_b_available: bool = _from("fact")
    halted: bool = _from("fact")
    # Name, value and limit of a tripped guardrail; left out of the document when there is none.
    guardrail: Mapping[str, str] | None = None

    def document(self) -> dict[str, Any]:
        """The inputs as stored and hashed (contract: member names)."""
        # Left out instead of null, as an unset guardrail is in the settings: a decision hashes the same whether or not
        # its policy knew of guardrails.
        document = {name: getattr(self, name) for name in self.__slots__ if name != "guardrail"}
        return document | ({"guardrail": dict(self.guardrail)} if self.guardrail else {})


def _inputs_from(source: str) -> tuple[str, ...]:
    return tuple(each.name for each in fields(PolicyInputs) if each.metadata.get("source") == source)


SETTING_INPUTS = _inputs_from("setting")
# True or false, and known to the moment of the decision alone: replay takes them as stored.
FACTS = _inputs_from("fact")


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
        """The decision as hashed; an absent engine is null."""
        return {
            "execution_mode": self.execution_mode,
            "executed_engine": self.executed_engine,
            "shadow_engine": self.shadow_engine,
            "reason": self.reason,
        }


# Execution mode and executed engine.
Execution = tuple[str, str | None]
NOBODY: Execution = ("SHADOW_ONLY", None)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it is called, the reason it leaves with a decision, and how it says so."""

    name: str
    meaning: str
    reason: str
    because: Callable[[PolicyInputs], str]
    executes: Callable[[PolicyInputs], Execution | None] = field(repr=False)

    def __call__(self, inputs: PolicyInputs) -> Resolution | None:
        """The decision where the rule applies; None where it does not."""
        execution = self.executes(inputs)
        return None if execution is None else Resolution(*execution, self.reason)


def _rule(
    reason: str, because: Callable[[PolicyInputs], str]
) -> Callable[[Callable[[PolicyInputs], Execution | None]], Rule]:
    """Make a rule of a function: its name and docstring are the rule's, its result is who trades."""

    def make(executes: Callable[[PolicyInputs], Execution | None]) -> Rule:
        # Operators read the docstring on the preview and the pages; a rule without one fails at import.
        assert executes.__doc__
        return Rule(executes.__name__, executes.__doc__, reason, because, executes)

    return make


# How a rule says why it decided: clauses that name the settings and facts behind it.


def not_available(engine: str) -> str:
    """How a rule says that an engine was missing; what was known of it may be said in its place."""
    return f"engine {engine} was not available"


def _policy(inputs: PolicyInputs) -> str:
    split = ""
    if inputs.configured_mode == "SPLIT_CAPITAL":
        share = plain_text(Decimal(inputs.split_percentage))
        split = f" with {share}% for engine A, the signal's hash makes it variant {inputs.variant}"
    return f"policy v{inputs.policy_version} is {inputs.configured_mode}{split}"


def _with_engine_a(inputs: PolicyInputs) -> str:
    return f"{_policy(inputs)}, the site is in {inputs.app_mode} mode and engine A was available"


def _with_both(inputs: PolicyInputs) -> str:
    return f"{_policy(inputs)}, the site is in {inputs.app_mode} mode and both engines were available"


def _tripped(inputs: PolicyInputs) -> str:
    trip = inputs.guardrail or {}
    return f"a guardrail had tripped: {trip['name']} was {trip['value']}, limit {trip['limit']}"


def _not_live(inputs: PolicyInputs) -> str:
    obstacle = "is AUTO, which never trades live" if inputs.live_enabled else "does not enable live trading"
    return f"the site is in {inputs.app_mode} mode and policy v{inputs.policy_version} {obstacle}"


@_rule("HALTED", lambda _: "the kill switch was on")
def halted(inputs: PolicyInputs) -> Execution | None:
    """The kill switch stops everything, whatever else is set."""
    return NOBODY if inputs.halted else None


@_rule("GUARDRAIL", _tripped)
def guardrail_tripped(inputs: PolicyInputs) -> Execution | None:
    """A tripped guardrail stops real trading until an operator releases it."""
    return NOBODY if inputs.guardrail else None


@_rule("CONFIGURED", _policy)
def configured_shadow_only(inputs: PolicyInputs) -> Execution | None:
    """The policy is set to no real trades."""
    return NOBODY if inputs.configured_mode == "SHADOW_ONLY" else None


@_rule("ENGINE_A_UNAVAILABLE", lambda _: f"{not_available('A')}, and nothing trades for real without it")
def engine_a_unavailable(inputs: PolicyInputs) -> Execution | None:
    """Without engine A nothing trades for real, in any mode."""
    return None if inputs.engine_a_available else NOBODY


@_rule("LIVE_NOT_ENABLED", _not_live)
def live_not_enabled(inputs: PolicyInputs) -> Execution | None:
    """Real money is traded only where the policy enables it, and never under AUTO."""
    if inputs.app_mode == "LIVE" and (not inputs.live_enabled or inputs.configured_mode == "AUTO"):
        return NOBODY
    return None


@_rule("PAPER_DEFAULT", _with_engine_a)
def paper_default(inputs: PolicyInputs) -> Execution | None:
    """AUTO in PAPER mode: engine A trades, engine B shadows."""
    return ("ENGINE_A_PRIMARY", "A") if inputs.configured_mode == "AUTO" else None


@_rule("CONFIGURED", _with_engine_a)
def engine_a_primary(inputs: PolicyInputs) -> Execution | None:
    """Engine A trades, engine B shadows."""
    return ("ENGINE_A_PRIMARY", "A") if inputs.configured_mode == "ENGINE_A_PRIMARY" else None


@_rule("ENGINE_B_UNAVAILABLE", lambda inputs: f"{_policy(inputs)}, it was engine B's turn, and {not_available('B')}")
def engine_b_unavailable(inputs: PolicyInputs) -> Execution | None:
    """It was engine B's turn, but engine B was not available."""
    by_variant = inputs.configured_mode == "SPLIT_CAPITAL" and inputs.variant == "B"
    its_turn = inputs.configured_mode == "ENGINE_B_PRIMARY" or by_variant
    # Nobody trades instead: were A to step in, its real trades would include signals drawn for B, chosen by B's
    # outages, and the comparison of the two would no longer be random.
    return NOBODY if its_turn and not inputs.engine_b_available else None


@_rule("CONFIGURED", _with_both)
def engine_b_primary(inputs: PolicyInputs) -> Execution | None:
    """Engine B trades, engine A shadows."""
    return ("ENGINE_B_PRIMARY", "B") if inputs.configured_mode == "ENGINE_B_PRIMARY" else None


@_rule("SPLIT", lambda inputs: _with_both(inputs) if inputs.variant == "B" else _with_engine_a(inputs))
def split_capital(inputs: PolicyInputs) -> Execution | None:
    """The signal's variant trades: capital is split across signals, never within one."""
    return ("SPLIT_CAPITAL", inputs.variant) if inputs.configured_mode == "SPLIT_CAPITAL" else None


# The order decides which reason is stored when several rules apply. The brakes come first, so that a halt is reported
# as one whatever the mode. SHADOW_ONLY comes before the availability of A: where nobody was to trade, a silent engine
# is not what prevented it.
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
# Every reason that a stored decision can have, whatever its version.
REASONS = tuple(dict.fromkeys(rule.reason for rules in RULES_BY_VERSION.values() for rule in rules))


def deciding_rule(inputs: PolicyInputs, rules: tuple[Rule, ...] = RULES) -> Rule:
    """The first rule that applies (R3). Raises ValueError for an unknown mode."""
    for rule in rules:
        if rule.executes(inputs) is not None:
            return rule
    raise ValueError(f"no rule decides configured_mode {inputs.configured_mode!r}")


def resolve_policy(inputs: PolicyInputs, rules: tuple[Rule, ...] = RULES) -> Resolution:
    """The decision of the first rule that applies (R3). Raises ValueError for an unknown mode."""
    resolution = deciding_rule(inputs, rules)(inputs)
    assert resolution is not None
    return resolution


@dataclass(frozen=True, slots=True)
class Trip:
    """A tripped guardrail: what was measured and the limit it reached, as text."""

    name: str
    value: str
    limit: str

    def document(self) -> dict[str, str]:
        """As stored in the decision's inputs."""
        return {"name": self.name, "value": self.value, "limit": self.limit}


@dataclass(frozen=True, slots=True)
class PolicyState:
    """The policy version in force and the facts of the moment, as arguments: the core reads no clock.

    `at` is the database's time of the look; two states that differ in nothing else decide alike.
    """

    app_mode: str  # PAPER or LIVE
    version: int
    settings: PolicySettings
    engine_a_available: bool
    engine_b_available: bool
    halted: bool
    at: datetime = field(compare=False)
    guardrail: Trip | None = None

    def is_available(self, engine: str) -> bool:
        """Whether engine A or B was available."""
        return {"A": self.engine_a_available, "B": self.engine_b_available}[engine]

    def inputs(self, variant: str) -> PolicyInputs:
        """What the rules look at for a signal of this variant."""
        settings = self.settings.document()
        # Out of `document()`, so that the rules see the very texts that are hashed, not values that print alike.
        return PolicyInputs(
            app_mode=self.app_mode,
            policy_version=self.version,
            variant=variant,
            guardrail=self.guardrail.document() if self.guardrail else None,
            **{name: settings[name] for name in SETTING_INPUTS},
            **{name: getattr(self, name) for name in FACTS},
        )
