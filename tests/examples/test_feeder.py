"""The example feeder: what it quotes, and what it asks and sends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bars import Bar
from django.conf import settings
from feeder.command import BARS, quote_once, quotes_for
from feeder.market import Market
from option_model import Contract, Quote, quote
from orchestrator_client import OrchestratorClient, QuoteRequest

from demo.alerts import alert_message
from tests.demo.daily import daily_bars
from tests.examples.peer import peer
from tests.processes.harness import wait_until

CLOSE = datetime(2008, 3, 20, 21, tzinfo=UTC)
CALL = "AAPL  080419C00135000"


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(BARS)


def request(instrument: str = CALL, as_of: str | None = "2008-03-20T21:00:00.000000Z") -> QuoteRequest:
    return {"instrument": instrument, "source": "demo", "as_of": as_of}


def test_feeder_and_engines_see_one_market(market: Market) -> None:
    for item in daily_bars(40):
        alert: dict[str, Any] = json.loads(alert_message(item))
        fired = datetime.fromisoformat(alert["timenow"])
        contract = Contract(item.bar.ticker, item.bar.day + timedelta(days=30), "C", Decimal(100))
        bar = Bar(item.bar.ticker, "LONG", fired, alert["close"], alert["volume"], item.indicators, is_last=False)

        assert market.quote(str(contract), fired) == quote(contract, bar.close, bar.volatility, fired)


def test_until_the_next_close_the_last_one_counts(market: Market) -> None:
    at_close, next_morning = market.quote("AAPL", CLOSE), market.quote("AAPL", CLOSE + timedelta(hours=17))
    before = market.quote("AAPL", CLOSE - timedelta(microseconds=1))

    assert at_close == next_morning == Quote(Decimal("133.27"), Decimal("133.27"))
    assert before == Quote(Decimal("129.67"), Decimal("129.67"))


def test_a_price_between_two_cents_lies_between_bid_and_ask(market: Market) -> None:
    assert market.quote("AAPL", datetime(2007, 10, 1, 21, tzinfo=UTC)) == Quote(Decimal("156.33"), Decimal("156.34"))


@pytest.mark.parametrize(
    ("instrument", "moment"),
    [
        ("AAPL", datetime(2000, 3, 1, 20, 59, tzinfo=UTC)),
        ("TWX", CLOSE),
        ("TWX   080419C00135000", CLOSE),
        ("AAPL  080320C00135000", CLOSE + timedelta(seconds=1)),
    ],
)
def test_what_it_does_not_know_or_has_expired_it_does_not_quote(
    market: Market, instrument: str, moment: datetime
) -> None:
    assert market.quote(instrument, moment) is None


def test_a_contract_is_quoted_to_its_last_moment(market: Market) -> None:
    assert market.quote("AAPL  080320C00135000", CLOSE) == Quote(Decimal("0.00"), Decimal("0.01"))


def test_a_replayed_moment_is_quoted_as_of_then_and_a_live_one_as_of_now(market: Market) -> None:
    now = datetime(2008, 4, 1, tzinfo=UTC)

    quotes = quotes_for([request(), request(as_of=None), request("TWX")], market, now)

    assert [(quote["instrument"], datetime.fromisoformat(quote["quote_time"])) for quote in quotes] == [
        (CALL, CLOSE), (CALL, now),
    ]  # fmt: skip


def test_one_quote_answers_what_several_sources_ask(market: Market) -> None:
    other: QuoteRequest = {**request(), "source": "other"}

    assert len(quotes_for([request(), other], market, CLOSE)) == 1


def test_it_pushes_what_is_asked_for_and_nothing_when_nothing_is_known(market: Market) -> None:
    asked = {"quote_requests": [request()]}
    unknown = {"quote_requests": [request("TWX")]}
    stored = {"stored": 1, "repeated": 0, "conflicting": 0, "crossed": 0}
    with peer((200, asked), (201, stored), (200, unknown)) as server, OrchestratorClient(server.url, "key") as client:
        quote_once(client, market, 2.5)
        quote_once(client, market, 0)

        assert [(method, path) for method, path, _, _ in server.requests] == [
            ("GET", "/api/v1/quote-requests?wait_seconds=2.5"),
            ("POST", "/api/v1/quotes"),
            ("GET", "/api/v1/quote-requests?wait_seconds=0"),
        ]
        (sent,) = json.loads(server.requests[1][2])["quotes"]
    assert sent == {
        "instrument": CALL, "bid": "6.23", "ask": "6.37", "quote_time": "2008-03-20T21:00:00+00:00",
    }  # fmt: skip


@pytest.mark.processes
def test_it_runs_by_its_name_and_stops_cleanly_when_asked_to(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with peer((200, {"quote_requests": []})) as server, log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "examples.feeder", "--url", server.url],
            cwd=settings.BASE_DIR,
            env=os.environ | {"ORCHESTRATOR_API_KEY": "the-key"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until(lambda: len(server.requests) > 1, what="two polls")
            process.send_signal(signal.SIGTERM)

            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()
    assert log.read_text().endswith("feeder stopped\n")
    assert server.requests[0][3] == "Api-Key the-key"
