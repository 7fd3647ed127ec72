"""Replay the golden history: needs Python and this project's pure modules, no database and no Django.

`python -m tests.golden.history` prints what was verified and exits 1 when anything differs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from experiments.core.decision import AssignmentKey
from experiments.core.verification import PinnedPolicy, Recorded, Verifier
from policies.core.settings import parse_settings

PATH = Path(__file__).with_name("history.json")


def policies() -> dict[str, PinnedPolicy]:
    """Return the policy versions of the history by number."""
    return {version: _policy(**stored) for version, stored in _document()["policies"].items()}


def keys() -> dict[str, AssignmentKey]:
    """Return the assignment keys of the history by their ids."""
    return {key.id: key for key in map(AssignmentKey.read, _document()["assignment_keys"])}


def experiments() -> list[Recorded]:
    """Return the decisions of the history as they were stored."""
    return [Recorded(**row) for row in _document()["experiments"]]


def verify() -> tuple[int, list[str]]:
    """Replay everything; return how many were verified and what differs."""
    verifier = Verifier(policies(), keys())
    recorded = experiments()
    return len(recorded), [f"{d.experiment_id} {d.field}" for one in recorded for d in verifier.differences(one)]


def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return document


def _policy(settings: dict[str, Any], content_hash: str) -> PinnedPolicy:
    content, errors = parse_settings(settings)
    assert content is not None, errors
    return PinnedPolicy(content, content_hash)


if __name__ == "__main__":
    verified, what_differs = verify()
    print(verified, *what_differs, sep="\n")
    sys.exit(bool(what_differs))
