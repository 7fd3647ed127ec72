"""`manage.py replay`: verify stored decisions by computing them again (R6)."""

from __future__ import annotations

import json
import sys
import time
from typing import Any
from uuid import UUID

import structlog
from django.core.management.base import BaseCommand, CommandParser

from experiments.models import Experiment
from experiments.options import instant, parsed
from experiments.replay import Difference, Selection, replay

log = structlog.get_logger(__name__)
PROGRESS_SECONDS = 0.5


class Command(BaseCommand):
    """Recompute decisions from stored inputs; exit 1 when anything differs."""

    help = "Recompute stored decisions from stored inputs and name every difference; exit code 1 on any."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the selection and the output form."""
        parser.add_argument("--since", help="experiments created at or after (RFC 3339 with zone)")
        parser.add_argument("--until", help="experiments created before (RFC 3339 with zone)")
        parser.add_argument("--signal", help="one signal_id")
        parser.add_argument("--policy-version", type=int)
        parser.add_argument("--json", action="store_true", help="one JSON document instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, print, and exit 1 on any difference."""
        selection = Selection(
            since=parsed("--since", options["since"], instant),
            until=parsed("--until", options["until"], instant),
            signal=parsed("--signal", options["signal"], UUID),
            policy_version=options["policy_version"],
        )
        verified, differences = self._verify(selection)
        self._report(verified, differences, as_json=options["json"])
        if differences:
            sys.exit(1)

    def _verify(self, selection: Selection) -> tuple[int, list[Difference]]:
        total = Experiment.objects.count()
        differences: list[Difference] = []
        verified, shown = 0, time.monotonic()
        for one in replay(selection):
            verified += 1
            for difference in one.differences:
                differences.append(difference)
                log.error(
                    "replay.diverged",
                    experiment_id=str(difference.experiment_id),
                    signal_id=str(difference.signal_id),
                    field=difference.field,
                )
            if time.monotonic() - shown > PROGRESS_SECONDS:
                shown = time.monotonic()
                self._progress(verified, total)
        return verified, differences

    def _progress(self, verified: int, total: int) -> None:
        share = min(verified / max(total, 1), 1.0)
        bar = "#" * int(30 * share)
        self.stderr.write(f"[{bar:30}] {verified} of {total} verified")

    def _report(self, verified: int, differences: list[Difference], *, as_json: bool) -> None:
        if as_json:
            rows = [
                {name: str(getattr(difference, name)) for name in Difference.__slots__} for difference in differences
            ]
            self.stdout.write(json.dumps({"verified": verified, "differences": rows}))
            return
        for difference in differences:
            self.stdout.write(
                f"{difference.experiment_id} {difference.field}: stored {difference.stored},"
                f" recomputed {difference.recomputed}"
            )
        verdict = "no difference" if not differences else f"{len(differences)} differences"
        self.stdout.write(f"{verified} experiments verified: {verdict}.")
