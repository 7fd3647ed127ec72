"""Secrets of recipients: encrypted in the database by a key that follows from SECRET_KEY, and shown masked."""

from __future__ import annotations

from urllib.parse import urlsplit

from kernel import sealing
from kernel.errors import DomainError

PURPOSE = "notifications"
# Others, such as slack://, have a key where these have their host.
HOST_SCHEMES = {"http", "https", "mailto", "mailtos", "json", "jsons"}


def seal(text: str) -> str:
    """The text, encrypted."""
    return sealing.seal(text, PURPOSE)


def unseal(sealed: str) -> str:
    """The text; raise DomainError `recipient_sealed` where it was encrypted with another SECRET_KEY."""
    text = sealing.unseal(sealed, PURPOSE)
    if text is None:
        raise DomainError("recipient_sealed", "SECRET_KEY has changed; enter the recipient's URL again.")
    return text


def masked(url: str) -> str:
    """What may be shown of a URL: its scheme, and its host where that is known to be no key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname if parts.scheme in HOST_SCHEMES else '***'}/***"


def without_secrets(text: str, url: str) -> str:
    """An error's text with whatever it repeats of the URL masked."""
    for part in sorted(
        set(url.replace("@", "/").replace("?", "/").replace("&", "/").split("/")), key=len, reverse=True
    ):
        if len(part) > 5 and part != urlsplit(url).hostname:
            text = text.replace(part, "***")
    return text
