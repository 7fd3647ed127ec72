"""What differs between two sets of policy settings, field by field.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.core.content import SETTING_NAMES, PolicySettings


@dataclass(frozen=True, slots=True)
class Change:
    """One setting in two sets."""

    name: str
    before: str
    after: str


def diff(before: PolicySettings, after: PolicySettings) -> list[Change]:
    """Return the settings that differ, in the order of the form; empty when nothing does."""
    return [change for change in side_by_side(before, after) if change.before != change.after]


def side_by_side(left: PolicySettings, right: PolicySettings) -> list[Change]:
    """Return all settings of both, in the order of the form."""
    old, new = left.document(), right.document()
    return [Change(name, _shown(old.get(name)), _shown(new.get(name))) for name in SETTING_NAMES]


def _shown(value: object) -> str:
    """Return a setting as text; None is a guardrail that is off."""
    return "off" if value is None else str(value)
