"""Reads of the past: what was in force at any instant, by the same order that decisions were made in.

An instant T stands for the state after every change stamped at or before T (see selectors.py): a version
is in force from its `activated_at` on, a halt is in effect from `engaged_at` up to but not at `released_at`,
and an engine's heartbeat at B makes it available at T when B <= T < B + the time to live at T.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from kernel.errors import DomainError
from policies.core.rules import PolicyState, Trip
from policies.models import EngineAvailability, EngineName, EngineSwitch, GuardrailTrip, Halt, PolicyVersion


class BeforeHistoryError(DomainError):
    """No policy was in force yet at the time asked for."""

    def __init__(self) -> None:
        super().__init__("before_history", "No policy was in force yet; choose a time after version 1 was activated.")


@dataclass(frozen=True, slots=True)
class EngineSnapshot:
    """An engine at a past instant; `stretch` is the latest stretch of heartbeats begun by then."""

    name: str
    enabled: bool
    available: bool
    stretch: EngineAvailability | None
    switch: EngineSwitch | None


@dataclass(frozen=True, slots=True)
class PolicySnapshot:
    """Everything a decision depended on at one instant, beside the signal."""

    at: datetime
    policy: PolicyVersion
    halt: Halt | None
    trip: GuardrailTrip | None
    engines: tuple[EngineSnapshot, EngineSnapshot]

    def state(self, app_mode: str) -> PolicyState:
        """It as decisions take it; PAPER or LIVE is a setting of the process and has no history."""
        a, b = self.engines
        return PolicyState(
            app_mode=app_mode,
            version=self.policy.version,
            settings=self.policy.content,
            engine_a_available=a.available,
            engine_b_available=b.available,
            halted=self.halt is not None,
            guardrail=Trip(self.trip.name, self.trip.value, self.trip.limit) if self.trip else None,
            at=self.at,
        )


def in_force_at(at: datetime) -> PolicySnapshot:
    """What was in force at this instant (aware); raises BeforeHistoryError when nothing was yet."""
    policy = policy_at(at)
    if policy is None:
        raise BeforeHistoryError
    ttl = timedelta(seconds=policy.heartbeat_ttl_seconds)
    return PolicySnapshot(
        at=at,
        policy=policy,
        # The same choices as in state_in_force.sql, the oldest trip of several included: else the past would give
        # another reason than the decision that was made in it.
        halt=Halt.objects.filter(_unreleased(at), engaged_at__lte=at).first(),
        trip=GuardrailTrip.objects.filter(_unreleased(at), tripped_at__lte=at).order_by("id").first(),
        engines=(engine_at(EngineName.A, at, ttl), engine_at(EngineName.B, at, ttl)),
    )


def policy_at(at: datetime) -> PolicyVersion | None:
    """The version in force at this instant; None before the first."""
    return PolicyVersion.objects.filter(activated_at__lte=at).order_by("-version").first()


def engine_at(name: str, at: datetime, ttl: timedelta) -> EngineSnapshot:
    """An engine at this instant, under the time to live then in force.

    Within a stretch each heartbeat came within the time to live of the one before, and all were under one
    time to live, so that the engine was available throughout; after the last one, the one then in force counts.
    """
    stretch = (
        EngineAvailability.objects.filter(engine=name, first_heartbeat_at__lte=at)
        .order_by("-first_heartbeat_at", "-id")
        .first()
    )
    switch = EngineSwitch.objects.filter(engine=name, switched_at__lte=at).order_by("-switched_at", "-id").first()
    # Both engines start enabled (migrations/guards.sql) and have no switch until somebody uses it.
    enabled = switch is None or switch.enabled
    lives = stretch is not None and at < stretch.last_heartbeat_at + ttl
    return EngineSnapshot(name, enabled, enabled and lives, stretch, switch)


def absence_at(name: str, at: datetime, ttl_seconds: int) -> str:
    """Why an engine was not available at this instant, such as "silent for 73 s, limit 60 s"."""
    engine = engine_at(name, at, timedelta(seconds=ttl_seconds))
    if not engine.enabled and engine.switch is not None:
        return f"disabled by {engine.switch.switched_by} ({engine.switch.reason})"
    if engine.stretch is None:
        return "never heard from"
    silence = (at - min(engine.stretch.last_heartbeat_at, at)).total_seconds()
    return f"silent for {silence:,.0f} s, limit {ttl_seconds} s"


def _unreleased(at: datetime) -> Q:
    # Later than `at`, not at it: a release stamped at T is seen by a decision of T.
    return Q(released_at__isnull=True) | Q(released_at__gt=at)
