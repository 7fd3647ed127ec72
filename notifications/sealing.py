"""Secrets of recipients: encrypted in the database by a key that follows from SECRET_KEY, and shown masked."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings

from kernel.errors import DomainError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

# Others, such as slack://, have a key where these have their host.
HOST_SCHEMES = {"http", "https", "mailto", "mailtos", "json", "jsons"}


def _cipher() -> Fernet:
    # Pages and the alert process carry it along for nothing otherwise.
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(SHA256(), 32, salt=None, info=b"orchestrator notifications").derive(settings.SECRET_KEY.encode())
    return Fernet(urlsafe_b64encode(derived))


def seal(text: str) -> str:
    """The text, encrypted."""
    return _cipher().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """The text; raise DomainError `recipient_sealed` where it was encrypted with another SECRET_KEY."""
    from cryptography.fernet import InvalidToken

    try:
        return _cipher().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise DomainError("recipient_sealed", "SECRET_KEY has changed; enter the recipient's URL again.") from error


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
