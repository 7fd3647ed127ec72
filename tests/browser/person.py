"""Somebody at a browser: opens pages of the admin, reads, types and clicks, by what is written on the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from tests.browser.waiting import wait_until

DESKTOP, PHONE = (1280, 900), (390, 800)


class Person:
    """One browser and whoever sits at it; finds fields by label, links and buttons by their words."""

    def __init__(self, driver: Chrome, site: str) -> None:
        self.driver = driver
        self._site = site

    def sit_down(self, name: str, *groups: str, is_superuser: bool = False) -> None:
        """Go on as this account, which has exactly these roles; open tabs stay open."""
        user, _ = User.objects.update_or_create(
            username=name, defaults={"is_staff": True, "is_superuser": is_superuser}
        )
        user.groups.set(Group.objects.filter(name__in=groups))
        client = Client()
        client.force_login(user)
        cookie = {"url": self._site, "name": "sessionid", "value": client.cookies["sessionid"].value}
        self.driver.execute_cdp_cmd("Network.setCookie", cookie)

    def stand_up(self) -> None:
        """Leave the browser to somebody who is not logged in."""
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})

    def go(self, address: str) -> None:
        """Open an address of the site."""
        self.driver.get(self._site + address)

    def open(self, view: str, *args: Any, **query: Any) -> None:
        """Open a page of the admin by its view's name."""
        address = reverse(f"admin:{view}", args=args)
        self.go(f"{address}?{urlencode(query)}" if query else address)

    def screen(self, size: tuple[int, int]) -> None:
        """Look at pages in a window of this width and height in pixels."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    # What is read

    @property
    def text(self) -> str:
        """Everything that can be read on the page."""
        return str(self.driver.execute_script("return document.body?.innerText || ''"))

    def reads(self, *texts: str) -> None:
        """Wait until all of this can be read."""
        self.until(
            lambda: all(text in self.text for text in texts),
            lambda: f"{[text for text in texts if text not in self.text]} on the page:\n{self._content()}",
        )

    def finds(self, selector: str) -> list[WebElement]:
        """Return what is visible of a CSS selector."""
        return [one for one in self.driver.find_elements(By.CSS_SELECTOR, selector) if one.is_displayed()]

    def words(self) -> set[str]:
        """Return what is written on the links and buttons that can be seen, without icons."""
        script = """return [...document.querySelectorAll("a, button")].filter(one => one.offsetParent).map(one => {
                        const copy = one.cloneNode(true);
                        copy.querySelectorAll(".material-symbols-outlined").forEach(icon => icon.remove());
                        return copy.textContent.trim();
                    })"""
        return set(self.driver.execute_script(script))

    def table(self, under: str) -> list[list[str]]:
        """Return the rows of the first table under a heading, as texts."""
        path = f"//*[self::h2 or self::h3][normalize-space()='{under}']/following::table[1]"
        script = "return [...arguments[0].rows].map(row => [...row.cells].map(cell => cell.innerText.trim()))"
        rows: list[list[str]] = self.driver.execute_script(script, self._visible(By.XPATH, path, under))
        return rows

    def complaints(self) -> list[str]:
        """Return what the browser's console has warned of since this was asked last: errors, missing files."""
        log = self.driver.get_log("browser")  # type: ignore[no-untyped-call]  # selenium's
        return [entry["message"] for entry in log if entry["level"] in {"WARNING", "SEVERE"}]

    def around_refused(self, label: str) -> str:
        """Return what stands around a field whose value was refused: label, message and help."""
        return self.field(label).find_element(By.XPATH, "ancestor::*[contains(@class, 'errors')][1]").text

    # What is done

    def click(self, words: str) -> None:
        """Click the first link or button with these words."""
        said = f"normalize-space()='{words}'"
        found = f"[{said} or text()[{said}] or span[{said}]]"
        self._visible(By.XPATH, f"//a{found} | //button{found}", words).click()

    def submit(self, words: str) -> None:
        """Press the button of a form."""
        self._visible(By.XPATH, f"//form//button[normalize-space()='{words}']", words).click()

    def field(self, label: str) -> WebElement:
        """Return the input that this label belongs to."""
        path = f'//label[normalize-space(translate(., "*", ""))="{label}"]'
        target = self._visible(By.XPATH, path, label).get_attribute("for")
        return self.driver.find_element(By.ID, str(target))

    def value(self, label: str) -> str:
        """Return what stands in a field."""
        return str(self.field(label).get_property("value"))

    def types(self, label: str, text: str) -> None:
        """Put a text into a field in place of what is there."""
        box = self.field(label)
        box.clear()
        box.send_keys(text)

    def chooses(self, label: str, option: str) -> None:
        """Choose one option of a field."""
        Select(self.field(label)).select_by_visible_text(option)

    def until(self, holds: Callable[[], object], wanted: Callable[[], str]) -> None:
        """Wait for a condition; a page that is being replaced does not fulfil it yet."""

        def holds_now() -> bool:
            try:
                return bool(holds())
            except StaleElementReferenceException:
                return False

        wait_until(holds_now, wanted)

    def _content(self) -> str:
        """Return the page without its sidebar, for the message of a failure."""
        return str(self.driver.execute_script("return (document.querySelector('#main') || document.body).innerText"))

    def _visible(self, by: str, selector: str, words: str) -> WebElement:
        found: list[WebElement] = []

        def look() -> bool:
            found[:] = [one for one in self.driver.find_elements(by, selector) if one.is_displayed()]
            return bool(found)

        self.until(look, lambda: f"{words!r} to click or to fill on the page:\n{self._content()}")
        return found[0]
