"""Forms of signing in: wrong codes count like wrong passwords, and a code counts once."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm, ReauthenticateForm
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as factors
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn import forms as passkeys
from axes.handlers.proxy import AxesProxyHandler
from django import forms
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.db import transaction
from unfold.widgets import INPUT_CLASSES

LAST_COUNTER = "last_counter"


class Styled(forms.Form):
    """Inputs that look like those of the admin."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if getattr(field.widget, "input_type", "") in {"text", "password"}:
                field.widget.attrs["class"] = " ".join(INPUT_CLASSES)
                field.widget.attrs.pop("placeholder", None)


class SignInForm(Styled, LoginForm):
    """User name and password, by the names that Django's own form has."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "User name"
        self.fields["login"].widget.attrs["autofocus"] = True
        self.fields["password"].help_text = ""

    def add_prefix(self, field_name: str) -> str:
        """The name of the input."""
        return "username" if field_name == "login" else super().add_prefix(field_name)


class PasswordAgainForm(Styled, ReauthenticateForm):
    """The password, asked for again; checked, counted and locked out as at the sign-in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = ""
        self.fields["password"].widget.attrs["autofocus"] = True


class _Counted(Styled):
    """Whoever gives wrong answers for a name from an address has to wait, as after wrong passwords."""

    user: Any

    def counted(self, check: Any) -> Any:
        """What `check` returns; a ValidationError of it counts."""
        request, credentials = context.request, {"username": self.user.get_username()}
        try:
            self._refuse_locked_out(credentials)
            return check()
        except ValidationError:
            user_login_failed.send(sender=type(self), credentials=credentials, request=request)
            raise

    @staticmethod
    def _refuse_locked_out(credentials: dict[str, str]) -> None:
        if not AxesProxyHandler.is_allowed(context.request, credentials):
            context.request.axes_locked_out = True
            raise ValidationError("Too many failed attempts.")


class _Code(_Counted, factors.BaseAuthenticateForm):
    """A code of an authenticator app, or a recovery code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= {"autofocus": True, "inputmode": "numeric"}

    def clean_code(self) -> str:
        """The code, once."""
        return str(self.counted(self._check))

    def _check(self) -> str:
        # The rows are locked, so that of two who send the same code at once one comes too late.
        with transaction.atomic():
            list(Authenticator.objects.select_for_update().filter(user=self.user))
            code = super().clean_code()
            if self.authenticator.type == Authenticator.Type.TOTP:
                spend(self.authenticator, code)
        return code


class CodeForm(_Code, factors.AuthenticateForm):
    """A code after the password."""


class CodeAgainForm(_Code, factors.ReauthenticateForm):
    """A code that is asked for again."""


def spend(authenticator: Authenticator, code: str) -> None:
    """Keep of which period the code was; raise ValidationError where that period, or a later one, was used already.

    allauth remembers used codes in a cache of one process, and here are several.
    """
    authenticator.refresh_from_db()
    secret = decrypt(authenticator.data["secret"])
    counters = [
        counter
        for counter in totp.yield_hotp_counters_from_time()
        if totp.format_hotp_value(totp.hotp_value(secret, counter)) == code.replace(" ", "")
    ]
    if not counters or max(counters) <= authenticator.data.get(LAST_COUNTER, -1):
        raise get_adapter().validation_error("incorrect_code")
    authenticator.data[LAST_COUNTER] = max(counters)
    authenticator.save(update_fields=["data"])


class PasskeyForm(_Counted, passkeys.AuthenticateWebAuthnForm):
    """A passkey or security key as the second factor."""

    def clean_credential(self) -> Authenticator:
        """The key that has signed."""
        found: Authenticator = self.counted(super().clean_credential)
        return found


class PasskeyAgainForm(PasskeyForm, passkeys.ReauthenticateWebAuthnForm):
    """The same, asked for again."""


class ActivateAppForm(Styled, ActivateTOTPForm):
    """The first code of an authenticator app."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= {"autofocus": True, "inputmode": "numeric"}


class AddPasskeyForm(Styled, passkeys.AddWebAuthnForm):
    """A name for a new key."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["name"] = "Passkey"
        self.fields["passwordless"].label = "Instead of the password, too"
        self.fields["passwordless"].help_text = "It must then ask for your finger, your face or a PIN each time."


class NamePasskeyForm(Styled, passkeys.EditWebAuthnForm):
    """Another name for a key."""
