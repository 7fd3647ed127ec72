"""`manage.py ramp`: list ramps, plan one, start and stop it.

Approving is left out on purpose: it takes another person, and the command line knows no accounts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.command_options import parsed
from kernel.errors import DomainError
from kernel.values import instant_text
from policies.core.ramps import planned
from policies.models import PolicyRamp
from policies.ramps import plan_ramp, start_ramp, stop_ramp

SHOWN = 20


class Command(BaseCommand):
    """List, plan, start and stop ramps of engine B's share."""

    help = "Raise engine B's share of real trades step by step, each step on conditions."

    def add_arguments(self, parser: CommandParser) -> None:
        """One subcommand per action."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help=f"list the last {SHOWN} ramps, newest first")
        plan = actions.add_parser(
            "plan", help="plan a ramp from the version in force; nothing changes before its start"
        )
        plan.add_argument("shares", help="engine B's share at each step, in percent, such as 0,5,10,25,50")
        plan.add_argument("--hours", type=int, default=24, help="at least so long at each step (default %(default)s)")
        plan.add_argument(
            "--trades", type=int, default=20, help="closed real trades of engine B at each step (default %(default)s)"
        )
        plan.add_argument("--max-loss", required=True, help="net loss of engine B at one step that stops the ramp")
        plan.add_argument("--note", required=True, help="why the share is raised")
        start = actions.add_parser("start", help="activate the first step")
        start.add_argument("ramp_id", type=int, metavar="ID")
        stop = actions.add_parser("stop", help="stop a ramp and go back to the settings before it")
        stop.add_argument("ramp_id", type=int, metavar="ID")
        stop.add_argument("--reason", required=True, help="why, for the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action."""
        actor, action = command_line_actor(), options["action"]
        try:
            if action == "plan":
                max_loss = parsed("--max-loss", options["max_loss"], Decimal) or Decimal(0)
                plan = planned(
                    options["shares"], hold_hours=options["hours"], min_trades=options["trades"], max_loss=max_loss
                )
                ramp = plan_ramp(actor, plan, note=options["note"])
                self.stdout.write(f"Ramp {ramp.pk} planned. Nothing changes before it is started.")
            elif action == "start":
                ramp = start_ramp(actor, options["ramp_id"])
                self.stdout.write(f"Ramp {ramp.pk} started: version {ramp.current_version_id} is in force.")
            elif action == "stop":
                ramp = stop_ramp(actor, options["ramp_id"], reason=options["reason"])
                self.stdout.write(f"Ramp {ramp.pk} stopped.")
        except DomainError as error:
            raise CommandError(error.detail) from None
        if action != "list":
            return
        ramps = PolicyRamp.objects.all()[:SHOWN]
        for ramp in ramps:
            place = "" if ramp.share is None else f"  at {ramp.share} %"
            self.stdout.write(
                f"{ramp.pk}  {ramp.state}  {', '.join(ramp.shares)} %{place}  by {ramp.created_by},"
                f" {instant_text(ramp.created_at)}: {ramp.outcome or ramp.note}"
            )
        if not ramps:
            self.stdout.write("No ramp has been planned.")
