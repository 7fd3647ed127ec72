"""Every page of the admin in a real browser: nothing missing, nothing unlabelled, nothing wider than the screen.

What the console says of missing files and of scripts is looked at after every test, see conftest.py.
"""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse

from kernel.actors import Actor
from outcomes.models import Incident, TradeAmendment
from outcomes.services import acknowledge_incident
from tests.browser.person import DESKTOP, PHONE, Person
from tests.orchestrator_site.console.rows import make_everything
from tests.policies.control import make_draft

pytestmark = pytest.mark.django_db(transaction=True)

LISTS = [
    reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") for model in admin.site._registry
]
FORMS_AND_REPORTS = [
    reverse(f"admin:{view}")
    for view in (
        "inbox", "inbox_redrive",
        "index", "check_alert", "engines", "as_of", "report", "rows", "risk", "settings", "kill_switch",
        "retention", "retention_hold",
        "policies_policyversion_new_version", "policies_policyversion_compare", "signals_app_webhooksource_new_source",
        "policies_apikey_new_key", "notifications_recipient_new",
        "password_change",
    )
]  # fmt: skip
DESK = (1400, 900)
DRAFT_STEPS = ("change", "edit", "approve", "activate", "discard")

# What an eye would stumble over.
LOOK = """
const seen = element => element.checkVisibility({visibilityProperty: true, opacityProperty: true});
const labelled = field => field.labels.length || field.ariaLabel || field.placeholder || field.title;
const says = element => element.textContent.trim() || element.title || element.ariaLabel;
const fields = [...document.querySelectorAll("#main :is(input:not([type=hidden]), select, textarea)")].filter(seen);
const links = [...document.querySelectorAll("#main :is(a[href], button)")].filter(seen);
const width = document.documentElement.scrollWidth;
return [
    ...(document.title.includes("Trading Orchestrator") ? [] : ["title: " + document.title]),
    ...(width > window.innerWidth ? ["wider than the screen: " + width] : []),
    ...fields.filter(field => !labelled(field)).map(field => "no label: " + field.outerHTML.slice(0, 80)),
    ...links.filter(link => !says(link)).map(link => "says nothing: " + link.outerHTML.slice(0, 80)),
];
"""


# A table scrolls in a box of its own, which the width of the page does not tell. It fits itself in at the next frame.
CUT = """
const [selector, done] = arguments;
const cut = () => [...document.querySelectorAll(selector)].filter(one => one.offsetParent).filter(
    one => one.scrollWidth > one.parentElement.clientWidth).map(one => `cut off: ${one.ariaLabel} ${one.scrollWidth}`);
requestAnimationFrame(() => done(cut()));
"""


# What reaches out of the box that it stands in.
OUTSIDE = """
const [selector, box] = arguments;
const within = (one, other) => one.left >= other.left - 1 && one.right <= other.right + 1
    && one.top >= other.top - 1 && one.bottom <= other.bottom + 1;
const place = element => element.getBoundingClientRect();
return [...document.querySelectorAll(selector)].filter(one => one.checkVisibility())
    .filter(one => !within(place(one), place(one.closest(box)))).map(one => one.textContent.trim());
"""


def flaws(person: Person, addresses: list[str]) -> dict[str, list[str]]:
    """Return what is wrong with each page on a phone, or of a list on a desk, for those where anything is."""
    found = {}
    for address in addresses:
        person.screen(PHONE)
        person.go(address)
        complaints = person.driver.execute_script(LOOK)
        complaints += person.driver.execute_async_script(CUT, ".to-scroll > .to-table")
        person.screen(DESK)
        if complaints := complaints + person.driver.execute_async_script(CUT, "#result_list"):
            found[address] = complaints
    return found


def brightness(person: Person, style: str) -> float:
    """Return how bright this colour of the page is on the screen, 0 to 255; the browser itself paints it."""
    script = """
        const pen = new OffscreenCanvas(1, 1).getContext("2d");
        pen.fillStyle = getComputedStyle(document.body)[arguments[0]];
        pen.fillRect(0, 0, 1, 1);
        const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
        return (red + green + blue) / 3"""
    return float(person.driver.execute_script(script, style))


def test_every_list_fits_a_phone_and_names_what_can_be_used(person: Person) -> None:
    make_everything()
    person.sit_down("root", is_superuser=True)

    assert flaws(person, LISTS) == {}


def test_every_form_and_report_fits_a_phone_and_labels_its_fields(person: Person) -> None:
    experiment = make_everything()
    draft = make_draft(configured_mode="ENGINE_B_PRIMARY", split_percentage="12.34")
    person.sit_down("root", is_superuser=True)

    steps = [reverse(f"admin:policies_policydraft_{step}", args=(draft.pk,)) for step in DRAFT_STEPS]
    story = reverse("admin:experiments_experiment_change", args=(experiment.pk,))
    assert flaws(person, [*FORMS_AND_REPORTS, *steps, story]) == {}


def test_nothing_of_an_amendment_or_an_incident_is_cut_off(person: Person) -> None:
    experiment = make_everything()
    actor = Actor("operator.of.the.night")
    acknowledge_incident(actor, Incident.objects.get().pk, closing="Closed.", pnl=None, currency="")

    # In half of a narrow desk's width.
    person.screen(DESKTOP)
    person.open("experiments_experiment_change", experiment.pk)
    assert person.driver.execute_script(OUTSIDE, ".to-plan", ".to-card") == []
    person.screen(PHONE)
    person.open("outcomes_tradeamendment_change", TradeAmendment.objects.get().pk)
    assert person.driver.execute_script(OUTSIDE, ".to-path > *", ".to-header") == []
    person.open("outcomes_incident_changelist")
    cells = "return [...document.querySelectorAll('.to-cell')].filter(one => one.scrollWidth > one.clientWidth).length"
    assert person.driver.execute_script(cells) == 0
    # A heading breaks between words alone.
    height = "return parseFloat(getComputedStyle(document.querySelector('.field-detail'), '::before').height)"
    assert person.driver.execute_script(height) < 30


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_finished_preview_fits_the_screen(person: Person, size: tuple[int, int]) -> None:
    make_everything()
    person.screen(size)

    person.open("draft_preview", make_draft(configured_mode="ENGINE_B_PRIMARY").pk)
    person.reads("decisions would change")

    assert person.driver.execute_script(LOOK) == []


def test_an_unknown_page_has_an_icon_and_a_way_back(person: Person) -> None:
    person.go("/nowhere")

    person.click("To the overview")

    person.reads("Active policy")
    (refused,) = person.complaints()
    assert "/nowhere" in refused


def test_dark_mode_is_chosen_in_the_menu_and_stays(person: Person) -> None:
    person.open("index")
    assert (brightness(person, "backgroundColor") > 200, brightness(person, "color") < 120) == (True, True)
    person.finds("#nav-sidebar [x-on\\:click='openUserLinks = !openUserLinks']")[0].click()
    person.click("Dark")

    person.open("engines")

    assert (brightness(person, "backgroundColor") < 60, brightness(person, "color") > 150) == (True, True)


def test_somebody_without_an_account_is_asked_to_log_in(person: Person) -> None:
    User.objects.create_user("olga", password="a-long-enough-password", is_staff=True)
    person.stand_up()
    person.open("index")
    person.types("User name", "olga")
    person.types("Password", "a-long-enough-password")
    person.submit("Sign in")

    person.reads("Your account has no role yet")
