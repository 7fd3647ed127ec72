"""One headless Chromium for all tests of a process, and a fresh visitor for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from pytest_django.live_server_helper import LiveServer
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.browser.person import DESKTOP, Person
from tests.browser.waiting import wait_until

CHROMIUM, CHROMEDRIVER = ("chromium", "google-chrome", "chrome"), ("chromedriver",)
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    f"--window-size={DESKTOP[0]},{DESKTOP[1]}",
)  # fmt: skip


def needed_program(names: tuple[str, ...]) -> str:
    """Return where a program of these names is; without it developers may go on, continuous integration may not."""
    for found in filter(None, map(shutil.which, names)):
        return found
    text = f"There is no {names[0]} here. Install it: apt-get install chromium chromium-driver"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)


@pytest.fixture(scope="session")
def driver(
    django_db_setup: None, live_server: LiveServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chrome]:
    """Run Chromium; it ends before the database, to which the server's threads hold one session per connection."""
    options = ChromeOptions()
    options.binary_location = needed_program(CHROMIUM)
    profile = tmp_path_factory.mktemp("chromium")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # With a path given, selenium looks for no driver and downloads none.
    chrome = Chrome(options=options, service=Service(needed_program(CHROMEDRIVER)))
    yield chrome
    chrome.quit()
    shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture
def person(driver: Chrome, live_server: LiveServer) -> Iterator[Person]:
    """Sit down an operator; no page that the test sees may complain in the console."""
    driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": live_server.url, "storageTypes": "all"})
    somebody = Person(driver, live_server.url)
    somebody.screen(DESKTOP)
    somebody.sit_down("ada", "operator")
    yield somebody
    complaints = somebody.complaints()
    _leave(driver)
    assert complaints == []


def _leave(driver: Chrome) -> None:
    """Close all tabs but one and empty it: a page that asks the server again would hold the tables."""
    # What the page has asked for is still read on the server after the page is gone.
    asks = "return Boolean(document.querySelector('.htmx-request, #to-preview-bar'))"
    wait_until(lambda: not driver.execute_script(asks), lambda: "the parts of the page that the test has left")
    for tab in driver.window_handles[1:]:
        driver.switch_to.window(tab)
        driver.close()
    driver.switch_to.window(driver.window_handles[0])
    driver.get("about:blank")
