"""`manage.py archive`: move what retention lets go into Parquet files, at once instead of little by little."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from archives.keeping import archive, due
from archives.kinds import KIND_NAMES, KINDS
from archives.models import Archive
from kernel.values import instant_text


class Command(BaseCommand):
    """Archive until nothing is left that may go; exit 1 when a file cannot be written."""

    help = "Write what is older than its retention to Parquet files in ARCHIVE_DIR, then delete it from the database."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to move, and whether only to say it."""
        parser.add_argument("--dry-run", action="store_true", help="say what would go; write and delete nothing")
        parser.add_argument("--only", choices=KIND_NAMES, help="one kind of rows")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say what goes, archive by archive."""
        chosen = [kind for kind in KINDS if options["only"] in (None, kind.name)]
        if options["dry_run"]:
            for kind in chosen:
                found = due(kind)
                if not found.days:
                    self.stdout.write(f"{kind.name}: kept for ever ({kind.setting} is 0).")
                elif found.since is None or found.until is None:
                    self.stdout.write(f"{kind.name}: kept for {found.days} days; nothing would go.")
                else:
                    self.stdout.write(
                        f"{kind.name}: kept for {found.days} days; {found.items:,} would go, which came between "
                        f"{instant_text(found.since)} and {instant_text(found.until)}."
                    )
            return
        moved = dict.fromkeys(KIND_NAMES, 0)

        def told(made: Archive) -> None:
            made.refresh_from_db()
            if made.removed_at is None:
                self.stdout.write(f"Archive {made.pk}, {made}: written; its rows stay, see the log.")
                return
            moved[made.kind] += made.items
            self.stdout.write(f"Archive {made.pk}, {made}: {made.items:,} moved, {moved[made.kind]:,} in all.")

        try:
            archive(only=options["only"], told=told)
        except (OSError, ValueError) as error:
            raise CommandError(f"Cannot write to {settings.ARCHIVE_DIR}: {error} Nothing more was deleted.") from error
        if not any(moved.values()):
            self.stdout.write("Nothing may go now.")
