"""One's own account: password, second factors, the identity provider, and where one is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from admin_kit.options import render_page
from kernel.actors import actor_of
from kernel.values import row_id
from orchestrator_site.sign_in.adapters import NO_ADDRESS, FactorsSealedError
from orchestrator_site.sign_in.middleware import signed_in_by_oidc
from orchestrator_site.sign_in.sessions import browser_of, end_sessions
from orchestrator_site.sign_in.sessions import sessions_of as found_sessions


@dataclass(frozen=True, slots=True)
class Place:
    """One session as the page shows it."""

    session: UserSession
    address: str
    browser: str
    is_current: bool


def page(request: HttpRequest) -> HttpResponse:
    """Show it all."""
    user = _own(request)
    factors = list(Authenticator.objects.filter(user=user).order_by("created_at"))
    by_type = {factor.type: factor for factor in factors}
    codes = by_type.get(Authenticator.Type.RECOVERY_CODES)
    return render_page(
        request,
        "sign_in/account.html",
        "Your account",
        places=_places(request, user),
        app=by_type.get(Authenticator.Type.TOTP),
        keys=[factor for factor in factors if factor.type == Authenticator.Type.WEBAUTHN],
        codes_left=_codes_left(codes),
        has_factor=any(factor.type != Authenticator.Type.RECOVERY_CODES for factor in factors),
        must_have_factor=settings.REQUIRE_SECOND_FACTOR and not signed_in_by_oidc(request),
        has_password=user.has_usable_password(),
        oidc=settings.OIDC_NAME if settings.OIDC_ISSUER else "",
        connected=SocialAccount.objects.filter(user=user).first(),
    )


def _codes_left(codes: Authenticator | None) -> int:
    try:
        return len(codes.wrap().get_unused_codes()) if codes else 0  # type: ignore[no-untyped-call]
    except FactorsSealedError:
        return 0  # whoever makes new ones is told why


@require_POST
def end(request: HttpRequest) -> HttpResponse:
    """End one of one's own sessions, or all but this one."""
    user = _own(request)
    ended = end_sessions(actor_of(request), user, _chosen(request, user))
    messages.success(request, f"Signed out in {ended} other place{'s' if ended != 1 else ''}.")
    return redirect("account")


def sessions_of(request: HttpRequest, user_id: int) -> HttpResponse:
    """Where another is signed in, for whoever may change that account; a POST ends one or all."""
    user = get_object_or_404(User, pk=user_id)
    if not admin.site.get_model_admin(User).has_change_permission(request, user):
        raise PermissionDenied
    if request.method == "POST":
        ended = end_sessions(actor_of(request), user, _chosen(request, user))
        messages.success(request, f"{user} is signed out in {ended} place{'s' if ended != 1 else ''}.")
        return redirect("account_sessions_of", user_id=user.pk)
    title = f"Where {user} is signed in"
    return render_page(request, "sign_in/sessions_of.html", title, places=_places(request, user), account=user)


@require_POST
def disconnect(request: HttpRequest) -> HttpResponse:
    """Take the identity provider from one's own account, which must have a password to be entered by."""
    user = _own(request)
    raise_if_reauthentication_required(request, app="allauth.socialaccount")
    account = SocialAccount.objects.filter(user=user).first()
    if account is None:
        raise Http404
    if not user.has_usable_password():
        messages.error(request, "Nothing else would lead into this account. Ask an administrator for a password first.")
        return redirect("account")
    account.delete()
    messages.success(request, f"{settings.OIDC_NAME} leads into this account no more.")
    return redirect("account")


def _own(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the site asks everybody to sign in
    return request.user


def _chosen(request: HttpRequest, user: User) -> list[UserSession]:
    """The session that the form names by its number, or all but this request's own."""
    found = UserSession.objects.filter(user=user).exclude(session_key=request.session.session_key)
    number = request.POST.get("session", "")
    if not number:
        return list(found)
    return list(found.filter(pk=row_id(number)))


def _places(request: HttpRequest, user: User) -> list[Place]:
    return [
        Place(
            session,
            "unknown" if session.ip == NO_ADDRESS else session.ip,
            browser_of(session.user_agent),
            session.session_key == request.session.session_key,
        )
        for session in found_sessions(user, request)
    ]


def account_context(request: HttpRequest) -> dict[str, Any]:
    """What the admin's frame needs, on the pages of allauth; a context processor."""
    if not request.path_info.startswith(("/admin/account/", "/admin/login/")):
        return {}
    return {
        **admin.site.each_context(request),
        "oidc": settings.OIDC_NAME if settings.OIDC_ISSUER else "",
        "passkeys": True,
    }
