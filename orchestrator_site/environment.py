"""Helpers that turn the environment into settings."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from embedded_postgres import APPLICATION
from kernel.values import whole_number

YES, NO = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}
MASKED = "set, not shown"
POSTGRESQL = ("postgresql://", "postgres://")


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the environment as docs/configuration.md lists it; the texts are for people.

    `value` is what it is here, never a secret; "" where nothing is given, so that the default holds.
    """

    name: str
    default: str
    allowed: str
    meaning: str
    value: str


class Environment:
    """The environment, read strictly: a misspelt value stops the process instead of meaning something else.

    Whoever reads a variable declares what it means; `variables` collects the declarations in order.
    """

    def __init__(self) -> None:
        self.variables: list[Variable] = []

    def text(
        self, name: str, *, default: str, meaning: str, allowed: str = "", shown: str = "", secret: bool = False
    ) -> str:
        """The text as it is given; `shown` describes a default that is not literal."""
        value = MASKED if secret and _stripped(name) else _stripped(name)
        self._declare(name, shown or (f"`{default}`" if default else "none"), allowed, meaning, value)
        return os.environ.get(name, default)

    def names(
        self, name: str, *, default: list[str], meaning: str, allowed: str, shown: str = "", secret: bool = False
    ) -> list[str]:
        """What commas separate."""
        value = MASKED if secret and _stripped(name) else _stripped(name)
        self._declare(name, shown or ", ".join(default) or "none", allowed, meaning, value)
        text = os.environ.get(name)
        return default if text is None else [part.strip() for part in text.split(",") if part.strip()]

    def flag(self, name: str, *, meaning: str, default: bool = False) -> bool:
        """True or false; raises ImproperlyConfigured for anything else."""
        self._declare(name, f"`{str(default).lower()}`", "true, false", meaning)
        text = _stripped(name)
        # django-environ reads PRODUCTION=ture as false, without a word.
        if text.lower() not in YES | NO | {""}:
            raise _not_allowed(name, text, "true or false")
        return text.lower() in YES if text else default

    def number(self, name: str, *, default: int, meaning: str, allowed: str = "0 or more") -> int:
        """A whole number, 0 or more; raises ImproperlyConfigured for anything else. System checks narrow it."""
        self._declare(name, f"`{default}`", allowed, meaning)
        text = _stripped(name)
        if not text:
            return default
        number = whole_number(text)
        if number is None:
            raise _not_allowed(name, text, "a whole number, 0 or more")
        return number

    def one_of(self, name: str, *, default: str, allowed: tuple[str, ...], meaning: str) -> str:
        """One of the allowed words; raises ImproperlyConfigured for anything else."""
        self._declare(name, f"`{default}`", ", ".join(allowed), meaning)
        text = _stripped(name) or default
        if text not in allowed:
            raise _not_allowed(name, text, ", ".join(allowed))
        return text

    def postgresql_url(self, name: str, *, meaning: str) -> str:
        """The URL of a PostgreSQL, "" where none is given; raises ImproperlyConfigured for anything else."""
        text, shown = _stripped(name), ""
        try:
            parts = urlsplit(text)
            is_url = not text or (text.startswith(POSTGRESQL) and parts.port != 0)
            # Without user and query, which may hold a password.
            shown = f"{parts.hostname or ''}{parts.path}"
        except ValueError:  # the port is no number
            is_url = False
        self._declare(name, "none", "a PostgreSQL URL", meaning, shown)
        if not is_url:
            # Not shown: the value may hold a password.
            raise ImproperlyConfigured(f"{name} is not a PostgreSQL URL. Allowed: postgresql://...")
        return text

    def _declare(self, name: str, default: str, allowed: str, meaning: str, value: str | None = None) -> None:
        self.variables.append(Variable(name, default, allowed, meaning, _stripped(name) if value is None else value))


def _stripped(name: str) -> str:
    return os.environ.get(name, "").strip()


def _not_allowed(name: str, text: str, allowed: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} is {text!r}. Allowed: {allowed}.")


# Of connections over TCP, in seconds and milliseconds: a server that was lost without a word is noticed after some
# seconds, and not after the quarter of an hour for which Linux sends again.
NOTICE_LOST_SERVER = {
    "tcp_user_timeout": 5000, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 2
}  # fmt: skip


def database_settings(url: str, *, embedded_role: str = APPLICATION) -> dict[str, Any]:
    """Django's settings of the database at a URL, "" for the embedded one; what the URL's query says wins over ours.

    A pooler that keeps no prepared statements between two transactions keeps no cursors either.
    """
    database: dict[str, Any] = {"ENGINE": "embedded_postgres.backend", "NAME": "orchestrator", "USER": embedded_role}
    if url:
        database = environ.Env.db_url_config(url)
    options = database.get("OPTIONS", {})
    if str(options.get("prepare_threshold", "")).lower() == "none":
        options["prepare_threshold"] = None  # a URL holds text only
    if "options" in options:
        # libpq takes one or the other, and the time limits of each program come by the environment.
        options["options"] = f"{os.environ.get('PGOPTIONS', '')} {options['options']}".strip()
    defaults = {
        # An unavailable database is noticed within a second, so that TradingView sends again.
        "connect_timeout": 1,
        # Lets the webhook's two statements keep their plans; None for poolers that share sessions between transactions.
        "prepare_threshold": 5,
        **NOTICE_LOST_SERVER,
    }
    ours = {
        # Fixed threads keep their connection (WSGI); a check before reuse survives a server restart.
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": options.get("prepare_threshold", "") is None,
    }
    return ours | database | {"OPTIONS": defaults | options}


def kept_secret(path: Path, new: Callable[[], str]) -> str:
    """A secret of the checkout's own, created at the first start and readable by its owner only.

    Processes that start at the same moment get the same one: whoever links its file first wins, and no file is ever
    seen half written.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        descriptor, written = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(new())
                file.flush()
                os.fsync(descriptor)
            with suppress(FileExistsError):
                os.link(written, path)
        finally:
            Path(written).unlink()
    return path.read_text()
