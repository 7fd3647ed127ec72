"""The decision for a stored signal as of any instant: what the past state says, beside what is stored.

As of its own `decided_at` it must be what is stored, because decisions and changes of what they depend
on have one order (policies/selectors.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from experiments.core.decision import AssignmentKey, Ruling, assign, rule, split_basis_points, variant_of
from experiments.core.verification import Difference, differences_of
from experiments.models import ExecutionDecision
from kernel.canonical import load_canonical
from kernel.errors import DomainError
from policies.as_of import PolicySnapshot, in_force_at
from signals_app.models import Signal


@dataclass(frozen=True, slots=True)
class DecisionThen:
    """What a signal comes to as of one instant.

    `stored` is the decision of the signal, None while it waits; `disagreements` are empty unless the
    instant is that of the stored decision.
    """

    then: PolicySnapshot
    ruling: Ruling
    stored: ExecutionDecision | None
    disagreements: tuple[Difference, ...]


def decision_as_of(signal_id: UUID, at: datetime | None = None) -> DecisionThen:
    """The decision for a stored signal as of an instant; without one, as of when it was decided.

    PAPER or LIVE is a setting of the process and has no history: it is taken from the stored decision,
    and from the present setting while there is none. Raises DomainError `not_found` without such a
    signal and `not_decided` when an undecided one has no instant of its own.
    """
    signal = Signal.objects.filter(pk=signal_id).first()
    if signal is None:
        raise DomainError("not_found", "Signal not found.")
    stored = ExecutionDecision.objects.select_related("experiment").filter(experiment__signal=signal).first()
    if at is None and stored is None:
        raise DomainError("not_decided", "This signal has not been decided yet; specify a time.")
    instant = at or stored.decided_at  # type: ignore[union-attr]  # one of them is there
    then = in_force_at(instant)
    state = then.state(stored.inputs["app_mode"] if stored else settings.APP_MODE)
    split = state.settings.split_percentage
    if stored is None:
        key = AssignmentKey.read(settings.ASSIGNMENT_KEY)
        variant = assign(signal.signal_id, signal.signal_hash, split, key).variant
    else:  # the bucket stays, whatever the split and the key of today
        variant = variant_of(stored.experiment.bucket, split_basis_points(split))
    ruling = rule(state, variant)
    if stored is None or instant != stored.decided_at:
        return DecisionThen(then, ruling, stored, ())
    inputs = load_canonical(ruling.inputs)
    compared: list[tuple[str, Any, Any]] = [
        (f"inputs.{name}", stored.inputs.get(name), inputs.get(name)) for name in sorted({*stored.inputs, *inputs})
    ]
    compared += [(name, getattr(stored, name), value) for name, value in ruling.resolution.document().items()]
    compared.append(("decision_hash", stored.decision_hash, ruling.decision_hash))
    return DecisionThen(then, ruling, stored, differences_of(compared))
