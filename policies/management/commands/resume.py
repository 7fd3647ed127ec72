"""`manage.py resume [--reason R]`: release the kill switch."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.errors import DomainError
from kernel.values import instant_text
from policies.services import release_halt


class Command(BaseCommand):
    """Let new experiments be decided by the policy again."""

    help = "Release the kill switch."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the reason."""
        # As optional as that of `manage.py halt`.
        parser.add_argument("--reason", default="No reason given.", help="why, for the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Release."""
        try:
            halt = release_halt(command_line_actor(), reason=options["reason"])
        except DomainError as error:
            raise CommandError(error.detail) from error
        assert halt.released_at is not None
        self.stdout.write(f"Resumed at {instant_text(halt.released_at)}: {halt.release_reason}")
