"""SQL of more than a few lines, kept in files of its own beside the module that runs it."""

from __future__ import annotations

from pathlib import Path
from typing import LiteralString


def load(module_file: str, name: str) -> LiteralString:
    """The text of the ``.sql`` file beside a module (``__file__``); load it once, at import.

    It is part of the program, so that psycopg may take it for the literal it is.
    """
    return Path(module_file).with_name(name).read_text(encoding="utf-8")
