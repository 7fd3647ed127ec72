"""The acceptance criteria: which there are, where docs/requirements.md says they are kept, which test is whose."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "requirements.md"
# Twelve requirements with five criteria each, and one more for the third.
CRITERIA = {f"R{requirement}.{number}" for requirement in range(1, 13) for number in range(1, 6)} | {"R3.6"}
_ROW = re.compile(r"^\| (R\d+\.\d+) \|[^|]+\|([^|]+)\|$", re.MULTILINE)
_IN_NAME = re.compile(r"_r(\d+)_(\d+)(?=_)")


@cache
def modules_by_criterion() -> dict[str, set[str]]:
    """Paths of the modules that keep each criterion, as the document says."""
    return {
        criterion: set(re.findall(r"`([^`]+)`", modules)) for criterion, modules in _ROW.findall(DOCUMENT.read_text())
    }


def criteria_of(test_name: str) -> list[str]:
    """The criteria a test shows: `test_r4_2_the_shadow_leaves` shows R4.2."""
    return [f"R{requirement}.{number}" for requirement, number in _IN_NAME.findall(test_name)]
