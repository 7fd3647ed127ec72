"""How passwords of tests are hashed: by the product's own algorithm, of whose million rounds no test asks anything."""

from __future__ import annotations

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasher(PBKDF2PasswordHasher):
    """Of the same name, so that a server of the tests knows it, too."""

    iterations = 1
