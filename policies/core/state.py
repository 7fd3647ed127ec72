"""What a decision depends on beside the signal, at one instant."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from policies.core.rules import FACTS, SETTING_INPUTS, PolicyInputs
from policies.core.settings import PolicySettings


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
        return PolicyInputs(
            app_mode=self.app_mode,
            policy_version=self.version,
            variant=variant,
            guardrail=self.guardrail.document() if self.guardrail else None,
            **{name: settings[name] for name in SETTING_INPUTS},
            **{name: getattr(self, name) for name in FACTS},
        )
