"""`manage.py as_of`: what was in force at a past instant, and what a stored signal comes to as of then."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from experiments.history.as_of import DecisionThen, decision_as_of
from kernel.command_options import parsed
from kernel.errors import DomainError
from kernel.values import format_timestamp, parse_instant
from policies.as_of import PolicySnapshot, in_force_at


class Command(BaseCommand):
    """Print the past; exit 1 when a stored decision does not agree with it."""

    help = (
        "Print policy, halt, guardrail and engines as of a past instant; with --signal also the decision as of then."
        " Without a time, a signal is shown as of its own decision; exit code 1 if the stored decision differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take an instant, a signal, or both."""
        parser.add_argument("time", nargs="?", help="RFC 3339 with zone, such as 2026-03-16T14:30:00Z")
        parser.add_argument("--signal", help="one signal_id")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print, and exit 1 on disagreement."""
        at = parsed("time", options["time"], parse_instant)
        signal_id = parsed("--signal", options["signal"], UUID)
        if at is None and signal_id is None:
            raise CommandError("Specify a time, a signal (--signal), or both.")
        if at is not None and at > timezone.now():
            raise CommandError(f"{options['time']} is in the future.")
        try:
            decision = decision_as_of(signal_id, at) if signal_id else None
            lines = state_lines(decision.then if decision else in_force_at(at or timezone.now()))
        except DomainError as error:
            raise CommandError(error.detail) from None
        for line in lines + (decision_lines(decision) if decision else []):
            self.stdout.write(line)
        if decision and decision.disagreements:
            sys.exit(1)


def state_lines(then: PolicySnapshot) -> list[str]:
    """The state in lines for people."""
    policy, halt, trip = then.policy, then.halt, then.trip
    live = "on" if policy.live_enabled else "off"
    lines = [
        f"As of {_time(then.at)}",
        f"policy     version {policy.version} by {policy.created_by} since {_time(policy.activated_at)}",
        f"           {policy.configured_mode}, split {policy.split_percentage} %, live {live}",
        f"halt       since {_time(halt.engaged_at)} by {halt.engaged_by}: {halt.reason}" if halt else "halt       none",
        f"guardrail  {trip}, since {_time(trip.tripped_at)}" if trip else "guardrail  none",
    ]
    for engine in then.engines:
        state = "available" if engine.available else "unavailable"
        stretch, switch = engine.stretch, engine.switch
        heard = "no heartbeat yet"
        if stretch is not None:
            heard = f"version {stretch.engine_version}, heartbeats since {_time(stretch.first_heartbeat_at)}"
        switched_off = f", disabled by {switch.switched_by}" if switch and not engine.enabled else ""
        lines.append(f"engine {engine.name}   {state}, {heard}{switched_off}")
    return lines


def decision_lines(decision: DecisionThen) -> list[str]:
    """The decision, and what is stored, in lines for people."""
    resolution, stored = decision.ruling.resolution, decision.stored
    first = f"decision   {_text(resolution.execution_mode, resolution.executed_engine, resolution.reason)}"
    if stored is None:
        return [first, "stored     none yet: the signal is pending"]
    if decision.disagreements:
        return [first] + [
            f"stored     {d.field}: {d.stored}; as of then: {d.recomputed}" for d in decision.disagreements
        ]
    if stored.decided_at == decision.then.at:
        return [first, "stored     the same"]
    text = _text(stored.execution_mode, stored.executed_engine, stored.reason)
    return [first, f"stored     {text}, decided {_time(stored.decided_at)}"]


def _text(mode: str, executed: str | None, reason: str) -> str:
    return f"{mode}, {executed or 'nobody'} trades for real, reason {reason}"


def _time(moment: datetime) -> str:
    return format_timestamp(moment)
