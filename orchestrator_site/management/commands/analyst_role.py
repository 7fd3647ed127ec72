"""`manage.py analyst_role`: roles of the database that read the views for analysts and nothing else."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from kernel.actors import command_line_actor
from kernel.errors import DomainError
from orchestrator_site.analyst.role import create_role, drop_role, grant_role
from orchestrator_site.analyst.schema import roles
from orchestrator_site.database_roles import as_owner
from orchestrator_site.database_url import database_url


class Command(BaseCommand):
    """Create, list and drop read-only roles of the database."""

    help = "Manage the database roles that read the views of the schema analyst, for BI tools and notebooks."

    def add_arguments(self, parser: CommandParser) -> None:
        """One subcommand per action."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="create a role and print its connection URL (shown only once)")
        grant = actions.add_parser("grant", help="let an existing role read this database, too, such as a restored one")
        drop = actions.add_parser("drop", help="drop a role; its sessions end at once")
        for action in (create, grant, drop):
            action.add_argument("name", help="lower-case letters, digits and _")
        actions.add_parser("list", help="list the roles of this database")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action as the owner of the tables, who must be allowed to create roles."""
        try:
            with as_owner():
                self.stdout.write(self._done(options["action"], options.get("name", "")), ending="")
        except DomainError as error:
            raise CommandError(error.detail) from error
        except Error as error:
            raise CommandError(f"The database refuses: {str(error).strip()}") from error

    def _done(self, action: str, name: str) -> str:
        actor = command_line_actor()
        if action == "create":
            # The URL and nothing else, so that `URL=$(manage.py analyst_role create ...)` works.
            return f"{database_url(name, create_role(actor, name))}\n"
        if action == "grant":
            grant_role(actor, name)
            return f"Role {name} reads the views of this database.\n"
        if action == "drop":
            drop_role(actor, name)
            return f"Role {name} dropped.\n"
        return "".join(f"{role}\n" for role in roles()) or "No role reads the views of this database yet.\n"
