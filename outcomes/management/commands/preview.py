"""`manage.py preview`: what other policy settings would have changed in the stored decisions."""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from experiments.core.what_if import ExecutedShare, Verdict
from experiments.history.preview import DEFAULT_LAST, MOST, PreviewSelection
from kernel.command_options import parsed
from kernel.errors import DomainError
from kernel.progress import ProgressBar
from kernel.values import decimal_text, parse_instant, plain_text
from outcomes.evaluations.lifecycle import running_evaluation
from outcomes.performance.preview_pnl import PreviewWithPnl, preview_with_pnl
from policies.core.settings import PolicySettings, changed_settings
from policies.models import PolicyDraft
from policies.selectors import active_policy

SYMBOLS_SHOWN = 30
CHANGES = {"SHADOW_TO_REAL": "real instead of shadow", "REAL_TO_SHADOW": "shadow instead of real"}


class Command(BaseCommand):
    """Decide stored signals again under a draft or other settings, and show the difference."""

    help = (
        "Decide stored signals again from their stored inputs, under a draft or under the active policy with settings"
        " changed. Nothing is written; the P&L shown is what those trades recorded, not a forecast."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The settings and the selection."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--draft", type=int, metavar="ID", help="the settings of this policy draft")
        what.add_argument(
            "--set", action="append", default=None, metavar="NAME=VALUE", dest="changes",
            help="a setting to change in the active policy, such as configured_mode=SPLIT_CAPITAL; repeatable",
        )  # fmt: skip
        parser.add_argument(
            "--last", type=int, help=f"number of most recent decisions, at most {MOST} (default {DEFAULT_LAST})"
        )
        parser.add_argument("--since", help="decided at or after this time (RFC 3339 with zone)")
        parser.add_argument("--until", help="decided before this time (RFC 3339 with zone)")
        parser.add_argument("--symbol")
        parser.add_argument("--timeframe")
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        """Decide again, and print what would change."""
        settings = _settings(options["draft"], options["changes"])
        since, until = (
            parsed("--since", options["since"], parse_instant),
            parsed("--until", options["until"], parse_instant),
        )
        last = options["last"]
        if last is None:
            # A period is meant whole.
            last = DEFAULT_LAST if since is None and until is None else MOST
        selection = PreviewSelection(last, since, until, options["symbol"], options["timeframe"])
        bar = ProgressBar(self.stderr, what="decisions", after_seconds=1.0)
        try:
            found = preview_with_pnl(selection, settings, bar.show)
        except DomainError as error:
            raise CommandError(f"--last: {error.detail}") from None
        bar.clear()
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found), default=_text))
            return
        for line in lines(found):
            self.stdout.write(line)
        if name := running_evaluation():
            self.stdout.write(f"Evaluation {name} is running: any new policy version ends it.")


def _settings(draft_id: int | None, changes: list[str]) -> PolicySettings:
    """The settings of the draft, or the active ones with these changed; every mistake is named."""
    if draft_id is not None:
        draft = PolicyDraft.objects.filter(pk=draft_id).first()
        if draft is None:
            raise CommandError(f"--draft: draft {draft_id} not found.")
        return draft.content
    active = active_policy()
    if active is None:
        raise CommandError("No policy yet; run `manage.py migrate`.")
    try:
        return changed_settings(active.content, changes)
    except DomainError as error:
        raise CommandError(f"--set: {error.detail}") from None


def _text(value: object) -> str:
    return decimal_text(value) if isinstance(value, Decimal) else str(value)


def lines(found: PreviewWithPnl) -> list[str]:
    """A preview in lines for people; a part without rows is left out."""
    preview = found.preview
    text = [f"Of {preview.considered} decisions, {preview.changed} would change."]
    if preview.unreadable:
        text.append(f"{preview.unreadable} have unreadable inputs; `manage.py replay` lists them.")
    text += [
        f"Executed before: {_shares(preview.executed_before)}",
        f"Executed after:  {_shares(preview.executed_after)}",
    ]
    if changes := [one for one in preview.transitions if one.before != one.after]:
        text += ["", "From -> to:"]
        text += [f"{one.count:>7}  {_verdict(one.before)} -> {_verdict(one.after)}" for one in changes]
    if shown := preview.by_symbol[:SYMBOLS_SHOWN]:
        text += ["", "Changes by symbol and reason:"]
        text += [f"{one.count:>7}  {one.symbol:<20} {one.reason_before} -> {one.reason_after}" for one in shown]
    if (left := len(preview.by_symbol) - len(shown)) > 0:
        text.append(f"         and {left} more rows; --json lists all")
    if found.recorded:
        text += ["", "Recorded P&L of the trades affected (as they were, not a forecast):"]
    for one in found.recorded:
        unpriced = f", plus {one.unpriced} UNPRICED" if one.unpriced else ""
        pnl = " and ".join(f"{amount:+.2f} {currency}" for currency, amount in sorted(one.pnl.items()))
        text.append(
            f"  engine {one.engine}, {CHANGES[one.change]}: {one.decisions} decisions, {one.trades} with an outcome,"
            f" {pnl or 'no P&L'}{unpriced}"
        )
    if found.trips:
        text += ["", "Guardrails on these decisions, each trip taken as released at once:"]
    text += [
        f"  {one.name}: would have tripped {len(one.times)} time{'s' * (len(one.times) != 1)},"
        f" at worst {plain_text(one.worst)} of {plain_text(one.limit)}"
        for one in found.trips
    ]
    return text


def _shares(share: ExecutedShare) -> str:
    total = max(share.engine_a + share.engine_b + share.nobody, 1)
    counts = {"A": share.engine_a, "B": share.engine_b, "neither": share.nobody}
    return ", ".join(f"{name} {count} ({100 * count / total:.1f} %)" for name, count in counts.items())


def _verdict(verdict: Verdict) -> str:
    return f"{verdict.execution_mode}/{verdict.executed_engine or 'neither'}/{verdict.reason}"
