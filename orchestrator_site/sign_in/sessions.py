"""Sessions: where an account is signed in, and ending them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from kernel.actors import Actor
from kernel.audit import record

# In this order, because each claims to be most of those below it.
BROWSERS = {
    "Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "FxiOS": "Firefox", "Chrome": "Chrome", "CriOS": "Chrome",
    "Version": "Safari",
}  # fmt: skip
SYSTEMS = {
    "iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows", "Mac OS X": "macOS",
    "CrOS": "ChromeOS", "Linux": "Linux",
}  # fmt: skip


def browser_of(user_agent: str) -> str:
    """The browser, its version and the system in a few words; of any other program the beginning of what it says."""
    for token, name in BROWSERS.items():
        if found := re.search(rf"{token}/(\d+)", user_agent):
            system = next((f" on {shown}" for word, shown in SYSTEMS.items() if word in user_agent), "")
            return f"{name} {found[1]}{system}"
    return user_agent[:60]


def sessions_of(user: User, request: HttpRequest | None = None) -> list[UserSession]:
    """Where this account is signed in, the newest first; with the request's own, which a new password gives a new key.

    Those that have ended by themselves are forgotten on the way.
    """
    if request is not None and request.user == user and not _is_known(request):
        UserSession.objects.create_from_request(request)
    return sorted(UserSession.objects.purge_and_list(user), key=lambda session: session.created_at, reverse=True)


def _is_known(request: HttpRequest) -> bool:
    key = request.session.session_key
    return bool(UserSession.objects.filter(session_key=key, user_id=request.user.pk).exists())


def end_sessions(actor: Actor, user: User, sessions: Iterable[UserSession], *, reason: str = "") -> int:
    """End these sessions of an account; how many. What they ask next is answered by the sign-in page."""
    keys = [session.session_key for session in sessions]
    with transaction.atomic():
        Session.objects.filter(session_key__in=keys).delete()
        ended, _ = UserSession.objects.filter(session_key__in=keys, user=user).delete()
        if ended:
            record(actor, "user.sessions_ended", f"user {user.get_username()}", reason=reason or f"{ended} of them")
    return ended


def seen(request: HttpRequest) -> None:
    """Note that the session of this request is in use, and from where."""
    UserSession.objects.filter(session_key=request.session.session_key).update(
        last_seen_at=timezone.now(), **({"ip": address} if (address := request.META.get("client_address")) else {})
    )
