"""`manage.py apikey`: make, list and revoke keys of the engine API."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.errors import DomainError
from kernel.values import instant_text
from policies.models import ApiKey, KeyOwner
from policies.services import create_api_key, revoke_api_key


class Command(BaseCommand):
    """Make, list and revoke API keys."""

    help = "API keys of engines, feeders and analysts."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define create, list, revoke."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a key and print it, this once")
        create.add_argument("--owner", required=True, choices=KeyOwner.values)
        create.add_argument("--name", default="", help="for people; the owner when absent")
        actions.add_parser("list", help="list prefixes, owners and last use")
        revoke = actions.add_parser("revoke", help="make a key useless at once")
        revoke.add_argument("prefix")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action."""
        match options["action"]:
            case "create":
                self._create(options["owner"], options["name"])
            case "list":
                for key in ApiKey.objects.order_by("owner", "created"):
                    used = instant_text(key.last_used_at) if key.last_used_at else "never"
                    state = "revoked" if key.revoked else "live"
                    self.stdout.write(f"{key.prefix}  {key.owner:9} {state:8} last used {used}  {key.name}")
            case "revoke":
                if not revoke_api_key(command_line_actor(), prefix=options["prefix"]):
                    raise CommandError(f"No key starts with {options['prefix']}; see `manage.py apikey list`.")
                self.stdout.write(f"Revoked {options['prefix']}.")

    def _create(self, owner: str, name: str) -> None:
        try:
            _, text = create_api_key(command_line_actor(), owner=owner, name=name)
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(text)
