"""What an engine said it would trade before it knew its role, and whether it kept to it.

The plan makes the two engines' contracts comparable: an engine that could choose its contract, side or size after it
learned that it shadows, or after it saw the market move, would choose the one that made it look better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kernel.errors import DomainError
from kernel.values import decimal_text, plain_text
from outcomes.core.fills import Fill, PositionKey, positions
from outcomes.core.instruments import canonical_instrument

PLAN_DIFFERS = "PLAN_DIFFERS"
PARTIAL_FILL = "PARTIAL_FILL"


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """One leg per unit of the plan's quantity."""

    instrument: str
    side: str  # LONG or SHORT
    ratio: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Legs, size and unit of a trade; `risk_amount` is the engine's own word, in `currency`, only ever compared."""

    legs: tuple[PlannedLeg, ...]
    quantity: Decimal
    multiplier: Decimal
    currency: str
    risk_amount: Decimal

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Plan:
        """The plan that was stored as this document."""
        return cls(
            tuple(PlannedLeg(leg["instrument"], leg["side"], leg["ratio"]) for leg in document["legs"]),
            Decimal(document["quantity"]),
            Decimal(document["multiplier"]),
            document["currency"],
            Decimal(document["risk_amount"]),
        )

    def document(self) -> dict[str, Any]:
        """The plan as stored, with its numbers as text."""
        return {
            "legs": [{"instrument": leg.instrument, "side": leg.side, "ratio": leg.ratio} for leg in self.legs],
            "quantity": plain_text(self.quantity),
            "multiplier": plain_text(self.multiplier),
            "currency": self.currency,
            "risk_amount": plain_text(self.risk_amount),
        }

    def quantities(self) -> dict[PositionKey, Decimal]:
        """What the plan would hold, by instrument and side."""
        held: dict[PositionKey, Decimal] = {}
        for leg in self.legs:
            key = (canonical_instrument(leg.instrument), leg.side)
            held[key] = held.get(key, Decimal(0)) + leg.ratio * self.quantity
        return held


def refuse_other_than_planned(plan: Plan, legs: Iterable[PlannedLeg], quantity: Decimal, multiplier: Decimal) -> None:
    """Raise `plan_differs` unless a shadow opens exactly what its plan says."""
    opened = Plan(tuple(legs), quantity, multiplier, plan.currency, plan.risk_amount)
    for name in ("multiplier", "quantity"):
        planned, found = getattr(plan, name), getattr(opened, name)
        if planned != found:
            detail = f"The plan's {name} is {decimal_text(planned)}, not {decimal_text(found)}."
            raise DomainError("plan_differs", detail, f"/{name}")
    if opened.quantities() != plan.quantities():
        wanted = ", ".join(f"{leg.ratio} {leg.side} {leg.instrument}" for leg in plan.legs)
        raise DomainError("plan_differs", f"The plan's legs are {wanted}; open those.", "/legs")


def judge_real_trade(plan: Plan, fills: Sequence[Fill]) -> str | None:
    """PLAN_DIFFERS, PARTIAL_FILL or None for what a real trade has done up to the closing leg of a roll.

    The instruments, sides and ratios that it held when its first close began must be the plan's, and it may never
    have held more. Less of all legs alike is an order that was filled in part. Legging in is judged only once the
    first close begins, so a trade that is still being built breaks nothing.
    """
    planned = plan.quantities()
    held: dict[PositionKey, Decimal] = {}
    for number, fill in enumerate(fills, start=1):
        if fill.closes:
            break
        held = {key: position.open for key, position in positions(fills[:number]).items()}
        if any(quantity > planned.get(key, 0) for key, quantity in held.items()):
            return PLAN_DIFFERS
    else:
        # Nothing has been closed yet: what is missing may still come.
        return None
    if held == planned:
        return None
    if held.keys() != planned.keys():
        return PLAN_DIFFERS
    # Compared crosswise with one leg, because a share of a third has no decimal form.
    first = next(iter(planned))
    in_proportion = all(held[key] * planned[first] == held[first] * planned[key] for key in planned)
    return PARTIAL_FILL if in_proportion else PLAN_DIFFERS
