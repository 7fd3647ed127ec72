"""Every criterion has a row in the document and a test."""

from __future__ import annotations

import importlib
import pkgutil

import tests.acceptance
from tests.acceptance.criteria import CRITERIA, criteria_of, modules_by_criterion


def test_every_criterion_has_a_row_that_names_modules() -> None:
    kept = modules_by_criterion()

    assert set(kept) == CRITERIA
    assert all(kept.values())


def test_every_criterion_has_a_test() -> None:
    modules = [
        importlib.import_module(f"tests.acceptance.{module.name}")
        for module in pkgutil.iter_modules(tests.acceptance.__path__)
    ]

    assert {criterion for module in modules for name in dir(module) for criterion in criteria_of(name)} == CRITERIA
