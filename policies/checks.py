"""Startup validation: a wrong policy setting stops the process with its name, value and what is allowed (R12.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from policies.core.content import APP_MODES, parse_settings

# Environment variable and check id of each setting.
VARIABLES = {
    "configured_mode": ("EXECUTION_MODE", "policies.E002"),
    "split_percentage": ("SPLIT_PERCENTAGE", "policies.E003"),
    "heartbeat_ttl_seconds": ("HEARTBEAT_TTL_SECONDS", "policies.E004"),
    "permit_ttl_seconds": ("PERMIT_TTL_SECONDS", "policies.E005"),
    "max_market_data_age_seconds": ("MAX_MARKET_DATA_AGE_SECONDS", "policies.E006"),
    "entry_window_seconds": ("ENTRY_WINDOW_SECONDS", "policies.E007"),
    "exit_directive_ttl_seconds": ("EXIT_DIRECTIVE_TTL_SECONDS", "policies.E008"),
    "live_enabled": ("LIVE_ENABLED", "policies.E009"),
}


@register()
def check_policy_environment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report every policy setting of the environment that is not allowed."""
    errors: list[CheckMessage] = []
    if settings.APP_MODE not in APP_MODES:
        errors.append(_error("APP_MODE", settings.APP_MODE, " or ".join(APP_MODES), "policies.E001"))
    _, problems = parse_settings(settings.INITIAL_POLICY)
    for problem in problems:
        variable, check_id = VARIABLES[problem.name]
        errors.append(_error(variable, problem.value, problem.allowed, check_id))
    return errors


def _error(variable: str, value: object, allowed: str, check_id: str) -> Error:
    return Error(f"{variable} is {value!r}.", hint=f"Allowed: {allowed}.", id=check_id)
