"""Startup validation: an invalid policy setting stops the process with its name, value and limits (R12.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from kernel.checks import SETTINGS
from policies.core.settings import APP_MODES, parse_settings


@register(SETTINGS)
def check_policy_environment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """An error for each policy setting of the environment that is not allowed."""
    errors: list[CheckMessage] = []
    if settings.APP_MODE not in APP_MODES:
        errors.append(_error("APP_MODE", settings.APP_MODE, " or ".join(APP_MODES), "policies.E001"))
    # Checked at every start, although only the first version reads them: a wrong value would otherwise lie in wait
    # until somebody sets up the next database.
    _, problems = parse_settings(settings.INITIAL_POLICY)
    for problem in problems:
        row = problem.setting
        errors.append(_error(row.variable, problem.value, row.allowed, row.check_id))
    return errors


def _error(variable: str, value: object, allowed: str, check_id: str) -> Error:
    return Error(f"{variable} is {value!r}.", hint=f"Allowed: {allowed}.", id=check_id)
