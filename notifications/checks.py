"""What the variables of OpenTelemetry ask for and is not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register

from kernel.checks import SETTINGS
from notifications.tracing import unknown_settings


@register(SETTINGS)
def check_traces(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Report what would leave every trace unsent."""
    return [Error(sentence, id="notifications.E001") for sentence in unknown_settings()]
