"""Signing in by an OpenID Connect provider: whom it brings in, and which groups its claims give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse

from kernel.actors import Actor
from kernel.audit import record
from orchestrator_site.roles import grants_and_operates, permissions_of, wears_two_hats

TOGETHER = "The identity provider gives you rights that nobody may hold together. Ask an administrator."


def groups_of_claims(claims: Mapping[str, Any]) -> set[str]:
    """The names of the groups here that the provider's claims give; a claim is a text or a list of texts."""
    given = claims.get(settings.OIDC_ROLE_CLAIM, [])
    values = {given} if isinstance(given, str) else {one for one in given if isinstance(one, str)}
    pairs = (pair.rpartition("=") for pair in settings.OIDC_ROLES)
    return {group for value, _, group in pairs if value in values}


class OidcAdapter(DefaultSocialAccountAdapter):
    """Lets in accounts that their owners have connected, and others where the settings say so."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Whether somebody without an account gets one."""
        return bool(settings.OIDC_CREATE_ACCOUNTS)

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: Any) -> str:
        """Back to the account."""
        return reverse("account")

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuse whom the claims do not let in; give an account that is there the groups that they say."""
        if sociallogin.state.get("process") == "connect":
            return
        groups, user = self._groups(request, sociallogin), _account_of(sociallogin)
        if sociallogin.is_existing:
            if groups is not None and not user.is_superuser:
                try:
                    user.groups.set(groups)
                except IntegrityError as error:
                    # An administrator was as fast, and gave what does not go with these.
                    if not wears_two_hats(error):
                        raise
                    _refuse(request, sociallogin, TOGETHER)
            return
        if not settings.OIDC_CREATE_ACCOUNTS:
            _refuse(request, sociallogin, "No account here is connected with you. Sign in once with your password and "
                    "connect it under Your account, or ask an administrator.")  # fmt: skip
        name = user.username
        # allauth cuts a long name off, and one that is cut off may be another's.
        if not name or name != _claims(sociallogin).get("preferred_username") or not _is_name(name):
            _refuse(request, sociallogin, "The identity provider names no usable preferred_username.")
        # Whoever could choose his name at the provider would else walk in as another here.
        if User.objects.filter(username__iexact=name).exists():
            _refuse(request, sociallogin, f"An account is named {name} here. Sign in with its password and connect it.")

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """Open the account, for staff, without a password, with the groups that the claims say."""
        _account_of(sociallogin).is_staff = True
        user: User = super().save_user(request, sociallogin, form)
        user.groups.set(self._groups(request, sociallogin) or [])
        return user

    def _groups(self, request: HttpRequest, sociallogin: SocialLogin) -> list[Group] | None:
        """The groups that the claims give; None where the settings leave that to administrators."""
        if not settings.OIDC_ROLES:
            return None
        found = Group.objects.filter(name__in=groups_of_claims(_claims(sociallogin)))
        if not found:
            _refuse(request, sociallogin, "The identity provider gives you no role here.")
        user = _account_of(sociallogin)
        own = user.user_permissions.all() if sociallogin.is_existing else Permission.objects.none()
        if not user.is_superuser and grants_and_operates(permissions_of(found, own)):
            _refuse(request, sociallogin, TOGETHER)
        return list(found)


def _claims(sociallogin: SocialLogin) -> dict[str, Any]:
    """What the provider says of the person, in the token and by its user information."""
    told = sociallogin.account.extra_data
    return {**(told.get("id_token") or {}), **(told.get("userinfo") or {})}


def _is_name(name: str) -> bool:
    try:
        User.username_validator(name)
    except ValidationError:
        return False
    return True


def _account_of(sociallogin: SocialLogin) -> User:
    """The account that is connected, or the one that would be opened."""
    assert isinstance(sociallogin.user, User)
    return sociallogin.user


def _refuse(request: HttpRequest, sociallogin: SocialLogin, why: str) -> NoReturn:
    user = _account_of(sociallogin)
    name = user.username if sociallogin.is_existing else "unknown user"
    actor = Actor(name, request.META.get("client_address") or "", user.pk)
    record(actor, "user.log_in_refused", f"OIDC subject {sociallogin.account.uid}", reason=why)
    messages.error(request, why)
    raise ImmediateHttpResponse(redirect("admin:login"))
