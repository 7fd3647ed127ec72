"""`manage.py mcp`: questions about the desk for whoever speaks the Model Context Protocol."""

from __future__ import annotations

import os
from typing import Any

import anyio
from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.values import whole_number


class Command(BaseCommand):
    """Serve MCP on standard input and output, or over HTTP."""

    help = (
        "Serve the Model Context Protocol, read-only: on standard input and output for a program of your own shell, or"
        " by --http for whoever sends an analyst's API key as `Authorization: Bearer`."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to serve."""
        parser.add_argument("--http", metavar="PORT", help="serve streamable HTTP at http://ADDRESS:PORT/mcp")
        parser.add_argument("--address", default="127.0.0.1", help="address to listen at (default: %(default)s)")

    def handle(self, *args: Any, http: str | None, address: str, **options: Any) -> None:
        """Serve until the other side, or a signal, ends it."""
        # What is wrong with an argument is said without a link to the documentation of a library.
        os.environ.setdefault("PYDANTIC_ERRORS_INCLUDE_URL", "0")
        # Here: Django imports every command to list it, and this needs packages that no other one does.
        from orchestrator_site.ask.http import serve
        from orchestrator_site.ask.server import build, few_threads, read_only_sessions

        read_only_sessions()
        server = build()

        async def on_standard_streams() -> None:
            few_threads()
            await server.run_stdio_async()

        if http is None:
            anyio.run(on_standard_streams)
            return
        port = whole_number(http)
        if not port or port >= 2**16:
            raise CommandError(f"--http {http}: give a port from 1 to 65535.")
        anyio.run(serve, server, address, port)
