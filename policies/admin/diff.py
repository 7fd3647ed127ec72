"""What differs between two sets of policy settings, field by field.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.content import PolicySettings


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that differs."""

    name: str
    before: str
    after: str


def diff(before: PolicySettings, after: PolicySettings) -> list[Change]:
    """Return the settings that differ, in the order of the form; empty when nothing does."""
    old, new = before.document(), after.document()
    return [Change(name, _shown(old[name]), _shown(new[name])) for name in old if old[name] != new[name]]


def _shown(value: object) -> str:
    """Return a setting as text; None is a guardrail that is off."""
    return "off" if value is None else str(value)
