"""Signals as an operator works with them: found, set up as a view, walked through by keyboard, without barriers."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from kernel.models import SavedView
from tests.browser.axe import barriers_here
from tests.browser.person import DESKTOP, Person
from tests.factories import make_experiment
from tests.orchestrator_site.console.rows import traded_pair

pytestmark = pytest.mark.django_db(transaction=True)


def presses(person: Person, *keys: str) -> None:
    """Press keys wherever the focus is, once the page's scripts listen."""
    listening = "return document.readyState === 'complete' && !document.documentElement.hasAttribute('x-cloak')"
    person.until(lambda: person.driver.execute_script(listening), lambda: "a page that listens")
    ActionChains(person.driver).send_keys(*keys).perform()


def drops(person: Person, title: str) -> None:
    """Open what drops down from a title above a list."""
    next(one for one in person.finds(".to-drop > summary") if one.text.startswith(title)).click()


def at(person: Person, part: str) -> None:
    """Wait until the address holds this."""
    person.until(lambda: part in person.driver.current_url, lambda: f"{part} in {person.driver.current_url}")


def test_a_list_is_set_up_kept_as_a_view_renamed_and_deleted(person: Person) -> None:
    traded_pair(symbol="TWX")
    make_experiment("B", symbol="QQQ")
    person.open("experiments_experiment_changelist", traded="B")
    person.reads("Signals", "QQQ")
    assert "TWX" not in person.text

    drops(person, "Columns")
    assert barriers_here(person) == []
    person.screen(DESKTOP)
    for title in ("Created at", "Policy", "State"):
        next(one for one in person.finds(".to-drop-box label") if one.text == title).click()
    person.click("Show these columns")
    at(person, "columns=")
    drops(person, "Views")
    assert barriers_here(person) == []
    person.screen(DESKTOP)
    person.finds(".to-drop-box input[required]")[0].send_keys("B trades")
    person.click("Save view")

    person.reads("View B trades saved.", "QQQ")
    heads = [one.text.strip() for one in person.finds("#result_list thead th")]
    assert heads[:3] == ["Market date", "Signal", "Real / shadow"]
    assert not {"Created at", "Policy", "State"} & set(heads)
    person.open("experiments_experiment_changelist")
    person.reads("TWX")
    person.click("B trades")
    at(person, "traded=B")
    assert "TWX" not in person.text

    drops(person, "Views")
    box = person.finds("[aria-label='Name of the view B trades']")[0]
    box.clear()
    box.send_keys("Of engine B")
    person.click("Rename")
    person.reads("View Of engine B renamed.")
    drops(person, "Views")
    person.click("Delete")
    person.reads("View Of engine B deleted.")
    assert SavedView.objects.count() == 0


def is_typed_into(person: Person, name: str) -> bool:
    """Whether keys go into this field, which is seen a moment before."""
    return str(person.driver.execute_script("return document.activeElement.id")) == name


def test_everything_is_found_and_opened_from_the_keyboard(person: Person) -> None:
    experiment = traded_pair(symbol="TWX")
    make_experiment("B", symbol="QQQ")

    # Past the sidebar with the first link of the page, which is seen once it has the focus.
    person.open("index")
    assert not any(link.location["y"] >= 0 for link in person.finds(".to-skip"))
    presses(person, Keys.TAB)
    skip = person.driver.switch_to.active_element
    assert (skip.text, skip.location["y"] >= 0) == ("Skip to the content", True)
    presses(person, Keys.ENTER)
    assert person.driver.switch_to.active_element.get_attribute("id") == "content"

    # An ID as a list shows it, from any page.
    presses(person, "/")
    person.until(lambda: is_typed_into(person, "search-input-command"), lambda: "the search")
    presses(person, str(experiment.pk)[:8])
    person.until(lambda: person.finds("#command-results-list li"), lambda: "what was found")
    assert barriers_here(person) == []
    person.screen(DESKTOP)
    presses(person, Keys.ENTER)
    person.reads("Engine A recommended the trade and traded for real because")
    assert barriers_here(person) == []
    person.screen(DESKTOP)

    # A thing to do; the second line by the arrow keys.
    presses(person)
    ActionChains(person.driver).key_down(Keys.CONTROL).send_keys("k").key_up(Keys.CONTROL).perform()
    person.until(lambda: is_typed_into(person, "search-input-command"), lambda: "the search")
    presses(person, "check alert")
    person.until(lambda: "Check an alert" in person.text, lambda: "the action")
    presses(person, Keys.ARROW_DOWN, Keys.ENTER)
    at(person, "/admin/check-alert/")

    # Down and up the list, and into the row; a click anywhere on a row does the same.
    person.open("experiments_experiment_changelist")
    presses(person, "j", "j", "k")
    focused = "return document.activeElement.closest('tr').innerText"
    assert "QQQ" in person.driver.execute_script(focused)
    presses(person, "j")
    assert "TWX" in person.driver.execute_script(focused)
    presses(person, Keys.ESCAPE)
    assert person.driver.execute_script("return document.activeElement === document.body")
    presses(person, "k", Keys.ENTER)
    person.reads("Engine A recommended the trade and traded for real because")
    person.open("experiments_experiment_changelist")
    person.finds("#result_list tbody tr td.field-state")[0].click()
    person.reads("Engine B may trade for real because")

    # The help, and no key while somebody types.
    presses(person, "?")
    person.reads("Next and previous row of a list")
    assert barriers_here(person) == []
    person.screen(DESKTOP)
    presses(person, Keys.ESCAPE)
    person.until(lambda: not person.finds("#to-keys"), lambda: "the help to close")
    person.open("experiments_experiment_changelist")
    person.until(lambda: person.finds("#searchbar"), lambda: "the field of the search")
    person.finds("#searchbar")[0].send_keys("j/?k")
    assert person.finds("#searchbar")[0].get_property("value") == "j/?k"
    assert not person.finds("#to-keys, #search-input-command")
