"""The feeder at work: ask what to quote, quote it, until told to stop."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from orchestrator_client import FeedQuote, OrchestratorClient, OrchestratorError, QuoteRequest

from feeder.market import Market

log = logging.getLogger("feeder")

BARS = Path(__file__).resolve().parents[1] / "data" / "stocks_daily.csv"
WAIT_SECONDS = 5.0
# A replay goes on once its moment is quoted; that a live quote stands need not be said more than once a second.
PAUSE_SECONDS, LIVE_PAUSE_SECONDS = 0.1, 1.0
MOST_QUOTES = 5000


def main() -> None:
    """Quote until SIGTERM or Ctrl-C."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s feeder %(message)s", stream=sys.stdout)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def pause(seconds: float) -> None:
        log.warning("%s is busy or unavailable; retrying in %.1f s", arguments.url, seconds)
        if stop.wait(seconds):
            sys.exit(0)

    market = Market(arguments.bars)
    try:
        with OrchestratorClient(arguments.url, arguments.key, attempts=sys.maxsize, sleep=pause) as client:
            while not stop.is_set():
                requests = quote_once(client, market, WAIT_SECONDS)
                is_live = any(request["as_of"] is None for request in requests)
                stop.wait(LIVE_PAUSE_SECONDS if is_live else PAUSE_SECONDS)
    except OrchestratorError as error:
        sys.exit(f"The feeder stopped: {error}")
    log.info("stopped")


def quote_once(client: OrchestratorClient, market: Market, wait_seconds: float) -> list[QuoteRequest]:
    """Wait for requests, push the quotes that the market has for them, return the requests."""
    requests = client.quote_requests(wait_seconds=wait_seconds)
    quotes = quotes_for(requests, market, datetime.now(UTC))
    for begin in range(0, len(quotes), MOST_QUOTES):
        answer = client.push_quotes(quotes[begin : begin + MOST_QUOTES])
        log.info("%d requests: %d quotes stored, %d repeated", len(requests), answer["stored"], answer["repeated"])
    return requests


def quotes_for(requests: Sequence[QuoteRequest], market: Market, now: datetime) -> list[FeedQuote]:
    """The market's quotes, each as of the moment asked for or, live, as of now; what it does not know is left out."""
    quotes: dict[tuple[str, datetime], FeedQuote] = {}
    for request in requests:
        moment = datetime.fromisoformat(request["as_of"]) if request["as_of"] else now
        seen = market.quote(request["instrument"], moment)
        if seen is not None:
            quotes[request["instrument"], moment] = {
                "instrument": request["instrument"],
                "bid": str(seen.bid),
                "ask": str(seen.ask),
                "quote_time": moment.isoformat(),
            }
    return list(quotes.values())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="feeder", description="Example feeder of the Trading Orchestrator.")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="URL of the orchestrator")
    parser.add_argument("--key", help="API key; better set ORCHESTRATOR_API_KEY, because process lists show arguments")
    parser.add_argument("--bars", type=Path, default=BARS, help="file of daily bars; the demo's by default")
    arguments = parser.parse_args()
    arguments.key = arguments.key or os.environ.get("ORCHESTRATOR_API_KEY")
    if not arguments.key:
        parser.error(
            "No API key. Set ORCHESTRATOR_API_KEY; create a key with `python manage.py apikey create --owner feeder`."
        )
    return arguments
