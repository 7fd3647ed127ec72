"""The lists of trades, fills and quotes: what is found in them, and what counts as open."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from outcomes.models import Quote, RealTrade, TradeFill
from tests.factories import api_client
from tests.orchestrator_site.console.rows import logged_in, traded_pair
from tests.outcomes.desk import C70, C72_5_JULY, ENTRY_TIME, make_desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    return logged_in("viewer")


def test_fills_are_found_by_their_trade_and_their_experiment(viewer: Client) -> None:
    traded_pair()
    traded_pair()
    trade = RealTrade.objects.order_by("opened_at")[0]

    for text, found in ((trade.pk, 2), (trade.experiment_id, 4)):
        page = viewer.get(reverse("admin:outcomes_tradefill_changelist"), {"q": str(text)})
        assert page.context["cl"].result_count == found
    assert TradeFill.objects.count() == 8
    assert "Buy to open 1 TWX 21 Jun 2014 70 call at 1.39" in page.content.decode()


@pytest.mark.parametrize(
    "text", ["TWX   140719C00072500", "TWX 140719C00072500", "TWX140719C00072500", "O:TWX140719C00072500"]
)
def test_quotes_are_found_in_every_spelling_of_their_instrument(viewer: Client, text: str) -> None:
    for instrument in (C72_5_JULY, C70):
        Quote.objects.create(
            instrument=instrument, bid="1", ask="2", quote_time=ENTRY_TIME, source="feeder", received_at=ENTRY_TIME
        )

    page = viewer.get(reverse("admin:outcomes_quote_changelist"), {"q": text})

    assert [found.instrument for found in page.context["cl"].result_list] == [C72_5_JULY]


def test_open_trades_are_those_that_wait_for_a_price_too(viewer: Client) -> None:
    traded_pair()
    api_client("feeder")
    make_desk().open_shadow()

    page = viewer.get(reverse("admin:outcomes_shadowtrade_changelist"), {"open": "yes"})

    assert [trade.status for trade in page.context["cl"].result_list] == ["OPENING"]
