"""The list of signals with their decisions and results: narrowed by its facets, sorted where an index serves it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from experiments.models import Experiment
from kernel.values import format_timestamp
from tests.factories import make_experiment
from tests.orchestrator_site.console.rows import logged_in
from tests.outcomes.closed_trades import EXIT_TIME, Closed, close_pair
from tests.outcomes.desk import make_desk

pytestmark = pytest.mark.django_db
LIST = "admin:experiments_experiment_changelist"


@pytest.fixture
def desk() -> dict[str, Experiment]:
    """A signal with both results, one without trades that engine B would trade, and one whose real trade is open."""
    opened = make_desk("A", symbol="IWM")
    opened.open_real()
    return {
        "SPY": close_pair("A", Closed(a="1234.567", b="-0.004", exit_time=EXIT_TIME), symbol="SPY"),
        "QQQ": make_experiment("B", symbol="QQQ", timeframe="1h"),
        "IWM": opened.experiment,
    }


def listed(client: Client, **query: str) -> list[str]:
    """The symbols of the list."""
    return [row.signal.symbol for row in client.get(reverse(LIST), query).context["cl"].result_list]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"signal__symbol": "spy"}, {"SPY"}),
        ({"signal__timeframe": "1h"}, {"QQQ"}),
        ({"state": "open"}, {"IWM"}),
        ({"state": "closed"}, {"SPY"}),
        ({"state": "none"}, {"QQQ"}),
        ({"result": "both"}, {"SPY"}),
        ({"result": "some"}, {"SPY"}),
        ({"traded": "B"}, {"QQQ"}),
        ({"traded": "A", "state": "open"}, {"IWM"}),
        ({"policy_version": "v4"}, {"QQQ"}),
        ({"policy_version": "999"}, set()),
        ({"policy_version": "two"}, set()),
    ],
)
def test_facets_narrow_the_list(desk: dict[str, Experiment], query: dict[str, str], expected: set[str]) -> None:
    found = listed(logged_in("viewer"), **query)

    assert (set(found), len(found)) == (expected, len(expected))


# Within one transaction all would have come at the same moment.
@pytest.mark.django_db(transaction=True)
def test_a_period_is_since_a_moment_and_before_another(desk: dict[str, Experiment]) -> None:
    viewer = logged_in("viewer")
    moments = {symbol: format_timestamp(experiment.created_at) for symbol, experiment in desk.items()}

    assert listed(viewer) == ["QQQ", "SPY", "IWM"]
    assert listed(viewer, created_at__gte=moments["SPY"]) == ["QQQ", "SPY"]
    assert listed(viewer, created_at__lt=moments["SPY"]) == ["IWM"]
    assert listed(viewer, created_at__gte=moments["SPY"], created_at__lt=moments["QQQ"]) == ["SPY"]


def test_a_text_that_is_no_moment_is_said_to_be_ignored(desk: dict[str, Experiment]) -> None:
    page = logged_in("viewer").get(reverse(LIST), {"created_at__gte": "yesterday"}, follow=True)

    assert len(page.context["cl"].result_list) == 3
    assert "unknown filter or page, which was ignored" in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_list_can_be_turned_round_and_is_sorted_by_no_column_without_an_index(desk: dict[str, Any]) -> None:
    viewer = logged_in("viewer")
    newest = listed(viewer)
    columns = list(viewer.get(reverse(LIST)).context["cl"].list_display)

    assert listed(viewer, o=str(columns.index("created_at"))) == newest[::-1]
    for place in range(len(columns) + 2):
        if place != columns.index("created_at"):
            assert listed(viewer, o=str(place)) == newest


def test_amounts_are_shown_to_the_cent_and_kept_exact(desk: dict[str, Experiment]) -> None:
    page = logged_in("viewer").get(reverse(LIST), {"signal__symbol": "SPY"}).content.decode()

    assert 'title="1234.567">▲ +1,234.57</span>' in page
    assert "▼ −0.004</span>" in page  # noqa: RUF001 (a true minus sign)
