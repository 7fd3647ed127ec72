"""`manage.py guardrail`: which guardrails have tripped, and let trading go on."""

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
    """List, release."""

    help = "Guardrails that have tripped: while one holds, nothing trades for real."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define list and release."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="the last trips, newest first")
        release = actions.add_parser("release", help="let the policy decide again")
        release.add_argument("trip_id", type=int, metavar="ID")
        release.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action."""
        if options["action"] == "list":
            self._list()
            return
        try:
            trip = release_guardrail(command_line_actor(), options["trip_id"], reason=options["reason"])
        except DomainError as error:
            raise CommandError(f"{error.detail} See `manage.py guardrail list`.") from None
        self.stdout.write(f"{trip.name} is released; the policy decides again.")

    def _list(self) -> None:
        trips = GuardrailTrip.objects.all()[:SHOWN]
        for trip in trips:
            end = f"released {instant_text(trip.released_at)} by {trip.released_by}" if trip.released_at else "HOLDS"
            self.stdout.write(f"{trip.pk}  {instant_text(trip.tripped_at)}  {trip}  {end}")
        if not trips:
            self.stdout.write("No guardrail has tripped.")
