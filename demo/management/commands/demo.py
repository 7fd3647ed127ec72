"""`manage.py demo`: the whole flow on real bars, with two engines in processes of their own."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo.children import DemoError
from demo.run import Demo

DEFAULT_BARS = 520


class Command(BaseCommand):
    """Start everything, replay alerts, compare the engines, check what must hold."""

    help = "Replay daily bars as alerts through two example engines, compare them, and keep the site up."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the port, the number of bars, and whether to end afterwards."""
        parser.add_argument("--port", type=int, default=8000, help="port of the site (default 8000)")
        parser.add_argument("--bars", type=int, default=DEFAULT_BARS, help=f"bars to replay (default {DEFAULT_BARS})")
        parser.add_argument("--folder", type=Path, help="where logs and the engines' journals go (default .data/demo)")
        parser.add_argument("--exit", action="store_true", help="end afterwards; exit code 0 only if everything held")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the demo; every process it started ends with it."""
        # Log lines of this process would run into the progress line; those of the site go to its file.
        logging.getLogger().setLevel(logging.WARNING)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        folder: Path = options["folder"] or settings.DATA_DIR / "demo"
        try:
            with Demo(port=options["port"], bars=options["bars"], folder=folder.absolute()) as demo:
                held = demo.run()
                if not options["exit"]:
                    demo.keep_up()
        except DemoError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("\nStopped.")
            return
        if not held:
            sys.exit(1)
