"""What the django-q cluster runs for this app."""

from __future__ import annotations

from outcomes import services


def expire_directives() -> int:
    """Settle overdue shadow exits; runs every minute, harmless at any time and any number of times."""
    return services.expire_directives()
