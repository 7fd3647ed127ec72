"""Helpers that turn the environment into settings."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def development_secret_key(data_dir: Path) -> str:
    """Return the checkout's own secret key, made at the first start and readable by its owner only."""
    path = data_dir / "secret_key"
    data_dir.mkdir(mode=0o700, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(key := secrets.token_urlsafe(50))
    return key
