"""`manage.py evaluation`: check a verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.command_options import UNUSABLE
from kernel.errors import DomainError
from outcomes.core.block_file import judge_file


class Command(BaseCommand):
    """Judge blocks from a file."""

    help = "Check verdicts: `judge` judges blocks from a file and needs no database."

    def add_arguments(self, parser: CommandParser) -> None:
        """One subcommand per action."""
        actions = parser.add_subparsers(dest="action", required=True)
        judge = actions.add_parser("judge", help="judge the blocks of a file; prints evidence, interval and verdict")
        judge.add_argument(
            "--blocks",
            required=True,
            type=Path,
            metavar="FILE",
            help="JSON, or a list: {worst_block, margin, horizon_blocks, alpha, blocks:[{x, m} or {x_low, x_high, m}]}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the judgement as JSON; exit 2 where the file cannot be used."""
        file: Path = options["blocks"]
        try:
            found = judge_file(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise CommandError(f"Cannot read {file}: {error.strerror}.", returncode=UNUSABLE) from None
        except UnicodeDecodeError:
            raise CommandError(f"Cannot read {file}: not UTF-8.", returncode=UNUSABLE) from None
        except DomainError as error:
            where = f" at {error.pointer}" if error.pointer else ""
            raise CommandError(f"{file}{where}: {error.detail}", returncode=UNUSABLE) from None
        self.stdout.write(json.dumps(found, indent=1))
