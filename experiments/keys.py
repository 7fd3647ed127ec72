"""The assignment keys of this installation: the one that new signals are assigned with, and earlier ones for replay."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from django.conf import settings

from experiments.core.decision import AssignmentKey
from kernel.errors import DomainError

# Each text is read once.
_read = lru_cache(maxsize=100)(AssignmentKey.read)


def assignment_key() -> AssignmentKey:
    """The key that new signals are assigned with; a system check has seen that it is one."""
    return _read(settings.ASSIGNMENT_KEY)


def known_keys() -> Mapping[str, AssignmentKey]:
    """All keys by their id: this installation's own, and those that it had before."""
    keys = [_read(text) for text in (settings.ASSIGNMENT_KEY, *settings.ASSIGNMENT_KEYS)]
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
