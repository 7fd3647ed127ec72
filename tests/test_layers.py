"""What no import contract can say: circles through a package; templates, styles and tables of a layer above."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from django.apps import apps
from django.template.loader import get_template

from tests.size.source import ROOT

Use = tuple[str, str]

TEMPLATE_NAME = re.compile(r"""["']([\w./-]+\.html)["']""")
CLASSES = re.compile(r"""class=\\?["']([^"']*)["']""")
STYLE = re.compile(r"\.([a-zA-Z][\w-]*)(?=[^{}]*\{)")
TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|ONLY|TABLE|TRUNCATE|ON)\s+\"?([a-z_]+)\b")


def layers() -> dict[str, int]:
    """Each folder's height, as the import contract in pyproject.toml says it; the ground floor is 0."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = (contract for contract in contracts if contract["type"] == "layers")
    floors = reversed(contract["layers"])
    return {folder.strip(): height for height, floor in enumerate(floors) for folder in floor.split("|")}


HEIGHTS = layers()


def may_use(folder: str, other: str) -> bool:
    return folder == other or HEIGHTS[other] < HEIGHTS[folder]


def sources(*endings: str) -> Iterator[tuple[str, str, str]]:
    """Folder, path and text of every file with one of these endings."""
    for folder in HEIGHTS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in endings:
                yield folder, str(path.relative_to(ROOT)), path.read_text()


def folder_of(path: Path) -> str | None:
    """The folder of ours that a file lies in; None for a package's."""
    return path.relative_to(ROOT).parts[0] if path.is_relative_to(ROOT) and ".venv" not in path.parts else None


def templates_used() -> dict[Use, str | None]:
    """Where a template is named, and whose it is."""
    return {
        (path, name): folder_of(Path(get_template(name).origin.name))  # type: ignore[attr-defined]  # Django's own have it
        for _, path, text in sources(".py", ".html")
        for name in TEMPLATE_NAME.findall(text)
    }


def style_owners() -> dict[str, set[str]]:
    """The folders whose style sheets define each class of ours."""
    owners: dict[str, set[str]] = {}
    for folder, _, text in sources(".css"):
        for name in STYLE.findall(re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)):
            owners.setdefault(name, set()).add(folder)
    return owners


def sql_texts() -> Iterator[tuple[str, str, str]]:
    """Every .sql file, and every text in Python code."""
    yield from sources(".sql")
    for folder, path, text in sources(".py"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield folder, path, node.value


def tables() -> dict[str, str]:
    """The folder of the model that owns each table."""
    return {
        model._meta.db_table: folder
        for model in apps.get_models(include_auto_created=True)
        if (folder := model.__module__.partition(".")[0]) in HEIGHTS
    }


def test_no_module_imports_a_package_that_it_lies_in() -> None:
    # The contracts compare folders with folders and siblings with siblings; this is the one circle left to them.
    graph = grimp.build_graph(*HEIGHTS)

    upward = {
        (module, package)
        for module in graph.modules
        for package in graph.find_modules_directly_imported_by(module)
        if module.startswith(f"{package}.")
    }

    assert len(graph.modules) > 200
    assert upward == set()


def test_no_app_renders_a_template_of_an_app_above_it() -> None:
    used = templates_used()

    foreign = {use for use, owner in used.items() if owner and not may_use(use[0].split("/")[0], owner)}

    assert len(used) > 20
    assert foreign == set()


def test_no_app_uses_a_style_of_an_app_above_it() -> None:
    owners = style_owners()
    used = {
        (path, name)
        for _, path, text in sources(".py", ".html")
        for names in CLASSES.findall(text)
        for name in names.split()
        if name in owners
    }

    foreign = {use for use in used if not any(may_use(use[0].split("/")[0], owner) for owner in owners[use[1]])}

    assert used
    assert foreign == set()


def test_no_app_names_a_table_of_an_app_above_it_in_sql() -> None:
    owners = tables()
    named = {(path, name) for _, path, text in sql_texts() for name in TABLE.findall(text) if name in owners}

    foreign = {(path, name) for path, name in named if not may_use(path.split("/")[0], owners[name])}

    assert len(named) > 50
    assert foreign == set()


@pytest.mark.parametrize(
    ("folder", "other"), [("kernel", "demo"), ("policies", "signals_app"), ("policies", "outcomes")]
)
def test_control_the_layers_forbid_the_way_up_and_aside(folder: str, other: str) -> None:
    assert not may_use(folder, other)
