"""Secrets that are stored encrypted: a key for each purpose follows from SECRET_KEY."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


def _cipher(purpose: str) -> Fernet:
    # Pages and the alert process carry it along for nothing otherwise.
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    about = f"orchestrator {purpose}".encode()
    derived = HKDF(SHA256(), 32, salt=None, info=about).derive(settings.SECRET_KEY.encode())
    return Fernet(urlsafe_b64encode(derived))


def seal(text: str, purpose: str) -> str:
    """The text, encrypted."""
    return _cipher(purpose).encrypt(text.encode()).decode()


def unseal(sealed: str, purpose: str) -> str | None:
    """The text; None where it was encrypted with another SECRET_KEY."""
    from cryptography.fernet import InvalidToken

    try:
        return _cipher(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None
