"""Stopping real trading in the browser: kill switch, guardrail, one engine; each with a reason, each seen."""

from __future__ import annotations

import pytest
from django.utils import timezone

from experiments.worker.pipeline import drain
from kernel.actors import Actor
from policies.selectors import open_halt, open_trip
from policies.services import engage_halt
from tests.browser.person import Person
from tests.factories import engine, make_policy, make_signal
from tests.outcomes.closed_trades import Closed, close_pair
from tests.outcomes.desk import RULES_HASH, EngineClient

pytestmark = pytest.mark.django_db(transaction=True)

SOME_PAGES = ("index", "engines", "as_of", "report", "policies_halt_changelist", "check_alert")
RED = "rgba(185, 28, 28, 1)"


def test_the_kill_switch_asks_for_a_reason_and_a_typed_word(person: Person) -> None:
    person.open("engines")

    person.click("Halt")
    person.reads("Halt all real trading")
    person.types("Reason", "The broker is down.")
    person.types("Type HALT to confirm", "stop")
    person.submit("Halt trading")

    person.reads("Type HALT in capital letters.")
    assert person.value("Reason") == "The broker is down."
    assert open_halt() is None


def test_a_halt_is_a_red_banner_on_every_page_until_it_is_released(person: Person) -> None:
    person.open("kill_switch")
    person.types("Reason", "The broker is down.")
    person.types("Type HALT to confirm", "HALT")
    person.submit("Halt trading")
    person.reads("Trading halted: no new real trades.")

    for view in SOME_PAGES:
        person.open(view)
        person.reads("(ada): The broker is down.")
        (banner,) = person.finds(".to-halt-banner")
        assert banner.value_of_css_property("background-color") == RED

    person.click("Resume")
    person.reads("Trading is halted")
    person.types("Reason", "It is up again.")
    person.types("Type RESUME to confirm", "RESUME")
    person.submit("Resume trading")
    person.reads("Trading resumed: the policy decides again.")
    assert (open_halt(), person.finds(".to-halt-banner")) == (None, [])


def test_a_viewer_sees_that_trading_is_halted_and_no_switch(person: Person) -> None:
    person.sit_down("vera", "viewer")
    person.open("engines")
    assert "Halt" not in person.words()

    engage_halt(Actor("ada"), reason="A test.")
    person.open("engines")

    person.reads("Trading halted.", "(ada): A test.")
    assert not {"Halt", "Resume", "Disable engine"} & person.words()


def test_a_guardrail_that_trips_is_shown_and_lifted_with_a_reason(person: Person) -> None:
    close_pair("A", Closed(a="-50", exit_time=timezone.now()), policy={"max_consecutive_real_losses": "1"})
    make_signal()
    assert drain() == 1

    person.open("index")
    person.reads("Guardrail tripped.", "Max consecutive real losses is 1 (limit 1)", "(SHADOW_ONLY, GUARDRAIL)")
    person.click("Release")
    person.reads("Release guardrail")
    person.types("Reason", "The loss was expected.")
    person.submit("Release guardrail")

    person.reads("Guardrail Max consecutive real losses released; the policy decides again.")
    assert (open_trip(), person.finds(".to-guardrail-banner")) == (None, [])


def test_an_engine_is_switched_off_and_on_with_a_reason(person: Person) -> None:
    make_policy(configured_mode="ENGINE_A_PRIMARY")
    for name in ("A", "B"):
        EngineClient(name).post("heartbeat", {"engine_version": "7", "rules_hash": RULES_HASH})

    person.open("engines")
    trackers = person.finds("figure .to-slots")
    assert [tracker.size["width"] > 400 for tracker in trackers] == [True, True]
    person.click("Disable engine")
    person.reads("Disable engine A", "Without engine A nothing trades for real")
    person.types("Reason", "It quotes stale prices.")
    person.submit("Disable engine A")
    person.reads("Engine A disabled.", "disabled: It quotes stale prices.", "disabled by ada")
    assert not engine("A").enabled

    person.open("index")
    person.reads("no engine trades for real and both shadow (SHADOW_ONLY, ENGINE_A_UNAVAILABLE)")
    person.open("engines")
    person.click("Enable engine")
    person.types("Reason", "Its feed is back.")
    person.submit("Enable engine A")
    person.reads("Engine A enabled.")
    assert engine("A").enabled
