"""Signing in with a passkey, as the second factor and instead of the password, in a browser that has one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions

from tests.browser.axe import barriers
from tests.browser.person import Person

PASSWORD = "a-long-password-1"


@pytest.fixture
def device(driver: Chrome) -> Iterator[None]:
    """A device that keeps passkeys and whose owner puts a finger on it whenever it asks."""
    driver.add_virtual_authenticator(
        VirtualAuthenticatorOptions(
            transport=VirtualAuthenticatorOptions.Transport.INTERNAL,
            has_resident_key=True,
            has_user_verification=True,
            is_user_verified=True,
        )
    )
    yield
    driver.remove_virtual_authenticator()


def sign_in_with_password(person: Person) -> None:
    person.stand_up()
    person.go(reverse("admin:login"))
    person.driver.find_element(By.NAME, "username").send_keys("eve")
    person.driver.find_element(By.NAME, "password").send_keys(PASSWORD)
    person.submit("Sign in")
    # Whoever goes on before the answer comes is sent by it to the overview.
    person.until(lambda: not person.finds("[name=username]"), lambda: "the page behind the sign-in")


@pytest.mark.usefixtures("device")
def test_a_passkey_is_the_second_factor_and_takes_the_passwords_place(person: Person) -> None:
    eve = User.objects.create_user("eve", password=PASSWORD, is_staff=True)
    sign_in_with_password(person)
    person.go(reverse("mfa_add_webauthn"))
    person.reads("Confirm that it is you")
    person.driver.find_element(By.NAME, "password").send_keys(PASSWORD)
    person.submit("Confirm")
    person.reads("Add a passkey")
    person.driver.find_element(By.NAME, "passwordless").click()
    person.driver.find_element(By.ID, "add_passkey").click()
    person.reads("Recovery codes")
    assert eve.authenticator_set.count() == 2

    sign_in_with_password(person)
    person.reads("Second factor")
    person.driver.find_element(By.ID, "use_passkey").click()
    person.reads("Now")

    person.stand_up()
    person.go(reverse("admin:login"))
    person.driver.find_element(By.ID, "passkey_login").click()
    person.reads("Now")
    person.go(reverse("account"))
    person.reads("Where you are signed in")


def test_nothing_bars_the_way_on_the_pages_of_ones_account(person: Person) -> None:
    pages = [reverse("account"), reverse("account_sessions_of", args=(User.objects.get(username="ada").pk,))]
    person.sit_down("ada", "administrator")
    assert barriers(person, pages) == {}

    person.stand_up()
    assert barriers(person, [reverse("admin:login")]) == {}
