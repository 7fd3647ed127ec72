"""`manage.py preview`: what other policy settings would have changed of the stored decisions."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from experiments.core.what_if import ExecutedShare, Preview, PreviewSettings, Verdict
from experiments.history.preview import DEFAULT_LAST, MOST, PreviewSelection
from kernel.command_options import instant, parsed
from kernel.errors import DomainError
from kernel.progress import ProgressBar
from outcomes.performance.preview_pnl import PreviewWithPnl, RecordedPnl, preview_with_pnl
from policies.core.content import PolicySettings
from policies.core.settings_text import changed_settings
from policies.drafts import content_of
from policies.models import PolicyDraft
from policies.selectors import active_policy, settings_of

SYMBOLS_SHOWN = 30


class Command(BaseCommand):
    """Decide stored signals again under a draft or other settings, and show the difference."""

    help = (
        "Decide stored signals again under a draft, or under the policy in force with settings changed, from their"
        " stored inputs. Nothing is written; the P&L shown is what those trades recorded, not a forecast."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the settings and the selection."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--draft", type=int, metavar="ID", help="the settings of this policy draft")
        what.add_argument(
            "--set", action="append", default=None, metavar="NAME=VALUE", dest="changes",
            help="a setting to change in the policy in force, such as configured_mode=SPLIT_CAPITAL; may be repeated",
        )  # fmt: skip
        parser.add_argument(
            "--last", type=int, help=f"the newest decisions only, at most {MOST} (default {DEFAULT_LAST})"
        )
        parser.add_argument("--since", help="decided at or after (RFC 3339 with zone)")
        parser.add_argument("--until", help="decided before (RFC 3339 with zone)")
        parser.add_argument("--symbol")
        parser.add_argument("--timeframe")
        parser.add_argument("--json", action="store_true", help="one JSON document instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        """Decide again and print."""
        settings = _draft(options["draft"]) if options["draft"] is not None else _changed(options["changes"])
        bar = ProgressBar(self.stderr, what="decisions", after_seconds=1.0)
        try:
            found = preview_with_pnl(_selection(options), PreviewSettings.of(settings), bar.show)
        except DomainError as error:
            raise CommandError(f"--last: {error.detail}") from None
        bar.clear()
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found), default=str))
            return
        for line in lines(found):
            self.stdout.write(line)


def _selection(options: dict[str, Any]) -> PreviewSelection:
    since, until = parsed("--since", options["since"], instant), parsed("--until", options["until"], instant)
    # A period is meant whole.
    usual = DEFAULT_LAST if since is None and until is None else MOST
    return PreviewSelection(
        last=usual if options["last"] is None else options["last"],
        since=since,
        until=until,
        symbol=options["symbol"],
        timeframe=options["timeframe"],
    )


def _draft(draft_id: int) -> PolicySettings:
    draft = PolicyDraft.objects.filter(pk=draft_id).first()
    if draft is None:
        raise CommandError(f"--draft: there is no draft {draft_id}.")
    return content_of(draft)


def _changed(changes: list[str]) -> PolicySettings:
    """Return the settings in force with these changed; every mistake is named."""
    active = active_policy()
    if active is None:
        raise CommandError("There is no policy yet: run `manage.py migrate`.")
    try:
        return changed_settings(settings_of(active), changes)
    except DomainError as error:
        raise CommandError(f"--set: {error.detail}") from None


def lines(found: PreviewWithPnl) -> list[str]:
    """Return a preview in lines for people."""
    preview = found.preview
    text = [f"{preview.considered} decisions considered, {preview.changed} would change."]
    if preview.unreadable:
        text.append(f"{preview.unreadable} have inputs that cannot be read; `manage.py replay` names them.")
    text += [
        f"Executed before: {_shares(preview.executed_before)}",
        f"Executed after:  {_shares(preview.executed_after)}",
    ]
    return text + _transitions(preview) + _symbols(preview) + _pnl(found.recorded)


def _shares(share: ExecutedShare) -> str:
    total = max(share.engine_a + share.engine_b + share.nobody, 1)
    counts = {"A": share.engine_a, "B": share.engine_b, "nobody": share.nobody}
    return ", ".join(f"{name} {count} ({100 * count / total:.1f} %)" for name, count in counts.items())


def _transitions(preview: Preview) -> list[str]:
    changes = [one for one in preview.transitions if one.before != one.after]
    return ["", "From -> to:"] * bool(changes) + [
        f"{one.count:>7}  {_verdict(one.before)} -> {_verdict(one.after)}" for one in changes
    ]


def _verdict(verdict: Verdict) -> str:
    return f"{verdict.execution_mode}/{verdict.executed_engine or 'nobody'}/{verdict.reason}"


def _symbols(preview: Preview) -> list[str]:
    shown = preview.by_symbol[:SYMBOLS_SHOWN]
    left = len(preview.by_symbol) - len(shown)
    return (
        ["", "Changes by symbol and reason:"] * bool(shown)
        + [f"{one.count:>7}  {one.symbol:<20} {one.reason_before} -> {one.reason_after}" for one in shown]
        + [f"         and {left} more rows; --json has them all"] * bool(left)
    )


def _pnl(recorded: tuple[RecordedPnl, ...]) -> list[str]:
    words = {"SHADOW_TO_REAL": "real instead of shadow", "REAL_TO_SHADOW": "shadow instead of real"}
    return ["", "Recorded P&L of the trades concerned (what they earned as they were, not a forecast):"] * bool(
        recorded
    ) + [
        f"  engine {one.engine}, {words[one.change]}: {one.decisions} decisions, {one.trades} with an outcome,"
        f" {one.pnl:+.2f}" + (f", {one.unpriced} UNPRICED and not in it" if one.unpriced else "")
        for one in recorded
    ]
