"""The lists of trades, fills and quotes: what is found in them, and what counts as open."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from outcomes.models import (
    ExitDirective,
    Incident,
    OwnExit,
    Permit,
    Quote,
    RealOutcome,
    RealTrade,
    Recommendation,
    ShadowOutcome,
    ShadowTrade,
    TradeFill,
)
from signals_app.models import Signal
from tests.factories import api_client
from tests.orchestrator_site.console.rows import logged_in, traded_pair
from tests.outcomes.closed_trades import Closed, close_pair
from tests.outcomes.desk import C70, C72_5_JULY, ENTRY_TIME, make_desk

pytestmark = pytest.mark.django_db

BADGE = '<span class="to-badge to-badge-info">REPLAYED</span>'
EXPERIMENTS = "experiments_experiment_changelist"


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


@pytest.mark.parametrize(
    "model",
    [
        RealTrade, ShadowTrade, RealOutcome, ShadowOutcome, TradeFill, OwnExit, ExitDirective, Recommendation, Permit,
        Incident, Signal,
    ],
)  # fmt: skip
def test_rows_of_replayed_signals_say_so(model: Any) -> None:
    replayed = traded_pair()
    close_pair("A", Closed(a="1", b="2"))

    page = logged_in("viewer", "operator").get(
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    )

    rows = model._default_manager.filter(experiment=replayed).count()
    assert (page.content.decode().count(BADGE), rows > 0) == (rows, True)


def test_signals_and_their_rows_in_the_report_say_so_too() -> None:
    replayed = traded_pair()
    close_pair("A", Closed(a="1", b="2"))
    close_pair("B", Closed(a="1", b="2"))
    now, signals, rows, trades = (reverse(f"admin:{name}") for name in ("index", EXPERIMENTS, "rows", "report"))
    client = logged_in("viewer", "operator", "analyst")

    assert replayed.signal.replayed
    for page, query, badges in (
        (now, {}, 1), (signals, {}, 1), (rows, {}, 1), (rows, {"kind": "paired"}, 1),
        # Best and worst of the pairs, and of the trades of each engine.
        (trades, {"part": "trades"}, 6),
    ):  # fmt: skip
        assert client.get(page, query).content.decode().count(BADGE) == badges, page


def test_open_trades_are_those_that_wait_for_a_price_too(viewer: Client) -> None:
    traded_pair()
    api_client("feeder")
    make_desk().open_shadow()

    page = viewer.get(reverse("admin:outcomes_shadowtrade_changelist"), {"open": "yes"})

    assert [trade.status for trade in page.context["cl"].result_list] == ["OPENING"]
