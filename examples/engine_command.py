"""The command line, the heartbeat and the orderly end of an example engine."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path
from threading import Event, Thread

from bars import Tape, read_feed
from engine_loop import EngineLoop
from journal import Journal
from orchestrator_client import OrchestratorClient, OrchestratorError
from positions import Strategy

log = logging.getLogger("engine")

# Well within the shortest sensible availability time of a policy.
HEARTBEAT_SECONDS = 5.0


def main(strategy: Strategy) -> None:
    """Run the engine until SIGTERM or Ctrl-C."""
    arguments = _arguments(strategy.engine)
    logging.basicConfig(
        level=logging.INFO, format=f"%(asctime)s engine {strategy.engine} %(message)s", stream=sys.stdout
    )
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with _patient_client(arguments, stop) as client, Journal(arguments.journal) as journal:
            send_heartbeat(client, strategy)
            Thread(target=send_heartbeats, args=(arguments, strategy, stop), daemon=True).start()
            feed = read_feed(arguments.bars) if arguments.bars else ()
            EngineLoop(client, strategy, journal, Tape(feed)).run(stop)
    except OrchestratorError as error:
        sys.exit(f"Engine {strategy.engine} stopped: {error}")


def _arguments(engine: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"Example engine {engine} of the Trading Orchestrator.")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="URL of the orchestrator")
    parser.add_argument("--key", help="API key; better set ORCHESTRATOR_API_KEY, because process lists show arguments")
    parser.add_argument("--journal", type=Path, help="file from which open positions are restored after a restart")
    parser.add_argument("--bars", type=Path, help="file of its own bars; without one it knows those of the alerts")
    arguments = parser.parse_args()
    arguments.key = arguments.key or os.environ.get("ORCHESTRATOR_API_KEY")
    if not arguments.key:
        command = f"python manage.py apikey create --owner engine-{engine.lower()}"
        parser.error(f"No API key. Set ORCHESTRATOR_API_KEY; create a key with `{command}`.")
    return arguments


def _patient_client(arguments: argparse.Namespace, stop: Event) -> OrchestratorClient:
    """A client that waits for an orchestrator that is busy or unavailable, as long as it takes.

    Giving up between a recommendation and its trade would leave that trade unopened until a restart.
    """

    def pause(seconds: float) -> None:
        log.warning("%s is busy or unavailable; retrying in %.1f s", arguments.url, seconds)
        if stop.wait(seconds):
            sys.exit(0)

    return OrchestratorClient(arguments.url, arguments.key, attempts=sys.maxsize, sleep=pause)


def send_heartbeat(client: OrchestratorClient, strategy: Strategy) -> None:
    """Tell the orchestrator that the engine is available and by which rules it trades."""
    client.heartbeat(engine_version=strategy.version, rules_hash=strategy.rules_hash)


def send_heartbeats(arguments: argparse.Namespace, strategy: Strategy, stop: Event) -> None:
    """Send heartbeats from a thread of its own, because a long poll or a repeat may hold the other up."""
    with OrchestratorClient(arguments.url, arguments.key) as client:
        while not stop.wait(HEARTBEAT_SECONDS):
            try:
                send_heartbeat(client, strategy)
            except OrchestratorError as error:
                log.warning("heartbeat failed: %s", error)
