"""What the worker runs for this app."""

from __future__ import annotations

from outcomes import services


def expire_directives() -> int:
    """Settle overdue shadow exits; the number of them."""
    return services.expire_directives()
