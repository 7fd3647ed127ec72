"""`manage.py halt [--reason R]`: the kill switch."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.errors import DomainError
from kernel.values import instant_text
from policies.services import engage_halt


class Command(BaseCommand):
    """Engage the kill switch: nothing trades for real from the next decision on."""

    help = "Halt all real trading: new experiments are SHADOW_ONLY, and roles not yet revealed become SHADOW."

    def add_arguments(self, parser: CommandParser) -> None:
        """The reason."""
        # In an emergency a missing option must not get in the way.
        parser.add_argument("--reason", default="No reason given.", help="why, for the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Halt trading."""
        try:
            halt = engage_halt(command_line_actor(), reason=options["reason"])
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"Trading halted at {instant_text(halt.engaged_at)}: {halt.reason}")
