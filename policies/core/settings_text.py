"""Settings of a policy as people write them on the command line: NAME=VALUE.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

from collections.abc import Iterable

from kernel.errors import DomainError
from policies.core.content import SETTING_NAMES, PolicySettings, parse_settings


def changed_settings(content: PolicySettings, changes: Iterable[str]) -> PolicySettings:
    """Return the settings with these changed, an empty value turning a guardrail off; every mistake is named."""
    raw = {name: "" if (value := getattr(content, name)) is None else str(value) for name in SETTING_NAMES}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or name not in SETTING_NAMES:
            raise DomainError(
                "setting_unknown", f"{change}: write NAME=VALUE with one of {', '.join(SETTING_NAMES)}.", "/set"
            )
        raw[name] = value
    found, errors = parse_settings(raw)
    if found is None:
        raise DomainError("setting_invalid", "; ".join(map(str, errors)), "/set")
    return found
