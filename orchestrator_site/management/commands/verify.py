"""`manage.py verify`: check every invariant of the stored data."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from kernel.progress import ProgressLine, bar
from orchestrator_site.invariants import STAGES, verify

ROWS_SHOWN = 20
QUIET_SECONDS = 2.0


class Command(BaseCommand):
    """Name every violated invariant with its rows; exit 1 if there is one."""

    help = "Check every invariant of the stored data and replay all decisions; exit code 1 if one is violated."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define how much is checked and the output form."""
        parser.add_argument(
            "--once",
            choices=STAGES[1:],
            default="",
            help="also check what must hold once all signals are decided, or once all trades are closed",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, print each finding as it comes, and exit 1 on any violation."""
        line = ProgressLine(self.stderr, after_seconds=QUIET_SECONDS)
        findings = []
        for finding in verify(
            options["once"],
            progress=lambda done, total: line.show(f"{bar(done, total)} {done} of {total} experiments replayed"),
            begins=lambda invariant: line.show(f"Checking {invariant.name} ..."),
        ):
            line.clear()
            findings.append(finding)
            if not options["json"]:
                self.stdout.write("\n".join(finding.lines(ROWS_SHOWN)))
        violated = [finding for finding in findings if finding.rows]
        if options["json"]:
            document = {
                "checked": [finding.invariant.name for finding in findings],
                "violations": [
                    {"name": one.invariant.name, "says": one.invariant.says, "rows": [dict(row) for row in one.rows]}
                    for one in violated
                ],
            }
            self.stdout.write(json.dumps(document, default=str))
        else:
            self.stdout.write(f"{len(findings)} invariants checked, {len(violated)} violated.")
        if violated:
            sys.exit(1)
