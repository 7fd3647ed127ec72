"""`manage.py guardrail`: list the guardrails that have tripped, release one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.errors import DomainError
from kernel.values import instant_text
from policies.models import GuardrailTrip
from policies.services import release_guardrail

SHOWN = 20


class Command(BaseCommand):
    """List and release tripped guardrails."""

    help = "List and release tripped guardrails. Until it is released, nothing trades for real."

    def add_arguments(self, parser: CommandParser) -> None:
        """One subcommand per action."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help=f"list the last {SHOWN} trips, newest first")
        release = actions.add_parser("release", help="release a tripped guardrail: the policy decides again")
        release.add_argument("trip_id", type=int, metavar="ID")
        release.add_argument("--reason", required=True, help="why, for the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action."""
        if options["action"] == "list":
            trips = GuardrailTrip.objects.all()[:SHOWN]
            for trip in trips:
                released = trip.released_at and f"released {instant_text(trip.released_at)} by {trip.released_by}"
                self.stdout.write(f"{trip.pk}  {instant_text(trip.tripped_at)}  {trip}  {released or 'TRIPPED'}")
            if not trips:
                self.stdout.write("No guardrail has tripped.")
            return
        try:
            trip = release_guardrail(command_line_actor(), options["trip_id"], reason=options["reason"])
        except DomainError as error:
            raise CommandError(f"{error.detail} See `manage.py guardrail list`.") from None
        self.stdout.write(f"Guardrail {trip.name} released; the policy decides again.")
