"""`manage.py apikey`: create, list and revoke API keys."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.errors import DomainError
from kernel.values import instant_text
from policies.models import ApiKey, KeyOwner
from policies.services import create_api_key, revoke_api_key


class Command(BaseCommand):
    """Create, list and revoke API keys."""

    help = "Manage the API keys of engines, feeders and analysts."

    def add_arguments(self, parser: CommandParser) -> None:
        """One subcommand per action."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="create a key and print it (shown only once)")
        create.add_argument("--owner", required=True, choices=KeyOwner.values, help="decides what the key may call")
        create.add_argument("--name", default="", help="to tell keys of one owner apart (default: the owner)")
        actions.add_parser("list", help="list all keys: prefix, owner, state, last use and name")
        revoke = actions.add_parser("revoke", help="revoke a key; it stops within a second")
        revoke.add_argument("prefix", help="the part of the key before the dot")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action."""
        match options["action"]:
            case "create":
                try:
                    _, text = create_api_key(command_line_actor(), owner=options["owner"], name=options["name"])
                except DomainError as error:
                    raise CommandError(error.detail) from error
                # The key and nothing else, so that `KEY=$(manage.py apikey create ...)` works.
                self.stdout.write(text)
            case "list":
                for key in ApiKey.objects.order_by("owner", "created"):
                    used = instant_text(key.last_used_at) if key.last_used_at else "never"
                    state = "revoked" if key.revoked else "expired" if key.has_expired else "active"
                    self.stdout.write(f"{key.prefix}  {key.owner:9} {state:8} last used {used}  {key.name}")
            case "revoke":
                if not revoke_api_key(command_line_actor(), prefix=options["prefix"]):
                    raise CommandError(f"No active key has prefix {options['prefix']}; see `manage.py apikey list`.")
                self.stdout.write(f"API key {options['prefix']} revoked.")
