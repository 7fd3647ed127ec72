"""Risk, Engines and Policy as an operator uses them: a drill, a proof, a new key, and no barrier on the way."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from selenium.webdriver.common.by import By

from policies.models import ApiKey, Halt
from policies.services import create_api_key
from tests.browser.axe import barriers
from tests.browser.person import DESKTOP, Person
from tests.factories import make_experiment
from tests.orchestrator_site.console.rows import make_everything
from tests.policies.control import ADA

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_drill_and_a_proof_take_a_click_each_and_are_kept(person: Person) -> None:
    make_experiment("A")
    person.open("risk")
    person.reads("Halt has never been tested. Run a drill now, then monthly.")

    person.click("Run halt drill")
    person.submit("Run halt drill")
    person.reads("The halt was in effect after", "Last drill")
    person.click("Replay now")
    person.reads("1 decisions replayed: no difference")
    person.click("Back to Risk")
    person.click("Verify now")
    person.reads("invariants hold")
    person.click("Back to Risk")

    person.reads("every invariant of the data: all", "proof.verified", "trading: halted → by the policy")
    assert Halt.objects.get().drill_seconds is not None


def test_a_key_is_replaced_from_the_page_of_the_engines(person: Person) -> None:
    old, _ = create_api_key(ADA, owner="engine-b", name="desk two")

    person.open("engines")
    person.finds(f"[aria-label='Rotate key {old.prefix}']")[0].click()
    person.chooses("The old key goes on working for", "1 hour")
    person.submit("Rotate key")

    person.reads("Copy it now", f"takes the place of {old.prefix}.")
    new = ApiKey.objects.exclude(pk=old.pk).get()
    assert (new.name, new.prefix in person.text) == ("desk two", True)
    person.click("I have copied it")
    person.reads(new.prefix, old.prefix)


def test_a_time_says_how_long_ago_it_was_in_one_s_own_zone_and_stays_utc(person: Person) -> None:
    make_experiment("A")
    person.open("settings")
    person.chooses("Your time zone", "Asia/Tokyo")
    person.submit("Save time zone")
    person.reads("Time zone saved.")

    person.open("policies_policyversion_change", 1)

    # The version has just been made, so it is "now" or some seconds or minutes ago.
    person.reads("Z (")
    time = person.driver.find_element(By.CSS_SELECTOR, "time")
    assert time.text == time.get_attribute("datetime")
    assert re.search(r"(now| ago); .* Asia/Tokyo$", str(time.get_attribute("title")))


def test_nothing_bars_the_way_on_the_pages_of_an_operator(person: Person) -> None:
    make_everything()
    person.sit_down("root", is_superuser=True)
    addresses = [
        *(reverse(f"admin:{view}") for view in ("risk", "halt_drill", "settings", "kernel_auditentry_changelist")),
        reverse("admin:policies_policyversion_change", args=(1,)), reverse("admin:policies_policyversion_new_version"),
    ]  # fmt: skip

    assert barriers(person, addresses) == {}
    person.screen(DESKTOP)
