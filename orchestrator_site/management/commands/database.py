"""`manage.py database url`: the connection URL of the database in use."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from orchestrator_site.database_roles import as_owner
from orchestrator_site.database_url import database_url


class Command(BaseCommand):
    """Print the connection URL, for psql and other tools."""

    help = "Show database connection details: `url` prints the connection URL in use."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the one action."""
        parser.add_argument("action", choices=["url"], help="what to show")
        parser.add_argument("--owner", action="store_true", help="of the role that owns the tables, for maintenance")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the URL; an embedded server starts for it."""
        with as_owner() if options["owner"] else nullcontext():
            url = database_url()
        self.stdout.write(url)
