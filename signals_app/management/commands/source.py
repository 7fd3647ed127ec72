"""`manage.py source`: create, list, rotate, disable and enable webhook sources."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.errors import DomainError
from signals_app.alerts.admission import TRADINGVIEW_ADDRESSES
from signals_app.models import BareSell, WebhookSource
from signals_app.webhook.sources import create_source, rotate_source, set_source_active, webhook_path


class Command(BaseCommand):
    """One subcommand per action; whoever runs it stands in the audit log."""

    help = "Manage webhook sources, which may send alerts. Tokens are shown once and stored nowhere."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define add, list, rotate, disable, enable."""
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
            help="what an alert means that only says to sell (default: %(default)s)",
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
                case "rotate":
                    _, token = rotate_source(options["slug"], options["token"], actor=actor)
                    self.stdout.write(webhook_path(token))
                case action:
                    source = set_source_active(options["slug"], is_active=action == "enable", actor=actor)
                    self.stdout.write(f"Webhook source {source.slug} {action}d.")
        except DomainError as error:
            raise CommandError(error.detail) from error
