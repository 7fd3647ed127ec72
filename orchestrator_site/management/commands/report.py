"""`manage.py report`: how the engines compare, in a terminal or as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.command_options import UNUSABLE
from kernel.errors import DomainError
from orchestrator_site.console.report_export import report_csv
from orchestrator_site.console.report_page import query_of
from orchestrator_site.console.report_text import report_lines
from outcomes.evaluations import documents, lifecycle
from outcomes.performance.api import PerformanceFilterSerializer
from outcomes.performance.report import performance_report
from outcomes.services.kept_reports import keep_report


class Command(BaseCommand):
    """Print the report, write it to files, keep it."""

    help = (
        "Print the comparison report of the closed trades that the filters choose. It describes and names no winner:"
        " that is what an evaluation is for; `--evaluation NAME` prints it above the report."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The filters of `GET performance`, and where the report goes."""
        for name, field in PerformanceFilterSerializer().fields.items():
            parser.add_argument(f"--{name.replace('_', '-')}", help=str(field.help_text or "") or None)
        parser.add_argument("--evaluation", metavar="NAME", help="also print this evaluation's sentence and figures")
        parser.add_argument(
            "--csv", type=Path, metavar="FILE", help="write the report to this file, one figure per line"
        )
        parser.add_argument(
            "--json", type=Path, metavar="FILE", help="write the answer of `GET performance` to this file"
        )
        parser.add_argument("--keep", metavar="NOTE", help="keep the report under its hash, with this note")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask for the report once, and put it wherever it is wanted."""
        query = PerformanceFilterSerializer(data=query_of(options))
        if not query.is_valid():
            problems = [
                f"--{name.replace('_', '-')}: {problem}" for name, found in query.errors.items() for problem in found
            ]
            raise CommandError(" ".join(problems), returncode=UNUSABLE)
        if options["evaluation"]:
            for line in self._evaluation_lines(options["evaluation"]):
                self.stdout.write(line)
            self.stdout.write("")
        report = performance_report(query.filters())
        for line in report_lines(report):
            self.stdout.write(line.rstrip())
        written = {"csv": report_csv(report), "json": json.dumps(report, indent=2) + "\n"}
        for form, text in written.items():
            file: Path | None = options[form]
            if file is not None:
                try:
                    file.write_text(text, encoding="utf-8", newline="")
                except OSError as error:
                    raise CommandError(f"Cannot write {file}: {error.strerror}.", returncode=UNUSABLE) from None
        if options["keep"] is not None:
            keep_report(command_line_actor(), report, note=options["keep"])
            self.stdout.write(f"Kept under {report['report_hash']}.")

    def _evaluation_lines(self, name: str) -> list[str]:
        try:
            return list(documents.lines(documents.evaluation_document(lifecycle.evaluation_named(name))))
        except DomainError as error:
            raise CommandError(error.detail, returncode=UNUSABLE) from None
