"""The demo, step by step."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.core.management.base import OutputWrapper

from demo import evaluation
from demo.accounts import SOURCE, Access, prepare
from demo.alerts import alert_message
from demo.bars import first_alerts, read_bars, write_chart
from demo.children import START_SECONDS, DemoError, check, engine, feeder, journal, start_site
from demo.counts import Counts, count
from demo.sender import AlertSender
from kernel.process_group import ProcessGroup
from kernel.progress import ProgressLine
from orchestrator_site.console.report_text import comparison_lines, pair_lines
from orchestrator_site.invariants import verify
from policies.selectors import state_in_force

HOST = "127.0.0.1"
BARS_FILE = Path("examples") / "data" / "stocks_daily.csv"
CHART = "chart.csv"
PLURALS = {"duplicate": "duplicates", "conflict": "conflicts"}
LOOK_SECONDS = 0.25
# `up` itself needs five seconds to stop its programs.
STOP_SECONDS = 15.0
# Longer than the lease of the engines' claims, so that what a killed run had claimed is given out again.
STALLED_SECONDS = 90.0


class Demo:
    """One run; leaving the context ends every process it started."""

    def __init__(self, *, port: int, alerts: int | None, folder: Path) -> None:
        self.url = f"http://{HOST}:{port}"
        self._port, self._alerts, self._folder = port, alerts, folder
        self._to_send = 0
        self._group = ProcessGroup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._group.end(STOP_SECONDS)

    def run(self) -> bool:
        """Run the whole flow; whether every invariant held.

        1. Start the site, create accounts, keys, source and policy, start the engines and the feeder.
        2. Start an evaluation, send the alerts and wait until every flow has ended.
        3. Print the comparison, check the invariants, and finish the evaluation.
        """
        if settings.PRODUCTION or settings.APP_MODE != "PAPER":
            raise DemoError(
                "The demo resets passwords and lets example engines trade: "
                "it runs with PRODUCTION off and APP_MODE=PAPER only."
            )
        history = read_bars(Path(settings.BASE_DIR) / BARS_FILE)
        try:
            bars, alerts = first_alerts(history, self._alerts)
        except ValueError as error:
            raise DemoError(f"{error} Choose another number with --alerts.") from None
        self._to_send = len(alerts)
        messages = [[alert_message(item) for item in fired] for _, fired in groupby(alerts, lambda item: item.bar.day)]
        say("Starting database, web server and worker ...")
        start_site(self._group, HOST, self._port, self._folder)
        # After the site, which makes the tables and version 1 of the policy when it starts.
        access = prepare()
        write_chart(self._folder / CHART, bars)
        self._start_engines(access)
        self._group.add(feeder(self.url, access.feeder_key, self._folder))
        say(f"\nThe site: {self.url}/admin/  (API: {self.url}/api/v1/docs)")
        for name, password in access.passwords.items():
            say(f"  sign in as {name:<8}  with {password}")
        say(f"  logs of site, engines and feeder: {self._folder}\n")
        question = evaluation.start(alerts)
        say(f"Evaluation {question}: fixed, approved and started before the first alert.\n")
        self._replay(AlertSender(self.url, access.webhook_path, messages))
        # Over HTTP and with an analyst's key, so that the demo shows what a program of the analyst's would get.
        request = urllib.request.Request(  # noqa: S310 (our own URL)
            f"{self.url}/api/v1/performance", headers={"Authorization": f"Api-Key {access.analyst_key}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (our own URL)
            report: dict[str, Any] = json.load(answer)
        currency = report["filters"]["currency"]
        say(f"\nHow the engines compare (in {currency}; P&L after fees):")
        for text in [*comparison_lines(report), "", *pair_lines(report["pairs"])]:
            say(f"  {text}".rstrip())
        say("\nInvariants:")
        holds = True
        for finding in verify("traded", source=SOURCE):
            holds = holds and not finding.rows
            for text in finding.lines():
                say(f"  {text}")
        line = ProgressLine(OutputWrapper(sys.stdout))
        said = evaluation.finish(question, line.show)
        line.clear()
        say(f"\nThe verdict: {said}\n  {self.url}/admin/outcomes/evaluation/verdict/{question}/")
        return holds

    def keep_up(self) -> None:
        """Keep the site, the engines and the feeder running until Ctrl-C."""
        say(f"\nThe site keeps running at {self.url}/admin/ until you press Ctrl-C.")
        while True:
            self._check_programs()
            time.sleep(1.0)

    def _start_engines(self, access: Access) -> None:
        """Start both engines and wait for their heartbeats, without which nothing would trade for real."""
        say("Starting the two example engines ...")
        is_empty = not count().signals
        for letter, key in (("a", access.key_a), ("b", access.key_b)):
            if is_empty:
                # The journal of another database would tell the engine of a future it has not seen.
                journal(letter, self._folder).unlink(missing_ok=True)
            self._group.add(engine(letter, self.url, key, self._folder, bars=self._folder / CHART))
        deadline = time.monotonic() + START_SECONDS
        while not ((state := state_in_force()).engine_a_available and state.engine_b_available):
            self._check_programs()
            if time.monotonic() > deadline:
                raise DemoError(f"The engines send no heartbeat, or are disabled in the admin; see {self._folder}.")
            time.sleep(0.1)

    def _check_programs(self) -> None:
        for program in self._group.programs:
            check(program)

    def _replay(self, sender: AlertSender) -> None:
        """Send all alerts and show progress until every flow has ended."""
        line = ProgressLine(OutputWrapper(sys.stdout))
        sender.start()
        seen: tuple[int, Counts] | None = None
        moved_at = time.monotonic()
        while True:
            sending, counts = sender.is_alive(), count()
            text = counts.progress(sent=sender.sent, to_send=self._to_send, rate=sender.rate)
            if not sending and counts.is_complete:
                break
            self._check_programs()
            if (sender.sent, counts) != seen:
                seen, moved_at = (sender.sent, counts), time.monotonic()
            elif time.monotonic() - moved_at > STALLED_SECONDS:
                line.finish(text)
                raise DemoError(f"No progress for {STALLED_SECONDS:.0f} s; see the logs in {self._folder}.")
            line.show(text)
            time.sleep(LOOK_SECONDS)
        line.finish(text)
        say(f"Alerts: {', '.join(told(number, status) for status, number in sorted(sender.answers.items()))}.")
        if sender.answers["duplicate"]:
            say("  duplicate: received in an earlier run of the demo; a repeated alert creates no second signal.")
        if sender.answers["conflict"]:
            say("  conflict: an earlier run with another --alerts sent this bar as its last; its first alert was kept.")
        if sender.rejections:
            raise DemoError(f"{len(sender.rejections)} alerts were rejected. The first answer: {sender.rejections[0]}")


def told(number: int, status: str) -> str:
    """How many alerts got this answer, in words."""
    return f"{number} {PLURALS.get(status, status) if number != 1 else status}"


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)
