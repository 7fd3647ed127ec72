"""What axe-core finds on a page: what stops somebody who sees little, or uses a keyboard or a screen reader."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.browser.person import Person

SCRIPT = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
WIDTHS = ((1400, 1000), (800, 900), (400, 900))
THEMES = ("light", "dark")
SOUGHT = {"moderate", "serious", "critical"}
# Unfold's scroll bars: beside that of the sidebar, a list's is a second region of the same name.
UNFOLDS = ("landmark-unique", ".simplebar-")
# Two frames later everything has its place and its colour; a transition would still be on its way.
RUN = """
const [done] = [...arguments].slice(-1), still = document.createElement("style");
still.textContent = "*, *::before, *::after { transition: none !important; animation: none !important }";
document.head.append(still);
requestAnimationFrame(() => requestAnimationFrame(() => axe.run(document, {resultTypes: ["violations"]}).then(
    found => done(found.violations.map(one => ({
        impact: one.impact, rule: one.id, says: one.help,
        where: one.nodes.map(node => node.target.join(" ") + ": " + node.html.slice(0, 120)),
    }))),
    error => done(String(error)),
)));
"""


def barriers(person: Person, addresses: Iterable[str]) -> dict[str, list[str]]:
    """What is serious or moderate on each page, light and dark, wide and narrow, for those where anything is.

    Each is opened once and then shown in all four ways, as by somebody who turns the phone or the lamp.
    """
    found = {}
    for address in addresses:
        person.go(address)
        if here := barriers_here(person):
            found[address] = here
    return found


def barriers_here(person: Person) -> list[str]:
    """The same of the page as it stands, such as after a click."""
    if not person.driver.execute_script("return Boolean(window.axe)"):
        person.driver.execute_script(f"{_axe()}; window.axe = axe;")
    found = []
    for theme in THEMES:
        # As the menu's button does.
        person.driver.execute_script("Alpine.$data(document.documentElement).adminTheme = arguments[0]", theme)
        for size in WIDTHS:
            person.screen(size)
            violations: list[dict[str, Any]] | str = person.driver.execute_async_script(RUN)
            assert not isinstance(violations, str), violations
            found += [
                f"{theme}, {size[0]} px, {one['impact']} {one['rule']} ({one['says']}): {where}"
                for one in violations
                if one["impact"] in SOUGHT
                for where in one["where"]
                if not (one["rule"] == UNFOLDS[0] and UNFOLDS[1] in where)
            ]
    return found


@cache
def _axe() -> str:
    if SCRIPT.exists():
        return SCRIPT.read_text(encoding="utf-8")
    text = "There is no axe-core here. Install it: make browser-tools"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)
