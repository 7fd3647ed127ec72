"""Passwords are hashed on the side, so that whoever signs in keeps nobody from the kill switch.

A password takes a quarter of a second of a processor to check or to make, on purpose. Whichever page does it, here is
the one place where it is done: one at a time in a process, behind everything else that wants the processor.
"""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from django.contrib.auth.hashers import PBKDF2PasswordHasher

# One is hashed and the others wait, each in a thread that serves nobody meanwhile; one more is told to come again.
PASSWORDS_AT_ONCE = 3
# Of two who want a processor, the other gets nine tenths of it; a sign-in still ends on a machine that is never idle.
NICER = 10


class TooManyPasswordsError(Exception):
    """As many passwords as this process bears are being hashed."""


def _step_back() -> None:
    """Lower the priority of this thread alone, which is what Linux does, whatever POSIX says of the process."""
    if sys.platform == "linux":
        os.nice(NICER)


_places = threading.BoundedSemaphore(PASSWORDS_AT_ONCE)
_hasher = ThreadPoolExecutor(1, "hashing", _step_back)


class PatientHasher(PBKDF2PasswordHasher):
    """Django's own, on a thread of its own; OpenSSL lets all others run meanwhile."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """The hash, by which `verify` compares as well; raise TooManyPasswordsError at once where too many wait."""
        if not _places.acquire(blocking=False):
            raise TooManyPasswordsError
        try:
            return _hasher.submit(super().encode, password, salt, iterations).result()
        finally:
            _places.release()
