"""`manage.py check_alert`: how the webhook would read a message, and why."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from signals_app.alerts.check_alert import DEFAULT_MAX_AGE_SECONDS, AlertCheck, check_alert, templates_for
from signals_app.models import BareSell, WebhookSource
from signals_app.webhook.sources import wants_of


class Command(BaseCommand):
    """Reads one message; nothing is stored."""

    help = "Show how the webhook would read a message now, and why. Exits 1 if it would be rejected."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the message, and by which settings it is read."""
        parser.add_argument(
            "file",
            nargs="?",
            type=Path,
            help="the message, as written in TradingView or as sent (default: standard input)",
        )
        parser.add_argument("--source", metavar="SLUG", help="use this source's settings")
        parser.add_argument(
            "--max-age", type=int, default=DEFAULT_MAX_AGE_SECONDS, help="maximum age in seconds (default: %(default)s)"
        )
        parser.add_argument(
            "--bare-sell", choices=BareSell.values, default=BareSell.ENTRY_SHORT.value,
            help="meaning of an alert that says only sell (default: %(default)s)",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check the message by the source's settings, and print what the page shows."""
        source, max_age, bare_sell = None, options["max_age"], options["bare_sell"]
        if options["source"] is not None:
            source = WebhookSource.objects.select_related("watch").filter(slug=options["source"]).first()
            if source is None:
                raise CommandError(f"No source has the slug {options['source']}. List them: manage.py source list.")
            max_age, bare_sell = source.max_age_seconds, source.bare_sell
        if options["file"] is None and sys.stdin.isatty():
            self.stderr.write("Paste the message, then press Ctrl-D. Ctrl-D alone shows the templates.")
        try:
            body = sys.stdin.buffer.read() if options["file"] is None else options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"Cannot read the message: {error}.") from error
        # What is no UTF-8 gets as far as the decoder, which says so.
        text = body.decode(errors="surrogateescape")
        wants = wants_of(source)
        check = check_alert(text, timezone.now(), max_age, bare_sell, wants)
        templates = templates_for(secret=source is None or "secret" in wants, sequence="sequence" in wants)
        if options["json"]:
            self.stdout.write(json.dumps(asdict(check) | {"templates": dict(templates)}, indent=2))
        else:
            self.stdout.write("\n".join(_lines(check)))
            for title, template in templates:
                self.stdout.write(f"\n{title}:\n{template}")
        if check.outcome == "rejected":
            sys.exit(1)


def _lines(check: AlertCheck) -> list[str]:
    code = f" ({check.code})" if check.code else ""
    lines = [f"{check.outcome.capitalize()}{code}: {check.sentence}"]
    lines += [f"Because: {check.because}."] if check.because else []
    lines += [f"What to do: {check.remedy}"] if check.remedy else []
    lines += [f"Better: {sentence}" for sentence in check.lacks]
    for field in check.fields:
        origin = f"  from {field.read_from}" if field.read_from else ""
        lines.append(f"  {field.name:<10} {field.value or 'absent'}{origin}")
    for title, names in (
        ("Forwarded unchanged to both engines", check.passed_on),
        ("Removed as secret and never stored", check.removed),
        ("Placeholders filled with sample values", check.filled),
    ):
        lines += [f"{title}: {', '.join(names)}."] if names else []
    return lines
