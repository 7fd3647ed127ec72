"""`manage.py engine`: list the engines, switch one off or on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.errors import DomainError
from kernel.values import instant_text
from policies.models import Engine, EngineName
from policies.selectors import NoPolicyError, state_in_force
from policies.services import set_engine_enabled


class Command(BaseCommand):
    """List, switch off, switch on."""

    help = "Engines: off makes one unavailable from the next decision on; without engine A nobody trades for real."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define list, off, on."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="availability, version and last heartbeat of both")
        for action in ("off", "on"):
            switch = actions.add_parser(action, help=f"switch an engine {action}")
            switch.add_argument("engine", choices=EngineName.values)
            switch.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action."""
        try:
            if options["action"] == "list":
                self._list()
                return
            enabled = options["action"] == "on"
            set_engine_enabled(command_line_actor(), options["engine"], enabled=enabled, reason=options["reason"])
        except (DomainError, NoPolicyError) as error:
            raise CommandError(getattr(error, "detail", str(error))) from None
        self.stdout.write(f"Engine {options['engine']} is switched {options['action']}.")

    def _list(self) -> None:
        state = state_in_force()
        available = {"A": state.engine_a_available, "B": state.engine_b_available}
        for engine in Engine.objects.all():
            word = "available" if available[engine.name] else "unavailable"
            beat = instant_text(engine.last_heartbeat_at) if engine.last_heartbeat_at else "never"
            switch = "on" if engine.enabled else f"off: {engine.disabled_reason}"
            self.stdout.write(
                f"{engine.name}  {word:11}  heartbeat {beat}  version {engine.engine_version or '-'}  switch {switch}"
            )
