"""Accounts in the audit log: who signed in or failed to, and what was changed of users, roles and passwords, by whom.

Django's own signals tell of it, whichever page, form or command did it; they name nobody, so that the middleware notes
the request, and a command that it is one. What a migration does to accounts is nobody's doing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import time
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.http import HttpRequest, HttpResponse

from kernel.actors import Actor, account_actor, actor_of, command_line_actor
from kernel.audit import differences, record
from kernel.events import SIGN_IN_REFUSED
from orchestrator_site.sign_in.sessions import end_sessions, seen

WATCHED = ("username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "password")
_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)
_command: ContextVar[Actor | None] = ContextVar("command", default=None)
# The lists of a user or a role that grant something, by the relation's table.
GRANTS: dict[Any, str] = {
    User.groups.through: "groups",
    User.user_permissions.through: "permissions",
    Group.permissions.through: "permissions",
}
# When the session was last written, in seconds since 1970: its end moves with each write, and not each request is one.
SEEN_AT = "seen_at"
SEEN_SECONDS = 60


class AccountMiddleware:
    """Note who asks, for as long as the answer takes, and keep a session that is in use."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer as ever."""
        token = _request.set(request)
        try:
            # What a page fetches by itself says nothing of who sits before it: Now looks every five seconds.
            by_hand = request.path_info.startswith("/admin/") and "HX-Request" not in request.headers
            seen_at = request.session.get(SEEN_AT) if by_hand else None
            if seen_at is not None and time() - seen_at > SEEN_SECONDS:
                request.session[SEEN_AT] = int(time())
                seen(request)
            return self.get_response(request)
        finally:
            _request.reset(token)


@contextmanager
def by_command() -> Iterator[None]:
    """What the block changes of accounts is the doing of whoever runs the command."""
    token = _command.set(command_line_actor())
    try:
        yield
    finally:
        _command.reset(token)


def watch_accounts() -> None:
    """Connect the receivers; called once, when the apps are ready."""
    for model in (User, Group):
        pre_save.connect(_note_before, sender=model)
        post_save.connect(_record_saved, sender=model)
        post_delete.connect(_record_deleted, sender=model)
    for through in GRANTS:
        m2m_changed.connect(_record_grants, sender=through)
    user_logged_in.connect(_record_log_in)
    user_logged_out.connect(_record_log_out)
    user_login_failed.connect(_record_refused)
    for way_in in (Authenticator, SocialAccount):
        post_save.connect(_record_way_in, sender=way_in)
        post_delete.connect(_record_way_in, sender=way_in)


def _named(account: User | Group) -> str:
    return f"user {account.get_username()}" if isinstance(account, User) else f"group {account.name}"


def _facts(account: Any) -> dict[str, object]:
    if isinstance(account, Group):
        return {"name": account.name}
    return {name: getattr(account, name) for name in WATCHED}


def _actor() -> Actor | None:
    """Who is at it; None for a migration."""
    request = _request.get()
    if request is None:
        return _command.get()
    # Whom an identity provider brings in is nobody yet while his account is opened.
    return actor_of(request) if request.user.is_authenticated else Actor("identity provider", address_of(request) or "")


def _record(action: str, subject: str, changes: dict[str, tuple[str, str]], reason: str = "") -> None:
    if (actor := _actor()) is not None:
        record(actor, action, subject, changes=changes, reason=reason)


def _note_before(sender: type[Any], instance: Any, **_: Any) -> None:
    if _actor() is not None:
        stored = sender.objects.filter(pk=instance.pk).first()
        instance.before = None if stored is None else _facts(stored)


def _record_saved(sender: type[Any], instance: Any, *, created: bool, **_: Any) -> None:
    kind = sender.__name__.lower()
    if created:
        may_everything = {"is_superuser": ("", "True")} if getattr(instance, "is_superuser", False) else {}
        _record(f"{kind}.created", _named(instance), may_everything)
        return
    changes = differences(getattr(instance, "before", None) or {}, _facts(instance))
    if "password" in changes:
        changes["password"] = ("as it was", "changed")
    # A log-in saves the user as well, and changes nothing of this.
    if changes:
        _record(f"{kind}.changed", _named(instance), changes)
    if (actor := _actor()) is not None and "is_active" in changes and not instance.is_active:
        # They are dead already; put back, the account would be signed in again.
        end_sessions(actor, instance, instance.usersession_set.all(), reason="deactivated")


def _record_deleted(sender: type[Any], instance: Any, **_: Any) -> None:
    _record(f"{sender.__name__.lower()}.deleted", _named(instance), {})


def _record_grants(
    sender: type[Any], instance: Any, action: str, *, reverse: bool, model: Any, pk_set: set[int] | None, **_: Any
) -> None:
    if action not in {"post_add", "post_remove"} or reverse or not pk_set or _actor() is None:
        return
    names = ", ".join(sorted(str(one) for one in model.objects.filter(pk__in=pk_set)))
    change = ("", names) if action == "post_add" else (names, "")
    kind = type(instance).__name__.lower()
    _record(f"{kind}.{'granted' if action == 'post_add' else 'withdrawn'}", _named(instance), {GRANTS[sender]: change})


def _record_way_in(sender: type[Any], instance: Any, *, created: bool | None = None, **_: Any) -> None:
    """A second factor, or a connection with the identity provider, that comes or goes; its use changes nothing."""
    if created is False:
        return
    added = created is True
    if sender is Authenticator:
        action, reason = "factor_added" if added else "factor_removed", instance.get_type_display().lower()
    else:
        action, reason = "connected" if added else "disconnected", f"OIDC subject {instance.uid}"
    _record(f"user.{action}", _named(instance.user), {}, reason)


def _record_log_in(sender: object, request: HttpRequest, user: User, **_: Any) -> None:
    request.session[SEEN_AT] = int(time())
    by = [record.get("type") or record["method"] for record in get_authentication_records(request, user)]
    record(account_actor(user, address_of(request) or ""), "user.logged_in", _named(user), reason=", ".join(by))


def _record_log_out(sender: object, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        record(account_actor(user, address_of(request) or ""), "user.logged_out", _named(user))


def address_of(request: HttpRequest) -> str | None:
    """Where a sign-in comes from, for the count of failed ones; None when nothing usable is known."""
    return request.META.get("client_address") or None


def known_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Whose sign-in it is. A name that nobody has may be a password in the wrong field, and is not kept."""
    typed = str((credentials or {}).get("username") or request.POST.get("username", ""))[:150]
    return typed if "\x00" not in typed and User.objects.filter(username=typed).exists() else "unknown user"


def _record_refused(sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    name = known_name(request or HttpRequest(), credentials)
    SIGN_IN_REFUSED.log(address=(address_of(request) or "") if request else "", by=name)
    record(_by(name, request), "user.log_in_refused", "" if name == "unknown user" else f"user {name}")


def _by(name: str, request: HttpRequest | None) -> Actor:
    return Actor(name, str(request.META.get("client_address", "")) if request else "")
