"""`manage.py createsuperuser`: Django's, told in the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from orchestrator_site.account_audit import by_command


class Command(createsuperuser.Command):
    """Tell of an account that may everything, and of who ran this."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Do what Django's does."""
        with by_command():
            return super().handle(*args, **options)
