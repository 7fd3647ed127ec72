"""Documents that list what the code has: each is compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
APPS = ("kernel", "signals_app", "policies", "experiments", "outcomes", "orchestrator_site", "demo")
LOG_CALL = re.compile(r"""(?:log|logger)\.(?:info|warning|error|exception|critical)\(\s*["']([a-z_]+\.[a-z_]+)["']""")
BATCH_EVENT = re.compile(r"""\("((?:signal|context|experiment|policy)\.[a-z_]+)", \(""")
VARIABLE = re.compile(r"""env\.[a-z_]+\(\s*["']([A-Z_]+)["']""")


def sources() -> list[tuple[Path, str]]:
    return [(path, path.read_text()) for app in APPS for path in sorted((ROOT / app).rglob("*.py"))]


def events_in_the_code() -> set[str]:
    found: set[str] = set()
    for path, text in sources():
        found |= set(LOG_CALL.findall(text))
        if path.name == "batch_log.py":
            found |= set(BATCH_EVENT.findall(text))
    return found


def test_every_log_event_is_documented_and_every_documented_one_exists() -> None:
    rows = [line.split("|")[1] for line in (ROOT / "docs/events.md").read_text().splitlines() if line.startswith("| `")]
    documented = {name for row in rows for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", row)}

    assert documented == events_in_the_code()


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    table = (ROOT / "docs/configuration.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE))
    used = {name for path, text in sources() if path.name == "settings.py" for name in VARIABLE.findall(text)}

    assert documented == used
