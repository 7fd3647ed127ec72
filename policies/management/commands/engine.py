"""`manage.py engine`: list the engines, disable or enable one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.errors import DomainError
from kernel.values import instant_text
from policies.models import Engine, EngineName
from policies.selectors import state_in_force
from policies.services import set_engine_enabled


class Command(BaseCommand):
    """List, disable and enable the engines."""

    help = (
        "List, disable and enable the engines. A disabled engine is unavailable from the next decision on; "
        "without engine A nothing trades for real."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """One subcommand per action."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="show availability, last heartbeat and version of both engines")
        for action in ("disable", "enable"):
            switch = actions.add_parser(action, help=f"{action} an engine")
            switch.add_argument("engine", choices=EngineName.values)
            switch.add_argument("--reason", required=True, help="why, for the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action."""
        enabled = options["action"] == "enable"
        try:
            if options["action"] == "list":
                # By the database's clock, as decisions see it; the clock of this machine may say otherwise.
                state = state_in_force()
                for engine in Engine.objects.all():
                    available = "available" if state.is_available(engine.name) else "unavailable"
                    heartbeat = instant_text(engine.last_heartbeat_at) if engine.last_heartbeat_at else "never"
                    switch = "enabled" if engine.enabled else f"disabled: {engine.disabled_reason}"
                    version = engine.engine_version or "-"
                    self.stdout.write(
                        f"{engine.name}  {available:11}  heartbeat {heartbeat}  version {version}  {switch}"
                    )
                return
            set_engine_enabled(command_line_actor(), options["engine"], enabled=enabled, reason=options["reason"])
        except DomainError as error:
            raise CommandError(error.detail) from None
        self.stdout.write(f"Engine {options['engine']} {options['action']}d.")
