"""Who acts: a signed-in person, the command line's user, or the system itself."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts; `address` is the network address of a person, empty for the command line."""

    name: str
    address: str = ""


SYSTEM = Actor("system")


def actor_of(request: HttpRequest) -> Actor:
    """The person signed in, and the address the request came from."""
    return Actor(request.user.get_username(), str(request.META.get("client_address", "")))


def command_line_actor() -> Actor:
    """Who runs the command; a container's user id may have no name."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # no passwd entry: KeyError before Python 3.13, OSError since
        name = f"uid {os.getuid()}"
    return Actor(f"command line ({name[:100]})")
