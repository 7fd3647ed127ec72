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


class Command(BaseCommand):
    """Start everything, replay alerts, compare the engines, check the invariants."""

    help = "Replay alerts of thirteen years through two example engines, compare and judge them, keep the site running."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define port, number of alerts, folder of the logs, and whether to exit when done."""
        parser.add_argument("--port", type=int, default=8000, help="port of the site (default 8000)")
        parser.add_argument("--alerts", type=int, help="about how many alerts to send, the first ones (default: all)")
        parser.add_argument(
            "--folder", type=Path, help="folder for logs and the engines' journals (default .data/demo)"
        )
        parser.add_argument(
            "--exit", action="store_true", help="exit when done, with code 0 only if every invariant holds"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the demo; every process it started ends with it."""
        # Log lines of this process would run into the progress line; those of the site go to its file.
        logging.getLogger().setLevel(logging.WARNING)
        # By default SIGTERM ends Python without leaving `with`: site and engines would live on without their parent.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        folder: Path = options["folder"] or settings.DATA_DIR / "demo"
        try:
            with Demo(port=options["port"], alerts=options["alerts"], folder=folder.absolute()) as demo:
                holds = demo.run()
                if not options["exit"]:
                    demo.keep_up()
        except DemoError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("\nStopped.")
            return
        if not holds:
            sys.exit(1)
