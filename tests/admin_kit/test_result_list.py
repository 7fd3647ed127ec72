"""The table of a list shows what Unfold's own tag would, cell by cell."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.urls import reverse
from unfold.templatetags.unfold_list import results

from admin_kit.templatetags.result_list import result_list
from tests.factories import make_experiment
from tests.orchestrator_site.console.rows import logged_in, make_everything

pytestmark = pytest.mark.django_db
CELL = re.compile(r'<(th|td)\b[^>]*? data-label="([^"]*)">(.*?)</\1>', re.DOTALL)


def cells(html: str) -> list[tuple[str, str, str]]:
    """Kind, heading and content of each cell; links without their classes, headings without regard to capitals."""
    found = []
    for place, (tag, title, shown) in enumerate(CELL.findall(html)):
        # Unfold calls a first column "Select record" if it does not lead to the row, whether or not it is a checkbox.
        heading = "" if place == 0 and tag == "td" and "<input" not in shown else title.lower()
        found.append((tag, heading, re.sub(r'(<a href="[^"]*") class="[^"]*" ?>', r"\1>", shown)))
    return found


def test_each_cell_of_each_list_is_what_unfold_shows(subtests: pytest.Subtests) -> None:
    make_everything()
    root = logged_in(superuser=True)
    for options in admin.site._registry.values():
        with subtests.test(list=options.opts.label):
            shown = root.get(reverse(f"admin:{options.opts.app_label}_{options.opts.model_name}_changelist"))
            cl = shown.context["cl"]
            ours, stock = result_list(cl)["rows"], list(results(cl))

            assert [cells(row) for row in ours] == [cells("".join(map(str, row))) for row in stock]
            assert len(cl.result_list) == len(ours)
            assert all(len(cells(row)) == len(cl.list_display) for row in ours)


def test_a_row_leads_back_to_the_list_as_it_was_narrowed() -> None:
    experiment = make_experiment(symbol="TWX")

    page = (
        logged_in("viewer")
        .get(reverse("admin:experiments_experiment_changelist"), {"signal__symbol": "twx"})
        .content.decode()
    )

    address = reverse("admin:experiments_experiment_change", args=(experiment.pk,))
    assert f'href="{address}?_changelist_filters=signal__symbol%3Dtwx"' in page
