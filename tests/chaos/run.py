"""One run of chaos against `manage.py up`: faults until the time is over, then the reckoning."""

from __future__ import annotations

import statistics
import subprocess
import time
from datetime import datetime
from pathlib import Path

from django.conf import settings

from tests.chaos.faults import Fault, Random, random_fault
from tests.chaos.feeder import Feeder
from tests.chaos.hangs import Hangs
from tests.chaos.invariants import breaches, unsettled
from tests.chaos.services import Member, Service, service
from tests.database import value
from tests.factories import make_source
from tests.processes.harness import free_port, http_status, wait_until

# Decisions must go on within this time after any fault.
LIMIT_SECONDS = 30.0
# A decision that has not come by then will not come.
PATIENCE_SECONDS = 180.0
# Alerts must be taken again within this time once what stood still goes on.
BACK_SECONDS = 2.0
# The port must be served again within this time after the death or standstill of what serves it: watched by us, and,
# the site's first process, by the service manager, which waits for longer.
SERVED_SECONDS = {"alerts": 10.0, "up": LIMIT_SECONDS}
LONGEST_HANG_SECONDS = 12.0
# Who waited meanwhile is answered in turn.
CROWD_SECONDS = 1.0
TOKEN = "a-token-of-sufficient-length"
DECIDED_SINCE = "SELECT EXISTS (SELECT FROM signals WHERE received_at > %s AND status = 'PROCESSED')"


class Run:
    """Hurts one site and keeps what came of it."""

    def __init__(self, minutes: float, random: Random) -> None:
        self.random = random
        self.begun = time.monotonic()
        self.ends = self.begun + minutes * 60
        # Seconds until decisions went on, until alerts were taken again, and until the port was served again.
        self.recoveries: list[float] = []
        self.returns: list[float] = []
        self.replacements: list[float] = []
        # From when to when nobody was there who could have answered.
        self.unserved: list[tuple[float, float]] = []
        self.breaches: list[str] = []
        # Of this round.
        self.told = ""

    def run(self) -> int:
        """Start the site, feed it, hurt it, and look at what is left; return the exit code."""
        folder = Path(settings.DATA_DIR) / "chaos"
        folder.mkdir(parents=True, exist_ok=True)
        make_source(token=TOKEN, max_age_seconds=0)
        port = free_port()
        log = folder / "up.log"
        with (
            Hangs(folder) as hangs,
            service(
                "up", "--port", str(port), "--workers", "2",
                log=hangs.reader.pipe, DATABASE_URL=hangs.line.url,
            ) as site,
        ):  # fmt: skip
            wait_until(lambda: http_status(f"http://127.0.0.1:{port}/readyz") == 200, what="readiness")
            with Feeder(port, TOKEN) as feeder:
                while time.monotonic() < self.ends:
                    self._let_things_go_wrong(site, feeder, hangs)
            self._reckon(site, feeder)
        self._report(site, feeder, log)
        return 1 if self.breaches else 0

    def _let_things_go_wrong(self, site: Service, feeder: Feeder, hangs: Hangs) -> None:
        """Let one or two things go wrong at any moment, then wait until decisions go on."""
        time.sleep(self.random.uniform(0, 3))
        self._tell(f"{time.monotonic() - self.begun:4.0f} s  ")
        if self.random.random() < 0.4:
            name, hang = self.random.choice(hangs.ways)
            seconds = self.random.uniform(1, LONGEST_HANG_SECONDS)
            self._tell(f"for {seconds:.0f} s {name}")
            with hang(self.random):
                time.sleep(seconds)
            self._wait_for_alerts(feeder)
        else:
            for _ in range(self.random.choice((1, 1, 2))):
                begun, doors = time.monotonic(), [one for one in site.family() if one.program() == "alerts"]
                fault = random_fault(self.random, [site], hangs=True)
                self._tell(f"{fault.told}, ")
                if fault.program in SERVED_SECONDS:
                    self._wait_until_served(site, feeder.port, fault, doors, begun)
        seconds = self._seconds_until_decisions_resume(site)
        self.recoveries.append(seconds)
        if seconds > LIMIT_SECONDS:
            self.breaches.append(f"decisions resumed only after {seconds:.0f} s: {self.told}")
        self._tell(f": decisions resumed after {seconds:.1f} s, {len(feeder.acknowledged)} alerts acknowledged\n")
        self.told = ""

    def _tell(self, what: str) -> None:
        """Print at once, because what follows may never come back; kept for a breach."""
        print(what, end="", flush=True)
        self.told += what

    def _wait_for_alerts(self, feeder: Feeder) -> None:
        """Wait until an alert that was sent after this moment is taken."""
        healed = time.monotonic()
        wait_until(lambda: feeder.taken_at > healed, seconds=PATIENCE_SECONDS, what="an alert taken again")
        self.returns.append(time.monotonic() - healed)
        if self.returns[-1] > BACK_SECONDS:
            self.breaches.append(f"alerts were taken again only after {self.returns[-1]:.1f} s: {self.told}")

    def _wait_until_served(self, site: Service, port: int, fault: Fault, doors: list[Member], begun: float) -> None:
        """Wait until the victim and what served the port with it are gone, and another process serves it."""
        # Of several alert processes one alone is hurt; they all end with the server that started them.
        ending = (fault.victim, *(doors if fault.program != "alerts" else ()))

        def is_served() -> bool:
            site.keep_up()
            site.family()
            gone = not any(one.is_alive() for one in ending if one)
            return gone and http_status(f"http://127.0.0.1:{port}/healthz") == 200

        wait_until(is_served, seconds=PATIENCE_SECONDS, what="a web server")
        self.unserved.append((begun, time.monotonic() + CROWD_SECONDS))
        self.replacements.append(time.monotonic() - begun)
        if self.replacements[-1] > SERVED_SECONDS[fault.program]:
            self.breaches.append(f"the port was served again only after {self.replacements[-1]:.1f} s: {self.told}")

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
        for late in feeder.late:
            if not any(begun < late.ended and late.begun < ended for begun, ended in self.unserved):
                when, seconds = late.begun - self.begun, late.ended - late.begun
                self.breaches.append(f"an alert of second {when:.1f} got {late.what} after {seconds:.2f} s")
        self.breaches += feeder.wrong_answers + breaches(feeder.acknowledged)

    def _report(self, site: Service, feeder: Feeder, log: Path) -> None:
        print(
            f"{len(self.recoveries)} rounds, {site.starts - 1} restarts by the service manager.\n"
            f"Decisions resumed after {_times(self.recoveries)}, alerts were taken again after {_times(self.returns)}, "
            f"the port was served again after {_times(self.replacements)}.\n"
            f"{len(feeder.acknowledged)} alerts acknowledged, {feeder.refused} sent again; {len(feeder.late)} answered "
            f"late or never, but for the breaches only while nobody was there to answer.\n"
            f"{value('SELECT count(*) FROM experiments')} experiments. Log: {log}"
        )
        for breach in self.breaches:
            print(f"BREACH  {breach}")
        print("Chaos: FAILED." if self.breaches else "Chaos: passed.")


def _times(seconds: list[float]) -> str:
    return f"{statistics.median(seconds or [0]):.1f} s (median; at worst {max(seconds, default=0):.1f} s)"
