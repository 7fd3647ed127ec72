"""Startup validation: an invalid policy setting stops the process with its name, value and limits (R12.5)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 (Django's name)

from kernel.checks import SETTINGS
from policies.core.settings import APP_MODES, parse_settings


@register(SETTINGS)
def check_policy_environment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """An error for each policy setting of the environment that is not allowed; a warning for a share below 1%."""
    errors: list[CheckMessage] = []
    if settings.APP_MODE not in APP_MODES:
        errors.append(_error("APP_MODE", settings.APP_MODE, " or ".join(APP_MODES), "policies.E001"))
    # Checked at every start, although only the first version reads them: a wrong value would otherwise lie in wait
    # until somebody sets up the next database.
    policy, problems = parse_settings(settings.INITIAL_POLICY)
    for problem in problems:
        row = problem.setting
        errors.append(_error(row.variable, problem.value, row.allowed, row.check_id))
    if policy is not None and (doubt := split_doubt(policy.split_percentage)):
        errors.append(Warning(f"SPLIT_PERCENTAGE: {doubt}", hint="Write 50 for one half.", id="policies.W001"))
    return errors


def split_doubt(split: Decimal) -> str:
    """A sentence on a share that looks like a fraction; "" for any other."""
    if not 0 < split < 1:
        return ""
    return f"{split} is a percentage, not a fraction: of 10,000 signals, {split * 100:.0f} go to engine A."


def _error(variable: str, value: object, allowed: str, check_id: str) -> Error:
    return Error(f"{variable} is {value!r}.", hint=f"Allowed: {allowed}.", id=check_id)
