"""Take the pictures of README.md and the guides from a demo that is running: `make demo`, then `make screenshots`.

They are taken with the database of this checkout, so that nobody has to sign in, light and dark, as WebP.
"""

from __future__ import annotations

import argparse
import base64
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

FOLDER = Path(__file__).resolve().parent / "pictures"
THEMES = ("light", "dark")
SIZE = (1280, 860)
QUALITY = 55
# What a page asks for by itself, and its charts, are there by then.
SETTLE_SECONDS = 4.0
# Name of the picture, page, and how far down it is taken.
PICTURES = (
    ("now", "/admin/", 0),
    ("draft", "/admin/policies/policydraft/{draft}/change/", 330),
    ("engines", "/admin/engines/", 0),
    ("risk", "/admin/risk/", 0),
    ("verdict", "/admin/outcomes/evaluation/{evaluation}/change/", 0),
    ("compare", "/admin/report/", 700),
)


def main() -> None:
    """Take them all; about a minute."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", default="http://127.0.0.1:8000", help="where the demo runs")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    import django

    django.setup()
    from selenium.webdriver import Chrome, ChromeOptions

    FOLDER.mkdir(exist_ok=True)
    chrome_options = ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        chrome_options.add_argument(flag)
    chrome = Chrome(options=chrome_options)
    try:
        _sign_in(chrome, options.site)
        numbers = _prepared()
        for name, address, down in PICTURES:
            for theme in THEMES:
                _take(chrome, options.site + address.format(**numbers), down, theme, FOLDER / f"{name}-{theme}.webp")
    finally:
        chrome.quit()


def _sign_in(chrome: Chrome, site: str) -> None:
    from django.contrib.auth.models import User
    from django.test import Client

    user, _ = User.objects.get_or_create(username="ada", defaults={"is_staff": True, "is_superuser": True})
    client = Client()
    client.force_login(user)
    cookie = {"url": site, "name": "sessionid", "value": client.cookies["sessionid"].value}
    chrome.execute_cdp_cmd("Network.setCookie", cookie)
    metrics = {"width": SIZE[0], "height": SIZE[1], "deviceScaleFactor": 1, "mobile": False}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def _prepared() -> dict[str, int]:
    """A draft to show, which is started unless there is one, and the demo's evaluation."""
    from kernel.actors import Actor
    from outcomes.models import Evaluation
    from policies.core.settings import changed_settings
    from policies.drafts import start_draft
    from policies.models import DraftState, PolicyDraft
    from policies.selectors import policy_in_force

    draft = PolicyDraft.objects.filter(state=DraftState.OPEN).first()
    if draft is None:
        limits = ("configured_mode=ENGINE_B_PRIMARY", "max_consecutive_real_losses=4", "max_daily_real_loss=800")
        content = changed_settings(policy_in_force().content, limits)
        draft = start_draft(Actor("bob"), content=content, note="B is ahead, with tighter limits.")
    return {"draft": draft.pk, "evaluation": Evaluation.objects.latest("pk").pk}


def _take(chrome: Chrome, address: str, down: int, theme: str, path: Path) -> None:
    chrome.get(address)
    chrome.execute_script("Alpine.$data(document.documentElement).adminTheme = arguments[0]", theme)
    time.sleep(SETTLE_SECONDS)
    chrome.execute_script("window.scrollTo(0, arguments[0])", down)
    asked = {"format": "webp", "quality": QUALITY}
    path.write_bytes(base64.b64decode(chrome.execute_cdp_cmd("Page.captureScreenshot", asked)["data"]))


if __name__ == "__main__":
    main()
