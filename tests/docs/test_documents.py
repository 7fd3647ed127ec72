"""Documents and lock files that are made from something else: each is as a fresh build would write it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from docs.build import DOCUMENTS
from outcomes.models import IncidentKind

ROOT = Path(settings.BASE_DIR)
LOCKS = {
    "requirements.txt": "requirements.lock",
    "requirements-dev.txt": "requirements-dev.lock",
    "benchmarks/requirements.txt": "benchmarks/requirements.lock",
}


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_document_is_what_a_fresh_build_writes(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == DOCUMENTS[name](), "run `make docs`"


LARGEST_PICTURE = 150_000  # bytes


def pins(path: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[\w+\])?==([^\s;\\]+)", (ROOT / path).read_text(), re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in found}


@pytest.mark.parametrize(("requirements", "lock"), LOCKS.items())
def test_a_lock_holds_what_its_requirements_ask_for(requirements: str, lock: str) -> None:
    asked = pins(requirements)

    assert asked
    assert asked.items() <= pins(lock).items(), "run `make lock`"


@pytest.mark.parametrize("lock", ["requirements-dev.lock", "benchmarks/requirements.lock"])
def test_all_locks_agree_with_what_the_product_runs_on(lock: str) -> None:
    assert pins("requirements.lock").items() <= pins(lock).items(), "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS.values())
def test_every_package_of_a_lock_has_hashes(lock: str) -> None:
    packages = re.split(r"^(?=[a-z0-9])", (ROOT / lock).read_text(), flags=re.MULTILINE)[1:]

    assert [package.split()[0] for package in packages if "--hash=sha256:" not in package] == []


def test_the_operators_guide_says_what_each_kind_of_incident_asks_for() -> None:
    guide = (ROOT / "docs/operators.md").read_text()
    (section,) = re.findall(r"## What an incident means\n(.*?)\n## ", guide, re.DOTALL)

    described = re.findall(r"^\| `(\w+)` \| [^|]{10,} \| [^|]{10,} \|$", section, re.MULTILINE)
    assert sorted(described) == sorted(IncidentKind.values)


def test_every_picture_of_the_guides_is_there_light_and_dark_and_small() -> None:
    named: set[Path] = set()
    for guide in (ROOT / "README.md", ROOT / "docs/operators.md", ROOT / "docs/analysts.md"):
        for source in re.findall(r'src(?:set)?="([^"]+\.webp)"', guide.read_text()):
            named.add((guide.parent / source).resolve())

    kept = set((ROOT / "docs/pictures").resolve().iterdir())
    assert named == kept
    assert {path.name.replace("-dark", "-light") for path in kept} == {
        path.name for path in kept if "-light" in path.name
    }
    assert all(path.stat().st_size < LARGEST_PICTURE for path in kept)
