"""Figures read off the source: private helpers, lengths, comments and docstrings."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The product; benchmarks, examples and tests are beside it.
FOLDERS = (
    "kernel", "embedded_postgres", "admin_kit", "signals_app", "policies", "experiments", "outcomes",
    "orchestrator_site", "notifications", "demo",
)  # fmt: skip
Function = ast.FunctionDef | ast.AsyncFunctionDef
# Orders to a tool, not reasons for a reader.
DIRECTIVES = ("noqa", "type:", "fmt:", "isort:", "pragma:", "ruff:", "mypy:")


def is_product(path: Path) -> bool:
    """Whether the file belongs to the product; migrations do not, they are read once."""
    if not path.is_relative_to(ROOT):
        return False
    parts = path.relative_to(ROOT).parts
    return parts[0] in FOLDERS and "migrations" not in parts


def product_files(folder: str) -> list[Path]:
    return [path for path in sorted((ROOT / folder).rglob("*.py")) if is_product(path)]


@dataclass
class Figures:
    """Sums over some files."""

    files: int = 0
    lines: int = 0
    functions: int = 0
    comments: int = 0
    docstrings: int = 0
    begin_with_return: int = 0
    called_once: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)  # of files, in lines

    @property
    def called_once_percent(self) -> float:
        """Private functions that their own file names exactly once, in % of all functions."""
        return 100 * len(self.called_once) / max(self.functions, 1)

    @property
    def comments_per_100_lines(self) -> float:
        return 100 * self.comments / max(self.lines, 1)

    def row(self, name: str) -> str:
        """One line of the table that HEADING stands above."""
        outside = sum(1 for length in self.lengths if length and not 40 <= length <= 250)
        return (
            f"{name:18}{self.files:6}{self.lines:8}{self.functions:8}{len(self.called_once):7}"
            f"{self.called_once_percent:8.1f}{self.comments_per_100_lines:9.1f}"
            f"{100 * self.docstrings / max(self.lines, 1):9.1f}{self.begin_with_return:9}{outside:9}"
        )


HEADING = (
    f"{'folder':18}{'files':>6}{'lines':>8}{'defs':>8}{'once':>7}{'once %':>8}"
    f"{'# /100':>9}{'doc /100':>9}{'Return':>9}{'<40,>250':>9}"
)


def measure(paths: Iterable[Path]) -> Figures:
    figures = Figures()
    for path in paths:
        text = path.read_text()
        tree = ast.parse(text)
        functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
        documented = [node for node in ast.walk(tree) if isinstance(node, Function | ast.ClassDef | ast.Module)]
        docstrings = [docstring for node in documented if (docstring := ast.get_docstring(node))]
        figures.files += 1
        figures.lines += text.count("\n")
        figures.lengths.append(text.count("\n"))
        figures.functions += len(functions)
        figures.comments += reasons(text)
        figures.docstrings += sum(docstring.count("\n") + 1 for docstring in docstrings)
        figures.begin_with_return += sum(1 for docstring in docstrings if docstring.startswith("Return "))
        figures.called_once += [
            f"{path.relative_to(ROOT)}:{node.lineno} {node.name}" for node in private_and_named_once(tree, functions)
        ]
    return figures


def private_and_named_once(tree: ast.Module, functions: list[Function]) -> list[Function]:
    """Functions `_x` whose name their own file uses exactly once, alone or as an attribute."""
    uses = Counter(
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    )
    return [node for node in functions if is_private(node.name) and uses[node.name] == 1]


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def reasons(text: str) -> int:
    """Lines that carry a comment which speaks to a reader."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = (token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT)
    return sum(1 for comment in comments if not comment.startswith(DIRECTIVES))
