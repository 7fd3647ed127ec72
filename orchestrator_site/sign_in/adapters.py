"""What allauth asks this site: who may come in, where from, and in which words."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.stagekit import clear_login
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from kernel.sealing import seal, unseal

FACTORS = "second factors"
STRONG = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
# What allauth calls the way by the password.
BY_PASSWORD = "reauthenticate"  # noqa: S105 (a name, no password)
NO_ADDRESS = "0.0.0.0"  # noqa: S104 (a column that is never empty: nothing usable is known)
NO_ENTRY = "This account may not use the console. An administrator can allow it."


class AccountAdapter(DefaultAccountAdapter):
    """Accounts: nobody opens one himself, and only staff comes in."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "The user name or the password is wrong.",
        "incorrect_password": "The password is wrong.",
        "incorrect_code": "The code is wrong or was used already.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Administrators open accounts."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Where the request came from, as our own proxies say."""
        return request.META.get("client_address") or NO_ADDRESS

    def pre_login(self, request: HttpRequest, user: User, **hooks: Any) -> HttpResponse | None:  # type: ignore[override]
        """Turn away who is deactivated or no staff, whatever he has proved."""
        if user.is_active and user.is_staff:
            return None
        clear_login(request)
        messages.error(request, NO_ENTRY)
        return redirect("admin:login")

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """How somebody proves again who he is, the first by default: who has a second factor not by the password."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if not user.is_authenticated or not is_mfa_enabled(user, STRONG):
            return methods
        methods = [method for method in methods if method["id"] != BY_PASSWORD]
        # Without an app a code can only be one for the day on which the passkey is lost.
        return methods if is_mfa_enabled(user, [Authenticator.Type.TOTP]) else methods[::-1]

    def add_message(self, request: HttpRequest, level: int, *args: Any, **options: Any) -> None:
        """Tell errors; that somebody has signed in or out, he sees."""
        if level >= messages.WARNING or options.get("message"):
            super().add_message(request, level, *args, **options)


class FactorsSealedError(ValidationError):
    """A second factor's secret is encrypted with another SECRET_KEY, so that no code of it is accepted."""


class FactorAdapter(DefaultMFAAdapter):
    """Second factors: their secrets are encrypted in the database."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "The code is wrong or was used already.",
    }

    def get_totp_issuer(self) -> str:
        """The name in the authenticator app."""
        return f"Trading Orchestrator ({self._get_site_name()})"

    def get_totp_label(self, user: User) -> str:  # type: ignore[override]
        """The account's name there."""
        return user.get_username()

    def encrypt(self, text: str) -> str:
        """The secret as it is stored."""
        return seal(text, FACTORS)

    def decrypt(self, encrypted_text: str) -> str:
        """The secret; raise FactorsSealedError where SECRET_KEY has changed, so that no code is accepted."""
        secret = unseal(encrypted_text, FACTORS)
        if secret is None:
            raise FactorsSealedError(
                "SECRET_KEY has changed since it was set up. On the server: manage.py account reset-factors NAME"
            )
        return secret
