"""How passwords of tests are hashed: by the product's own algorithm, of whose million rounds no test asks anything."""

from __future__ import annotations

from orchestrator_site.sign_in.hashing import PatientHasher


class QuickHasher(PatientHasher):
    """Of the same name, so that a server of the tests knows it, too."""

    iterations = 1
