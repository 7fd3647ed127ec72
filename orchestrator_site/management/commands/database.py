"""`manage.py database url`: the connection URL of the database in use."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any
from urllib.parse import quote, urlencode

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from orchestrator_site.database_roles import as_owner


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
            connection.ensure_connection()
            parameters = connection.get_connection_params()
        user, password = parameters.get("user") or "", parameters.get("password") or ""
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        host, port = str(parameters.get("host") or ""), parameters.get("port")
        name = quote(parameters.get("dbname") or "", safe="")
        # A path cannot stand where a URL has its host; libpq takes a socket's folder from the query.
        if host.startswith("/") or not host:
            query = urlencode({key: value for key, value in (("host", host), ("port", port)) if value})
            self.stdout.write(f"postgresql://{login}@/{name}?{query}")
        else:
            self.stdout.write(f"postgresql://{login}@{host}{f':{port}' if port else ''}/{name}")
