"""One run of chaos against `manage.py up`: faults until the time is over, then the reckoning."""

from __future__ import annotations

import statistics
import subprocess
import time
from datetime import datetime
from pathlib import Path

from django.conf import settings

from tests.chaos.faults import Random, random_fault
from tests.chaos.feeder import Feeder
from tests.chaos.invariants import breaches, unsettled
from tests.chaos.services import Service, service
from tests.database import value
from tests.factories import make_source
from tests.processes.harness import free_port, http_status, wait_until

# Decisions must go on within this time after any fault.
LIMIT_SECONDS = 30.0
# A decision that has not come by then will not come.
PATIENCE_SECONDS = 180.0
TOKEN = "a-token-of-sufficient-length"
DECIDED_SINCE = "SELECT EXISTS (SELECT FROM signals WHERE received_at > %s AND status = 'PROCESSED')"


class Run:
    """Hurts one site and keeps what came of it."""

    def __init__(self, minutes: float, random: Random) -> None:
        self.random = random
        self.begun = time.monotonic()
        self.ends = self.begun + minutes * 60
        self.recoveries: list[float] = []
        self.breaches: list[str] = []

    def run(self) -> int:
        """Start the site, feed it, hurt it, and look at what is left; return the exit code."""
        log = Path(settings.DATA_DIR) / "chaos" / "up.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        make_source(token=TOKEN, max_age_seconds=0)
        port = free_port()
        with service("up", "--port", str(port), "--workers", "2", log=log) as site:
            wait_until(lambda: http_status(f"http://127.0.0.1:{port}/readyz") == 200, what="readiness")
            with Feeder(port, TOKEN) as feeder:
                while time.monotonic() < self.ends:
                    self._inject_faults(site, feeder)
            self._reckon(site, feeder)
        self._report(site, feeder, log)
        return 1 if self.breaches else 0

    def _inject_faults(self, site: Service, feeder: Feeder) -> None:
        """Let one or two things go wrong at any moment, then wait until decisions go on."""
        time.sleep(self.random.uniform(0, 3))
        faults = "; ".join(random_fault(self.random, [site], hangs=True) for _ in range(self.random.choice((1, 1, 2))))
        print(f"{time.monotonic() - self.begun:4.0f} s  {faults}", end="", flush=True)
        seconds = self._seconds_until_decisions_resume(site)
        self.recoveries.append(seconds)
        if seconds > LIMIT_SECONDS:
            self.breaches.append(f"decisions resumed only after {seconds:.0f} s: {faults}")
        print(f": decisions resumed after {seconds:.1f} s, {len(feeder.acknowledged)} alerts acknowledged", flush=True)

    def _seconds_until_decisions_resume(self, site: Service) -> float:
        """Wait until an alert that came after this moment is decided."""
        begun = time.monotonic()
        since: datetime = value("SELECT clock_timestamp()")

        def has_resumed() -> bool:
            site.keep_up()
            site.family()
            return bool(value(DECIDED_SINCE, since))

        wait_until(has_resumed, seconds=PATIENCE_SECONDS, what="a decision")
        return time.monotonic() - begun

    def _reckon(self, site: Service, feeder: Feeder) -> None:
        """Wait for the last decision, stop the site, and look for what must not be."""

        def settled() -> bool:
            site.keep_up()
            return not unsettled()

        try:
            wait_until(settled, seconds=PATIENCE_SECONDS, what="the last decision")
            if (code := site.stop()) != 0:
                self.breaches.append(f"SIGTERM ended the site with code {code}")
            wait_until(lambda: not site.survivors(), seconds=10, what="the end of all processes")
        except (AssertionError, subprocess.TimeoutExpired) as error:
            self.breaches.append(str(error))
        self.breaches += feeder.wrong_answers + breaches(feeder.acknowledged)

    def _report(self, site: Service, feeder: Feeder, log: Path) -> None:
        print(
            f"{len(self.recoveries)} rounds of faults, {site.starts - 1} restarts by the service manager; "
            f"decisions resumed after {statistics.median(self.recoveries or [0]):.1f} s (median), "
            f"{max(self.recoveries, default=0):.1f} s at worst.\n"
            f"{len(feeder.acknowledged)} alerts acknowledged, {feeder.refused} retries, "
            f"{feeder.unanswered} of them after a time-out of ten seconds; "
            f"{value('SELECT count(*) FROM experiments')} experiments. Log: {log}"
        )
        for breach in self.breaches:
            print(f"BREACH  {breach}")
        print("Chaos: FAILED." if self.breaches else "Chaos: passed.")
