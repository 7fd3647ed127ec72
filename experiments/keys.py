"""The assignment keys by which stored experiments can be replayed: this installation's own, and its earlier ones."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from experiments.core.decision import AssignmentKey
from kernel.errors import DomainError


def known_keys() -> Mapping[str, AssignmentKey]:
    """All keys by their id: this installation's own, and those that it had before."""
    keys = [AssignmentKey.read(text) for text in (settings.ASSIGNMENT_KEY, *settings.ASSIGNMENT_KEYS)]
    return {key.id: key for key in keys}


def key_with(key_id: str) -> AssignmentKey:
    """The key with this id; raise DomainError when this installation does not have it."""
    key = known_keys().get(key_id)
    if key is None:
        raise DomainError(
            "assignment_key_missing",
            f"Signals were assigned with the key {key_id}, which is neither ASSIGNMENT_KEY nor one of ASSIGNMENT_KEYS.",
        )
    return key
