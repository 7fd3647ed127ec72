"""`manage.py halt [--reason R]`: the kill switch."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.errors import DomainError
from kernel.values import instant_text
from policies.services import engage_halt


class Command(BaseCommand):
    """Stop all real trading from the next decision on."""

    help = "Kill switch: new experiments become SHADOW_ONLY, roles not yet revealed become SHADOW."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the reason."""
        # An emergency must not fail on a missing word.
        parser.add_argument("--reason", default="No reason given.", help="why, for the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Engage."""
        try:
            halt = engage_halt(command_line_actor(), reason=options["reason"])
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"Halted at {instant_text(halt.engaged_at)}: {halt.reason}")
