"""`manage.py source`: create, list, rotate, watch, disable and enable webhook sources."""

from __future__ import annotations

import re
from datetime import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.errors import DomainError
from signals_app.alerts.admission import TRADINGVIEW_ADDRESSES
from signals_app.models import BareSell, WebhookSource
from signals_app.watch_models import WatchMode
from signals_app.watching.watches import WatchSettings, set_watch
from signals_app.webhook.sources import create_source, rotate_source, set_source_active, webhook_path

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_DAYS = re.compile(r"[1-7]{1,7}", re.ASCII)


class Command(BaseCommand):
    """One subcommand per action; whoever runs it stands in the audit log."""

    help = "Manage webhook sources, which may send alerts. Tokens are shown once and stored nowhere."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define add, list, rotate, watch, disable, enable."""
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="create a source and print its webhook path (shown only once)")
        add.add_argument("slug", help="part of every signal's identity; cannot be changed later")
        add.add_argument("--name", default="", help="display name (default: the slug)")
        add.add_argument("--token", help="at least 16 characters (default: random)")
        add.add_argument("--body-secret", default="", help="secret that every alert must contain")
        add.add_argument(
            "--max-age",
            type=int,
            default=300,
            help="maximum age in seconds; 0 disables the check",
        )
        add.add_argument("--rate-limit", type=int, help="alerts per minute (default: no limit)")
        add.add_argument(
            "--allow",
            action="append",
            default=[],
            help="IP address or network that may send; repeatable",
        )
        add.add_argument(
            "--bare-sell",
            choices=BareSell.values,
            default=BareSell.ENTRY_SHORT.value,
            help="meaning of an alert that says only sell (default: %(default)s)",
        )
        add.add_argument(
            "--replay", action="store_true", help="feed of a demo, backtest or rehearsal: no maximum age; never in LIVE"
        )
        add.add_argument("--tradingview-only", action="store_true", help="allow TradingView's addresses")
        actions.add_parser("list", help="list all sources")
        rotate = actions.add_parser(
            "rotate", help="rotate the token and print the new webhook path; the previous one stays valid"
        )
        rotate.add_argument("slug")
        rotate.add_argument("--token", help="at least 16 characters (default: random)")
        usual = WatchSettings()
        watch = actions.add_parser("watch", help="watch a source for missing alerts, by these settings from now on")
        watch.add_argument("slug")
        watch.add_argument("mode", choices=WatchMode.values)
        watch.add_argument("--grace", type=int, default=usual.grace_seconds, help="seconds (default: %(default)s)")
        watch.add_argument("--bar-clock", default="", help="timeframe, such as 5m (default: each alert's own)")
        watch.add_argument("--max-silence", type=int, help="minutes of open market (default: learned)")
        watch.add_argument("--timezone", default=usual.timezone, help="of the market hours (default: %(default)s)")
        watch.add_argument("--days", default="1234567", help="days on which a session begins; 1 is Monday")
        watch.add_argument("--hours", default="", help="such as 09:30-16:00 (default: all day)")
        watch.add_argument(
            "--holiday", action="append", default=[], help='"2026-12-25", or "2026-11-27 13:00"; repeatable'
        )
        for action in ("disable", "enable"):
            actions.add_parser(action, help=f"{action} a source").add_argument("slug")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action."""
        actor = command_line_actor()
        try:
            match options["action"]:
                case "add":
                    preset = TRADINGVIEW_ADDRESSES if options["tradingview_only"] else ()
                    _, token = create_source(
                        slug=options["slug"],
                        name=options["name"],
                        token=options["token"],
                        body_secret=options["body_secret"],
                        max_age_seconds=options["max_age"],
                        rate_limit_per_minute=options["rate_limit"],
                        bare_sell=options["bare_sell"],
                        replay=options["replay"],
                        allowed_addresses=[*preset, *options["allow"]],
                        actor=actor,
                    )
                    self.stdout.write(webhook_path(token))
                case "list":
                    for source in WebhookSource.objects.all():
                        state = "active" if source.is_active else "disabled"
                        kind = "  replay" if source.replay else ""
                        tokens = 1 if source.previous_token_hash is None else 2
                        self.stdout.write(
                            f"{source.slug:20} {state:8} {tokens} token(s)  max age {source.max_age_seconds} s"
                            f"{kind}  {source.name}"
                        )
                case "watch":
                    watch = set_watch(options["slug"], watch_settings(options), actor=actor)
                    self.stdout.write(f"Webhook source {options['slug']}: {watch.get_mode_display()}.")
                case "rotate":
                    _, token = rotate_source(options["slug"], options["token"], actor=actor)
                    self.stdout.write(webhook_path(token))
                case action:
                    source = set_source_active(options["slug"], is_active=action == "enable", actor=actor)
                    self.stdout.write(f"Webhook source {source.slug} {action}d.")
        except DomainError as error:
            raise CommandError(error.detail) from error


def watch_settings(options: dict[str, Any]) -> WatchSettings:
    """The settings that the options of `watch` say; raise CommandError for hours or days that cannot be read."""
    hours, days = _HOURS.fullmatch(options["hours"]), _DAYS.fullmatch(options["days"])
    if (options["hours"] and hours is None) or days is None:
        raise CommandError("Enter hours such as 09:30-16:00, and days such as 12345 for Monday to Friday.")
    opens, closes = (time(int(hours[1]), int(hours[2])), time(int(hours[3]), int(hours[4]))) if hours else (None, None)
    return WatchSettings(
        mode=options["mode"],
        grace_seconds=options["grace"],
        bar_clock=options["bar_clock"],
        max_silence_minutes=options["max_silence"],
        timezone=options["timezone"],
        days=tuple(int(day) for day in days[0]),
        opens=opens,
        closes=closes,
        holidays=tuple(options["holiday"]),
    )
