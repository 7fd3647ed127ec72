"""`manage.py account`: what is done for an account on the server, where nobody can sign in for it."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from kernel.actors import command_line_actor
from kernel.audit import record
from orchestrator_site.sign_in.sessions import end_sessions


class Command(BaseCommand):
    """Take the second factors or a group from an account, or end its sessions."""

    help = (
        "reset-factors takes authenticator app, passkeys and recovery codes from an account that has lost them; "
        "leave-group takes it out of a group."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to do, and the account."""
        parser.add_argument("action", choices=["reset-factors", "end-sessions", "leave-group"], help="what to do")
        parser.add_argument("name", help="user name")
        parser.add_argument("group", nargs="?", help="the group to leave")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what was done."""
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise CommandError(f"No account is named {options['name']!r}.")
        actor = command_line_actor()
        if options["action"] == "end-sessions":
            ended = end_sessions(actor, user, UserSession.objects.filter(user=user))
            self.stdout.write(f"{ended} session{'s' if ended != 1 else ''} of {user} ended.")
            return
        if options["action"] == "leave-group":
            group = user.groups.filter(name=options["group"]).first()
            if group is None:
                raise CommandError(f"{user} is not in a group named {options['group']!r}.")
            with transaction.atomic():
                user.groups.remove(group)
                record(actor, "user.withdrawn", f"user {user}", changes={"groups": (group.name, "")})
            self.stdout.write(f"{user} is out of {group.name}.")
            return
        with transaction.atomic():
            _, removed = Authenticator.objects.filter(user=user).delete()
            record(actor, "user.factor_removed", f"user {user.get_username()}", reason="all of them, on the server")
        count = removed.get("mfa.Authenticator", 0)
        self.stdout.write(f"{count} factor{'s' if count != 1 else ''} of {user} removed.")
