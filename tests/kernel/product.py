"""The product's modules as syntax trees, for tests that say where something may be written."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
# The embedded database stands alone; examples are programs of the engines, in their own words.
OTHERS = {"tests", "benchmarks", "examples", "embedded_postgres", "docs"}


@cache
def modules() -> dict[str, ast.Module]:
    folders = [path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name not in OTHERS]
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text())
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        if "migrations" not in path.parts
    }
