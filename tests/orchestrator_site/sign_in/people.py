"""Somebody with a password, and perhaps an authenticator app, who signs in by the pages."""

from __future__ import annotations

import re
from typing import Any

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

PASSWORD = "a-long-password-1"
PERIOD = 30
ADDRESS = "198.51.100.7"


def person(name: str = "ada", *groups: str, **columns: Any) -> User:
    user = User.objects.create_user(name, password=PASSWORD, **{"is_staff": True} | columns)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


def browser(address: str = ADDRESS) -> Client:
    return Client(REMOTE_ADDR=address, headers={"user-agent": "Firefox"})


def sign_in(client: Client, name: str = "ada", password: str = PASSWORD, **query: str) -> HttpResponse:
    form = {"username": name, "password": password, **query}
    answer: HttpResponse = client.post(reverse("admin:login"), form)  # type: ignore[assignment]
    return answer


def signed_in(name: str = "ada", address: str = ADDRESS) -> Client:
    client = browser(address)
    assert sign_in(client, name).status_code == 302
    return client


def confirm(client: Client, password: str = PASSWORD, to: str = "/admin/") -> HttpResponse:
    form = {"password": password, "next": to}
    answer: HttpResponse = client.post(reverse("account_reauthenticate"), form)  # type: ignore[assignment]
    return answer


def set_up_app(client: Client, now: float) -> str:
    """Set up an authenticator app for who is signed in here, and return its secret."""
    confirm(client)
    page = client.get(reverse("mfa_activate_totp")).content.decode()
    (secret,) = re.findall(r'<pre class="to-secret">(\w+)</pre>', page)
    assert client.post(reverse("mfa_activate_totp"), {"code": code_at(secret, now)}).status_code == 302
    return str(secret)


def code_at(secret: str, now: float) -> str:
    """What the app shows at this time, in seconds since 1970."""
    return str(format_hotp_value(hotp_value(secret, int(now) // PERIOD)))


def is_in(client: Client) -> bool:
    return client.get(reverse("admin:settings")).status_code == 200
