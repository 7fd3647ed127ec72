"""`manage.py replay`: verify stored decisions by computing them again (R6)."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from archives.replay import ALL, run_archive_replay
from experiments.core.verification import Difference
from experiments.history.replay import RANGE_SIZE, Selection, count, run_replay
from kernel.actors import command_line_actor
from kernel.command_options import UNUSABLE, parsed
from kernel.progress import ProgressBar
from kernel.values import counted, parse_instant
from policies.models import PolicyVersion
from signals_app.models import Signal

QUIET_SECONDS = 2.0


class Command(BaseCommand):
    """Recompute decisions from stored inputs; exit 1 when anything differs, 2 when nothing could be compared."""

    help = "Recompute stored decisions from stored inputs and name every difference; exit code 1 on any."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the selection and the output form."""
        parser.add_argument("--since", help="experiments created at or after (RFC 3339 with zone)")
        parser.add_argument("--until", help="experiments created before (RFC 3339 with zone)")
        parser.add_argument("--signal", help="one signal_id")
        parser.add_argument("--policy-version", type=int)
        parser.add_argument(
            "--archive",
            metavar="DIR",
            help=f"what is archived instead of what is in the database: `{ALL}`, or a folder with some of the files",
        )
        parser.add_argument(
            "--jobs", type=int, metavar="N", help="processes that share the work (default: one per core, or 1 if quick)"
        )
        parser.add_argument("--json", action="store_true", help="one JSON document instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, print each difference as it is found, and exit 1 on any."""
        selection = Selection(
            since=parsed("--since", options["since"], parse_instant),
            until=parsed("--until", options["until"], parse_instant),
            signal=parsed("--signal", options["signal"], UUID),
            policy_version=options["policy_version"],
        )
        if selection.signal and not Signal.objects.filter(pk=selection.signal).exists():
            # "0 verified, no difference" would let a slip of the pen pass for a verification.
            raise CommandError(f"Signal {selection.signal} not found.", returncode=UNUSABLE)
        version = selection.policy_version
        if version is not None and not PolicyVersion.objects.filter(pk=version).exists():
            raise CommandError(f"Policy version {version} not found.", returncode=UNUSABLE)
        archive = options["archive"]
        if archive is not None and selection != Selection():
            raise CommandError("--archive verifies whole archives; leave the other filters out.", returncode=UNUSABLE)
        if archive not in (None, ALL) and not Path(archive).is_dir():
            raise CommandError(f"{archive} is not a folder.", returncode=UNUSABLE)
        # A process for each core that this one may use; a single one where the work is over before they have started.
        jobs = options["jobs"] or (len(os.sched_getaffinity(0)) if count(selection) > RANGE_SIZE else 1)
        bar = ProgressBar(self.stderr, what="experiments", after_seconds=QUIET_SECONDS)
        separator = ""

        def show(difference: Difference) -> None:
            nonlocal separator
            if options["json"]:
                self.stdout.write(separator + json.dumps(difference._asdict()), ending="")
                separator = ", "
                return
            bar.clear()
            about = difference.experiment_id or "tables"
            stored, recomputed = difference.stored, difference.recomputed
            self.stdout.write(f"{about} {difference.field}: stored {stored}, recomputed {recomputed}")

        # The document is written as it comes, because differences may be without end.
        self.stdout.write('{"differences": [' if options["json"] else "", ending="")
        who = command_line_actor().name
        if archive is None:
            run = run_replay(selection, run_by=who, jobs=jobs, progress=bar.show, found=show)
        else:
            run = run_archive_replay(archive, run_by=who, progress=bar.show, found=show)
        bar.clear()
        verdict = counted(run.differences, "difference") if run.differences else "no difference"
        text = f"{counted(run.verified, 'archived ' * (archive is not None) + 'experiment')} verified: {verdict}."
        self.stdout.write(f'], "verified": {run.verified}, "seconds": {run.seconds}}}' if options["json"] else text)
        if run.differences:
            sys.exit(1)
