"""The command line, the heartbeat and the orderly end of an example engine."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path
from threading import Event, Thread

from engine_loop import EngineLoop, Strategy
from journal import Journal
from orchestrator_client import OrchestratorClient, OrchestratorError

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
            _beat(client, strategy)
            Thread(target=_keep_beating, args=(arguments, strategy, stop), daemon=True).start()
            EngineLoop(client, strategy, journal).run(stop)
    except OrchestratorError as error:
        sys.exit(f"engine {strategy.engine} gives up: {error}")


def _arguments(engine: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"Example engine {engine} of the Trading Orchestrator.")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="address of the orchestrator")
    parser.add_argument("--key", help="API key; rather put it into ORCHESTRATOR_API_KEY: process lists show arguments")
    parser.add_argument("--journal", type=Path, help="file that open positions are taken up from after a restart")
    arguments = parser.parse_args()
    arguments.key = arguments.key or os.environ.get("ORCHESTRATOR_API_KEY")
    if not arguments.key:
        make = f"python manage.py apikey create --owner engine-{engine.lower()}"
        parser.error(f"no API key: set ORCHESTRATOR_API_KEY; `{make}` makes one")
    return arguments


def _patient_client(arguments: argparse.Namespace, stop: Event) -> OrchestratorClient:
    """Return a client that waits for an orchestrator that is busy or away, as long as it takes.

    Giving up between a recommendation and its trade would leave that trade unopened until a restart.
    """

    def pause(seconds: float) -> None:
        log.warning("%s is busy or away, trying again in %.1f s", arguments.url, seconds)
        if stop.wait(seconds):
            sys.exit(0)

    return OrchestratorClient(arguments.url, arguments.key, attempts=sys.maxsize, sleep=pause)


def _beat(client: OrchestratorClient, strategy: Strategy) -> None:
    client.heartbeat(engine_version=strategy.version, rules_hash=strategy.rules_hash)


def _keep_beating(arguments: argparse.Namespace, strategy: Strategy, stop: Event) -> None:
    """Send heartbeats from a thread of its own, because a long poll or a repeat may hold the other up."""
    with OrchestratorClient(arguments.url, arguments.key) as client:
        while not stop.wait(HEARTBEAT_SECONDS):
            try:
                _beat(client, strategy)
            except OrchestratorError as error:
                log.warning("heartbeat failed: %s", error)
