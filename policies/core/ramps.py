"""A ramp: engine B's share of real trades rises step by step, as long as each step has gone well.

What happens next follows from the plan and from what the present step has brought, and from nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from enum import Enum
from itertools import pairwise

from kernel.canonical import document_hash
from kernel.errors import DomainError
from kernel.values import plain_text
from policies.core.settings import PolicySettings

MOST_STEPS = 10
MOST_HOURS = 8760  # a year
MOST_TRADES = 100_000
MOST_LOSS = 10**12
TENTH = Decimal("0.1")


class Move(Enum):
    """What becomes of a ramp at a look."""

    WAIT = "wait"
    ADVANCE = "advance"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class RampPlan:
    """Shares of engine B in percent, rising, and what each step must bring before the next: all of it."""

    shares: tuple[Decimal, ...]
    hold_hours: int  # at least so long at each share
    min_trades: int  # at least so many real trades of B closed since the step began
    max_loss: Decimal  # B's net real loss since the step began at which the ramp stops; in the policy's currency

    def document(self) -> dict[str, object]:
        """What is approved, beside the settings that it starts from."""
        return {
            "shares": [plain_text(share) for share in self.shares],
            "hold_hours": self.hold_hours,
            "min_trades": self.min_trades,
            "max_loss": plain_text(self.max_loss),
        }

    def content_hash(self, base: PolicySettings) -> str:
        """SHA-256 of the plan and of the settings that every step keeps."""
        return document_hash({"base": base.content_hash(), **self.document()})


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What the present step has brought since its version was activated."""

    hours: Decimal
    trades: int
    pnl: Decimal
    braked: bool  # halted, or a guardrail has tripped


def planned(shares: str, *, hold_hours: int, min_trades: int, max_loss: Decimal) -> RampPlan:
    """The plan with shares written such as "0, 5, 10, 25, 50"; raises DomainError `setting_invalid`."""
    try:
        found = tuple(Decimal(part.strip()) for part in shares.split(","))
    except InvalidOperation:
        found = ()
    # NaN cannot be compared.
    fit = all(share.is_finite() and 0 <= share <= 100 and share == round(share, 2) for share in found)
    if not (found and fit and all(low < high for low, high in pairwise(found)) and len(found) <= MOST_STEPS):
        message = f"Write up to {MOST_STEPS} rising percentages from 0 to 100, such as 0, 5, 10, 25, 50."
        raise DomainError("setting_invalid", message, "/shares")
    for name, value, most in (("hold_hours", hold_hours, MOST_HOURS), ("min_trades", min_trades, MOST_TRADES)):
        if not 0 <= value <= most:
            raise DomainError("setting_invalid", f"Must be between 0 and {most}.", f"/{name}")
    if not (max_loss.is_finite() and 0 < max_loss < MOST_LOSS and max_loss == round(max_loss, 2)):
        raise DomainError(
            "setting_invalid", "A ramp needs a loss at which it stops, above 0 with at most two decimals.", "/max_loss"
        )
    return RampPlan(found, hold_hours, min_trades, max_loss)


def step_settings(base: PolicySettings, share: Decimal) -> dict[str, object]:
    """The settings that a step changes of those it starts from: the split, which is engine A's share."""
    return base.columns() | {"configured_mode": "SPLIT_CAPITAL", "split_percentage": 100 - share}


def next_move(plan: RampPlan, facts: StepFacts) -> tuple[Move, str]:
    """What the present step leads to, and why; a loss stops the ramp even while trading is halted."""
    if -facts.pnl >= plan.max_loss:
        return Move.STOP, f"engine B has lost {plain_text(-facts.pnl)} at this step, limit {plain_text(plan.max_loss)}"
    if facts.braked:
        return Move.WAIT, "trading is halted"
    if facts.hours < plan.hold_hours:
        # Rounded down: 24.0 of 24 would be no reason to wait.
        return Move.WAIT, f"{facts.hours.quantize(TENTH, ROUND_DOWN)} of {plan.hold_hours} hours have passed"
    if facts.trades < plan.min_trades:
        return Move.WAIT, f"{facts.trades} of {plan.min_trades} real trades of engine B are closed"
    return Move.ADVANCE, f"{facts.trades} real trades of engine B closed in {facts.hours:.1f} hours"
