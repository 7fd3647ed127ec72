"""What the django-q cluster runs for this app."""

from __future__ import annotations

from policies import drafts


def activate_due_drafts() -> int:
    """Settle scheduled drafts whose time has come; return how many. Runs every minute, harmless at any time."""
    return len(drafts.activate_due_drafts())
