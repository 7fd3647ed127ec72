"""What the django-q cluster runs for this app."""

from __future__ import annotations

from policies import drafts


def activate_due_drafts() -> int:
    """Activate or refuse the scheduled drafts that are due; how many there were. Harmless at any time."""
    return len(drafts.activate_due_drafts())
