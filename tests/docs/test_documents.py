"""Documents that list what the code has: each is compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from docs.build import DOCUMENTS

ROOT = Path(settings.BASE_DIR)
APPS = ("kernel", "signals_app", "policies", "experiments", "outcomes", "orchestrator_site", "demo")
VARIABLE = re.compile(r"""env\.[a-z_]+\(\s*["']([A-Z_]+)["']""")


def sources() -> list[tuple[Path, str]]:
    return [(path, path.read_text()) for app in APPS for path in sorted((ROOT / app).rglob("*.py"))]


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_document_is_what_a_fresh_build_writes(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == DOCUMENTS[name](), "run `make docs`"


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    table = (ROOT / "docs/configuration.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE))
    used = {name for path, text in sources() if path.name == "settings.py" for name in VARIABLE.findall(text)}

    assert documented == used
