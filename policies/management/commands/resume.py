"""`manage.py resume [--reason R]`: release the kill switch."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.errors import DomainError
from kernel.values import instant_text
from policies.services import release_halt


class Command(BaseCommand):
    """Release the kill switch: the policy decides new experiments again."""

    help = "Resume trading: the policy decides new experiments again."

    def add_arguments(self, parser: CommandParser) -> None:
        """The reason."""
        # As optional as the reason of `manage.py halt`.
        parser.add_argument("--reason", default="No reason given.", help="why, for the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Resume trading."""
        try:
            halt = release_halt(command_line_actor(), reason=options["reason"])
        except DomainError as error:
            raise CommandError(error.detail) from error
        assert halt.released_at is not None
        self.stdout.write(f"Trading resumed at {instant_text(halt.released_at)}: {halt.release_reason}")
