"""Who acts: a signed-in person, the command line's user, or the system itself."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts; `address` is the network address of a person, empty for the command line.

    `name` is what the account is called now and may be another's tomorrow; None for who has no account.
    """

    name: str
    address: str = ""
    account_id: int | None = None

    @property
    def person(self) -> str:
        """Who it is, whatever the account is called: what is compared where two people are demanded."""
        return f"name {self.name}" if self.account_id is None else f"account {self.account_id}"


SYSTEM = Actor("system")


def actor_of(request: HttpRequest) -> Actor:
    """The person signed in, and the address the request came from."""
    return account_actor(request.user, str(request.META.get("client_address", "")))


def account_actor(account: Any, address: str = "") -> Actor:
    """The owner of an account."""
    return Actor(account.get_username(), address, account.pk)


def command_line_actor() -> Actor:
    """Who runs the command; a container's user id may have no name."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # no passwd entry: KeyError before Python 3.13, OSError since
        name = f"uid {os.getuid()}"
    return Actor(f"command line ({name[:100]})")
