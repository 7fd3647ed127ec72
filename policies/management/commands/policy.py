"""`manage.py policy`: look at policies, and change them by way of a draft.

Approving is left out on purpose: it must be another person, and a command line does not know its people.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.command_options import parsed
from kernel.errors import DomainError
from kernel.values import instant_text, parse_instant
from policies.core.settings import PolicySettings, changed_settings, diff, side_by_side
from policies.drafts import activate_draft, call_off_draft, discard_draft, start_draft
from policies.models import DraftState, PolicyDraft, PolicyVersion
from policies.selectors import NoPolicyError, active_policy, policy_history

HISTORY_SHOWN = 20


class Command(BaseCommand):
    """Show, compare, draft, activate."""

    help = "Policy versions and drafts: show, history, diff, draft, drafts, activate, call-off, discard."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the actions."""
        actions = parser.add_subparsers(dest="action", required=True)
        show = actions.add_parser("show", help="the version in force, another one, or a draft")
        show.add_argument("version", nargs="?", type=int)
        show.add_argument("--draft", type=int, metavar="ID")
        history = actions.add_parser("history", help="the versions, newest first")
        history.add_argument("--last", type=int, default=HISTORY_SHOWN)
        compare = actions.add_parser("diff", help="what differs between two versions")
        compare.add_argument("left", type=int)
        compare.add_argument("right", type=int)
        draft = actions.add_parser("draft", help="start a draft from the version in force")
        draft.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
        draft.add_argument("--from", type=int, metavar="VERSION", dest="source", help="restore this version's settings")
        draft.add_argument("--note", required=True, help="what it is for")
        actions.add_parser("drafts", help="the drafts that wait")
        activate = actions.add_parser("activate", help="put a draft in force, now or later")
        activate.add_argument("draft_id", type=int, metavar="ID")
        activate.add_argument("--reason", required=True)
        activate.add_argument("--at", help="not now but then (RFC 3339 with zone, in the future)")
        for name, text in (("call-off", "take a draft off the schedule"), ("discard", "give a draft up")):
            action = actions.add_parser(name, help=text)
            action.add_argument("draft_id", type=int, metavar="ID")
            action.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action."""
        try:
            getattr(self, "_" + options["action"].replace("-", "_"))(options)
        except (DomainError, NoPolicyError) as error:
            raise CommandError(getattr(error, "detail", str(error))) from None

    def _show(self, options: dict[str, Any]) -> None:
        if options["draft"] is not None:
            draft = _draft(options["draft"])
            self.stdout.write(_draft_line(draft))
            self._settings(draft.content, draft.content_hash)
            return
        version = _active() if options["version"] is None else _version(options["version"])
        self.stdout.write(_version_line(version))
        self._settings(version.content, version.content_hash)

    def _settings(self, content: PolicySettings, content_hash: str) -> None:
        for row in side_by_side(content, content):
            self.stdout.write(f"  {row.name} = {row.after}")
        self.stdout.write(f"  content hash {content_hash}")

    def _history(self, options: dict[str, Any]) -> None:
        for version in policy_history()[: max(options["last"], 0)]:
            self.stdout.write(_version_line(version))

    def _diff(self, options: dict[str, Any]) -> None:
        left, right = _version(options["left"]), _version(options["right"])
        self._changes(left.content, right.content)

    def _draft(self, options: dict[str, Any]) -> None:
        source = _active() if options["source"] is None else _version(options["source"])
        content = changed_settings(source.content, options["changes"])
        draft = start_draft(command_line_actor(), content=content, note=options["note"])
        self.stdout.write(
            f"Draft {draft.pk} is made. It is not in force. It changes of version {draft.base_version_id}:"
        )
        self._changes(draft.base_version.content, content)
        self.stdout.write(f"Look before: manage.py preview --draft {draft.pk}")

    def _drafts(self, options: dict[str, Any]) -> None:
        for draft in PolicyDraft.objects.filter(state__in=(DraftState.OPEN, DraftState.SCHEDULED)):
            self.stdout.write(_draft_line(draft))

    def _activate(self, options: dict[str, Any]) -> None:
        draft = _draft(options["draft_id"])
        at = parsed("--at", options["at"], parse_instant)
        draft = activate_draft(
            command_line_actor(), draft.pk, reason=options["reason"], content_hash=draft.content_hash, at=at
        )
        if at is not None:
            self.stdout.write(f"Draft {draft.pk} comes into force at {instant_text(at)}.")
        else:
            self.stdout.write(f"Version {draft.activated_version_id} is in force from the next decision on.")

    def _call_off(self, options: dict[str, Any]) -> None:
        draft = call_off_draft(command_line_actor(), options["draft_id"], reason=options["reason"])
        self.stdout.write(f"Draft {draft.pk} is off the schedule and open again.")

    def _discard(self, options: dict[str, Any]) -> None:
        draft = discard_draft(command_line_actor(), options["draft_id"], reason=options["reason"])
        self.stdout.write(f"Draft {draft.pk} is discarded.")

    def _changes(self, left: PolicySettings, right: PolicySettings) -> None:
        changes = diff(left, right)
        for change in changes:
            self.stdout.write(f"  {change.name}: {change.before} -> {change.after}")
        if not changes:
            self.stdout.write("  no difference")


def _active() -> PolicyVersion:
    policy = active_policy()
    if policy is None:
        raise NoPolicyError(NoPolicyError.__doc__)
    return policy


def _version(number: int) -> PolicyVersion:
    version = PolicyVersion.objects.filter(version=number).first() if 0 < number < 2**31 else None
    if version is None:
        raise CommandError(f"There is no version {number}; see `manage.py policy history`.")
    return version


def _draft(number: int) -> PolicyDraft:
    draft = PolicyDraft.objects.filter(pk=number).first() if 0 < number < 2**63 else None
    if draft is None:
        raise CommandError(f"There is no draft {number}; see `manage.py policy drafts`.")
    return draft


def _version_line(version: PolicyVersion) -> str:
    when = instant_text(version.activated_at)
    return f"v{version.version}  {when}  {version.configured_mode}  by {version.created_by}: {version.note}"


def _draft_line(draft: PolicyDraft) -> str:
    due = f" for {instant_text(draft.scheduled_at)}" if draft.scheduled_at else ""
    return f"draft {draft.pk} of v{draft.base_version_id}  {draft.state}{due}  by {draft.edited_by}: {draft.note}"
