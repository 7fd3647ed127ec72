"""The demo, step by step."""

from __future__ import annotations

import json
import socket
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from django.conf import settings

from demo.accounts import Access, prepare
from demo.alerts import alert_message
from demo.bars import read_bars, replay_bars
from demo.children import Child, DemoError, forget_journals, start_engine, start_site, wait_until_ready
from demo.counts import Counts, count
from demo.invariants import check_invariants
from demo.progress import ProgressLine, progress_text
from demo.sender import AlertSender
from demo.table import comparison_lines, pair_lines
from policies.selectors import state_in_force

HOST = "127.0.0.1"
BARS_FILE = Path("examples") / "data" / "stocks_daily.csv"
START_SECONDS = 60.0
LOOK_SECONDS = 0.25
# Longer than the lease of the engines' claims, so that what a killed run had claimed is given out again.
STALLED_SECONDS = 90.0


class Demo:
    """One run; leaving the context ends every process it started, the last one first."""

    def __init__(self, *, port: int, bars: int, folder: Path) -> None:
        self.url = f"http://{HOST}:{port}"
        self._port, self._bars, self._folder = port, bars, folder
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        while self._children:
            self._children.pop().stop()

    def run(self) -> bool:
        """Run the whole flow; return whether every invariant held.

        1. Start the site, make log-ins, keys, source and policy, start the engines.
        2. Send the alerts and wait until every flow has ended.
        3. Print the comparison and check what must hold.
        """
        _refuse_real_money()
        messages = self._messages()
        self._start_site()
        access = prepare()
        self._start_engines(access)
        self._print_access(access)
        self._replay(AlertSender(self.url, access.webhook_path, messages))
        self._print_comparison(access.analyst_key)
        return _print_invariants()

    def keep_up(self) -> None:
        """Keep the site and the engines running until Ctrl-C."""
        say(f"\nThe site stays up at {self.url}/admin/ until Ctrl-C.")
        while True:
            self._check_children()
            time.sleep(1.0)

    def _messages(self) -> list[str]:
        history = read_bars(Path(settings.BASE_DIR) / BARS_FILE)
        try:
            return [alert_message(item) for item in replay_bars(history, self._bars)]
        except ValueError as error:
            raise DemoError(f"{error} Choose another number with --bars.") from None

    def _start_site(self) -> None:
        _refuse_used_port(self._port)
        self._folder.mkdir(parents=True, exist_ok=True)
        say("Starting database, web and worker ...")
        site = start_site(self._port, self._folder / "site.log")
        self._children.append(site)
        wait_until_ready(site, self.url, START_SECONDS)

    def _start_engines(self, access: Access) -> None:
        """Start both engines and wait for their heartbeats, without which nothing would trade for real."""
        say("Starting the two example engines ...")
        if not count().signals:
            forget_journals(self._folder)
        for engine, key in (("a", access.key_a), ("b", access.key_b)):
            self._children.append(start_engine(engine, self.url, key, self._folder))
        deadline = time.monotonic() + START_SECONDS
        while not ((state := state_in_force()).engine_a_available and state.engine_b_available):
            self._check_children()
            if time.monotonic() > deadline:
                raise DemoError(f"The engines send no heartbeat, or are switched off in the admin; see {self._folder}.")
            time.sleep(0.1)

    def _check_children(self) -> None:
        for child in self._children:
            child.check()

    def _print_access(self, access: Access) -> None:
        say(f"\nThe site: {self.url}/admin/  (API: {self.url}/api/v1/docs)")
        for name, password in access.passwords.items():
            say(f"  log in as {name:<8}  with {password}")
        say(f"  logs of site and engines: {self._folder}\n")

    def _replay(self, sender: AlertSender) -> None:
        """Send all alerts and show progress until every flow has ended."""
        line = ProgressLine(sys.stdout)
        sender.start()
        seen: tuple[int, Counts] | None = None
        moved_at = time.monotonic()
        while True:
            sending, counts = sender.is_alive(), count()
            text = progress_text(counts, sent=sender.sent, to_send=self._bars, rate=sender.rate)
            if not sending and counts.is_complete:
                break
            self._check_children()
            if (sender.sent, counts) != seen:
                seen, moved_at = (sender.sent, counts), time.monotonic()
            elif time.monotonic() - moved_at > STALLED_SECONDS:
                line.finish(text)
                raise DemoError(f"Nothing has moved for {STALLED_SECONDS:.0f} s; the logs in {self._folder} say why.")
            line.show(text)
            time.sleep(LOOK_SECONDS)
        line.finish(text)
        _print_answers(sender)

    def _print_comparison(self, key: str) -> None:
        request = urllib.request.Request(  # noqa: S310 (our own address)
            f"{self.url}/api/v1/performance", headers={"Authorization": f"Api-Key {key}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (our own address)
            report: dict[str, Any] = json.load(answer)
        say("\nHow the engines compare (currency; P&L after fees):")
        for text in [*comparison_lines(report), "", *pair_lines(report["pairs"])]:
            say(f"  {text}".rstrip())


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def _refuse_real_money() -> None:
    if settings.PRODUCTION or settings.APP_MODE != "PAPER":
        raise DemoError(
            "The demo resets log-ins and lets example engines trade:"
            " it runs with PRODUCTION off and APP_MODE=PAPER only."
        )


def _refuse_used_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise DemoError(
                f"Cannot listen on {HOST}:{port} ({error}). Is a site or another demo running there? Stop it, or give"
                f" this one another port: --port {min(port + 10, 65535)}"
            ) from None


def _print_answers(sender: AlertSender) -> None:
    say(f"Alerts: {', '.join(f'{number} {status}' for status, number in sorted(sender.answers.items()))}.")
    if sender.answers["duplicate"]:
        say("  duplicate: known from an earlier run of the demo; each alert makes one signal, however often it comes.")
    if sender.answers["conflict"]:
        say("  conflict: an earlier run with another --bars ended at that bar and said so; the first alert stands.")
    if sender.refusals:
        raise DemoError(f"{len(sender.refusals)} alerts were refused. The first answer: {sender.refusals[0]}")


def _print_invariants() -> bool:
    say("\nWhat must hold:")
    findings = check_invariants()
    for finding in findings:
        say(finding.line())
    return all(finding.holds for finding in findings)
