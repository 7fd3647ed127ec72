"""`manage.py policy`: show policies, and change them through a draft.

Approving is left out on purpose: it takes another person, and the command line knows no accounts.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import command_line_actor
from kernel.command_options import parsed
from kernel.errors import DomainError
from kernel.values import instant_text, parse_instant
from policies.checks import split_doubt
from policies.core.settings import PolicySettings, changed_settings, diff, side_by_side
from policies.drafts import activate_draft, discard_draft, start_draft, unschedule_draft
from policies.models import DraftState, PolicyDraft, PolicyVersion
from policies.selectors import policy_draft, policy_history, policy_in_force, policy_version

HISTORY_SHOWN = 20


class Command(BaseCommand):
    """Show and compare versions; create, activate, unschedule and discard drafts."""

    help = "Show policy versions and change the policy through a draft."

    def add_arguments(self, parser: CommandParser) -> None:
        """One subcommand per action."""
        actions = parser.add_subparsers(dest="action", required=True)
        show = actions.add_parser("show", help="show the version in force, another version, or a draft")
        show.add_argument("version", nargs="?", type=int)
        show.add_argument("--draft", type=int, metavar="ID")
        history = actions.add_parser("history", help="list the versions, newest first")
        history.add_argument("--last", type=int, default=HISTORY_SHOWN, help="how many (default %(default)s)")
        compare = actions.add_parser("diff", help="show what differs between two versions")
        compare.add_argument("left", type=int)
        compare.add_argument("right", type=int)
        draft = actions.add_parser("draft", help="create a draft from the version in force")
        draft.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            dest="changes",
            help="a setting to change (repeatable)",
        )
        draft.add_argument("--from", type=int, metavar="VERSION", dest="source", help="restore a version's settings")
        draft.add_argument("--note", required=True, help="why the policy changes")
        actions.add_parser("drafts", help="list the open and scheduled drafts")
        activate = actions.add_parser("activate", help="activate a draft, now or at a later time")
        activate.add_argument("draft_id", type=int, metavar="ID")
        activate.add_argument("--reason", required=True, help="why, for the audit log")
        activate.add_argument("--at", help="activate at this time instead of now, RFC 3339 with zone")
        for name, text in (("unschedule", "cancel a scheduled activation"), ("discard", "discard a draft")):
            action = actions.add_parser(name, help=text)
            action.add_argument("draft_id", type=int, metavar="ID")
            action.add_argument("--reason", required=True, help="why, for the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action."""
        try:
            getattr(self, f"_{options['action']}")(options)
        except DomainError as error:
            raise CommandError(error.detail) from None

    def _show(self, options: dict[str, Any]) -> None:
        if options["draft"] is not None:
            draft = policy_draft(options["draft"])
            self.stdout.write(_draft_line(draft))
            self._settings(draft.content, draft.content_hash)
            return
        version = policy_in_force() if options["version"] is None else policy_version(options["version"])
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
        left, right = policy_version(options["left"]), policy_version(options["right"])
        self._changes(left.content, right.content)

    def _draft(self, options: dict[str, Any]) -> None:
        if not options["note"].strip():
            raise CommandError("--note: say why the policy changes.")
        source = policy_in_force() if options["source"] is None else policy_version(options["source"])
        content = changed_settings(source.content, options["changes"])
        draft = start_draft(command_line_actor(), content=content, note=options["note"])
        self.stdout.write(f"Draft {draft.pk} created; it is not active. Changes from version {draft.base_version_id}:")
        self._changes(draft.base_version.content, content)
        if doubt := split_doubt(content.split_percentage):
            self.stdout.write(f"Check split_percentage: {doubt}")
        self.stdout.write(f"Preview it first: manage.py preview --draft {draft.pk}")

    def _drafts(self, options: dict[str, Any]) -> None:
        for draft in PolicyDraft.objects.filter(state__in=(DraftState.OPEN, DraftState.SCHEDULED)):
            self.stdout.write(_draft_line(draft))

    def _activate(self, options: dict[str, Any]) -> None:
        draft = policy_draft(options["draft_id"])
        at = parsed("--at", options["at"], parse_instant)
        # With the hash just read: an edit between these two lines is refused instead of activated unseen.
        draft = activate_draft(
            command_line_actor(), draft.pk, reason=options["reason"], content_hash=draft.content_hash, at=at
        )
        if at is not None:
            self.stdout.write(f"Draft {draft.pk} is scheduled for {instant_text(at)}.")
        else:
            self.stdout.write(f"Version {draft.activated_version_id} is active from the next decision on.")

    def _unschedule(self, options: dict[str, Any]) -> None:
        draft = unschedule_draft(command_line_actor(), options["draft_id"], reason=options["reason"])
        self.stdout.write(f"Draft {draft.pk} is unscheduled and open again.")

    def _discard(self, options: dict[str, Any]) -> None:
        draft = discard_draft(command_line_actor(), options["draft_id"], reason=options["reason"])
        self.stdout.write(f"Draft {draft.pk} discarded.")

    def _changes(self, left: PolicySettings, right: PolicySettings) -> None:
        changes = diff(left, right)
        for change in changes:
            self.stdout.write(f"  {change.name}: {change.before} -> {change.after}")
        if not changes:
            self.stdout.write("  no differences")


def _version_line(version: PolicyVersion) -> str:
    when = instant_text(version.activated_at)
    return f"v{version.version}  {when}  {version.configured_mode}  by {version.created_by}: {version.note}"


def _draft_line(draft: PolicyDraft) -> str:
    due = f" for {instant_text(draft.scheduled_at)}" if draft.scheduled_at else ""
    return f"draft {draft.pk} of v{draft.base_version_id}  {draft.state}{due}  by {draft.edited_by}: {draft.note}"
