"""Which product files run while something happens: their functions in all threads, and their templates."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from django.template import Template
from django.test.signals import template_rendered

from tests.size.source import FOLDERS, ROOT, is_product

# Code objects of modules and class bodies have no optimised locals; they run at import, not on the way of an alert.
OPTIMIZED = 1


class Trace:
    """Files by stage, in the order in which they were first visited.

    A module that only holds constants is not seen, nor is an `.sql` file, which is the text of the module beside it.
    """

    def __init__(self) -> None:
        """Nothing is recorded outside a stage."""
        self.stages: dict[str, list[Path]] = {}
        self._stage: list[Path] | None = None
        self._product: dict[CodeType, Path | None] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen to this thread and to all that start meanwhile."""
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)
        template_rendered.connect(self._rendered)
        try:
            yield
        finally:
            template_rendered.disconnect(self._rendered)
            sys.setprofile(None)
            threading.setprofile(None)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Record under this name while the block runs."""
        self._stage = self.stages.setdefault(name, [])
        try:
            yield
        finally:
            self._stage = None

    def files(self) -> list[Path]:
        """Every file once."""
        return list(dict.fromkeys(path for paths in self.stages.values() for path in paths))

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or self._stage is None:
            return
        code = frame.f_code
        if code not in self._product:
            path = Path(code.co_filename)
            self._product[code] = path if code.co_flags & OPTIMIZED and is_product(path) else None
        path_or_none = self._product[code]
        if path_or_none is not None and path_or_none not in self._stage:
            self._stage.append(path_or_none)

    def _rendered(self, template: Template, **_: Any) -> None:
        path = Path(str(template.origin.name))
        if self._stage is not None and path.is_file() and is_product(path) and path not in self._stage:
            self._stage.append(path)


def import_product() -> None:
    """Import every module, so that nothing that runs at import is taken for a visit."""
    for folder in FOLDERS:
        for module in pkgutil.walk_packages([str(ROOT / folder)], f"{folder}."):
            if ".migrations" not in module.name and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
